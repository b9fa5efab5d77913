internal import SegmentLog
internal import SystemIO
internal import Testing

/// What is left of a log after power cuts and rot.
@Suite struct RecoveryTests {
    /// What a run of the scenario knew when the power went.
    private struct Known {
        var payloads: [[UInt8]] = []
        /// Records up to this number were acknowledged as durable.
        var synced = 0
        /// Segments that were removed, by the number of records before them that nobody needs.
        var removedBefore: UInt64 = 0
        /// An append may have written its record although it failed.
        var inFlight: [UInt8]?
    }

    /// Appends, syncs and now and then removes the oldest segment, until the disk fails.
    private func run(_ disk: InMemoryFileSystem, _ known: inout Known, seed: UInt64) {
        let choices = SeededEntropy(seed: seed)
        do {
            let (log, records) = try TestLog.reopen(disk)
            precondition(records.isEmpty)
            for _ in 0..<25 {
                let length = Int(choices.uint64(below: 5) == 0 ? 1500 : choices.uint64(below: 300))
                let payload = choices.bytes(count: length)
                known.inFlight = payload
                let location = try log.append(kind: 3, payload)
                known.payloads.append(payload)
                known.inFlight = nil
                switch choices.uint64(below: 6) {
                case 0, 1:
                    try log.sync(upTo: location.lsn)
                    known.synced = known.payloads.count
                case 2 where log.segments.count > 2:
                    known.removedBefore = log.segments[1].first
                    try log.removeSegment(log.segments[0].number)
                default: break
                }
            }
        } catch {}
    }

    /// The seeds that were chosen crash at every step of the scenario, each in several ways.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aPowerCutAnywhereLeavesAPrefixWithAllThatWasSynced(seed: UInt64) throws {
        var complete = Known()
        let whole = InMemoryFileSystem()
        run(whole, &complete, seed: seed)
        #expect(complete.payloads.count == 25)
        for step in 0..<whole.steps {
            for crash in 0..<4 as Range<UInt64> {
                let disk = InMemoryFileSystem()
                disk.faults.stepsUntilPowerCut = step
                var known = Known()
                run(disk, &known, seed: seed)
                try check(
                    disk.crash(seed: crash),
                    known,
                    "seed \(seed), step \(step), crash \(crash)"
                )
            }
        }
    }

    private func check(_ disk: InMemoryFileSystem, _ known: Known, _ comment: Comment) throws {
        let (log, records) = try TestLog.reopen(disk)
        let all = known.payloads + [known.inFlight].compactMap { $0 }
        #expect(log.lastLSN >= UInt64(known.synced), comment)
        #expect(log.lastLSN <= UInt64(all.count), comment)
        for record in records {
            #expect(record.payload == all[Int(record.location.lsn) - 1], comment)
            #expect(record.kind == 3, comment)
        }
        let found = Set(records.map(\.location.lsn))
        let first = max(1, known.removedBefore)
        if log.lastLSN >= first {
            for lsn in first...log.lastLSN { #expect(found.contains(lsn), comment) }
        }
        // The log goes on, and what it now says is durable survives the next power cut.
        let next = try log.append(kind: 4, [9, 9])
        #expect(next.lsn == log.lastLSN, comment)
        try log.syncAll()
        let (_, again) = try TestLog.reopen(disk.crash(seed: 0))
        #expect(again.dropLast() == records[...], comment)
        #expect(again.last?.payload == [9, 9], comment)
    }

    /// Three segments of which all but the last record was synced.
    private func filled(
        tail: Bool = true
    ) throws -> (InMemoryFileSystem, [RecordLocation]) {
        let disk = InMemoryFileSystem()
        let (log, _) = try TestLog.reopen(disk)
        var locations: [RecordLocation] = []
        for index in 0..<10 {
            locations.append(try log.append(kind: 1, TestLog.payload(250, seed: index)))
            try log.syncAll()
        }
        if tail { locations.append(try log.append(kind: 1, TestLog.payload(250, seed: 10))) }
        return (disk, locations)
    }

    @Test func everyByteOfASyncedRecordIsGuarded() throws {
        let (source, locations) = try filled()
        for location in [locations[0], locations[3], locations[9]] {
            let path = "/log/0000000\(location.segment).seg"
            for offset in location.offset..<location.payloadOffset + location.length {
                let disk = source.kill()
                disk.rot(path, at: offset, mask: 0x10)
                #expect(
                    throws: SegmentLogError.corrupt(
                        segment: location.segment,
                        offset: location.offset
                    ),
                    "lsn \(location.lsn), byte \(offset - location.offset)"
                ) { try TestLog.reopen(disk) }
            }
        }
    }

    @Test func rotInTheUnsyncedTailIsCutUnlessTheOwnerKnowsBetter() throws {
        let (source, locations) = try filled()
        let last = locations[10]
        let path = "/log/0000000\(last.segment).seg"
        for offset in last.offset..<last.payloadOffset + last.length {
            let disk = source.kill()
            disk.rot(path, at: offset, mask: 0x80)
            #expect(
                throws: SegmentLogError.corrupt(segment: last.segment, offset: last.offset)
            ) { try TestLog.reopen(disk, knownDurable: 11) }
            let (log, records) = try TestLog.reopen(disk, knownDurable: 10)
            #expect(records.count == 10)
            #expect(log.lastLSN == 10)
        }
    }

    @Test func readingARottenBlockNamesIt() throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk)
        let payload = TestLog.payload(10_000, seed: 1)
        let location = try log.append(kind: 1, payload)
        disk.rot("/log/00000001.seg", at: location.payloadOffset + 5000)
        let corrupt = SegmentLogError.corrupt(segment: 1, offset: location.offset)
        #expect(throws: corrupt) { try log.read(location) }
        #expect(throws: corrupt) { try log.read(location, 4096..<4097) }
        #expect(throws: corrupt) { try log.read(location, 8191..<8193) }
        #expect(try log.read(location, 0..<4096) == Array(payload[..<4096]))
        #expect(try log.read(location, 8192..<10_000) == Array(payload[8192...]))
        disk.rot("/log/00000001.seg", at: location.offset + 41)
        #expect(throws: corrupt) { try log.read(location, 0..<1) }
    }

    @Test func aLostSegmentOrHeaderIsRot() throws {
        let (source, locations) = try filled()
        let last = locations[10].segment
        #expect(last >= 3)
        for number in 1...last {
            let disk = source.kill()
            disk.rot("/log/0000000\(number).seg", at: 20)
            #expect(throws: SegmentLogError.corrupt(segment: number, offset: 0)) {
                try TestLog.reopen(disk)
            }
        }
        let disk = InMemoryFileSystem()
        #expect(throws: SegmentLogError.self) { try TestLog.reopen(disk, knownDurable: 1) }
    }

    @Test func onlyWhatIsAskedForIsVisited() throws {
        let (disk, locations) = try filled()
        for lsn in 1...12 as ClosedRange<UInt64> {
            let (log, records) = try TestLog.reopen(disk.kill(), from: lsn)
            #expect(records.map(\.location) == locations.filter { $0.lsn >= lsn })
            #expect(log.lastLSN == 11)
            #expect(try log.read(locations[0]) == TestLog.payload(250, seed: 0))
        }
    }

    @Test func aFailingReadIsNotRot() throws {
        let (source, locations) = try filled()
        let opening = source.kill()
        let (log, _) = try TestLog.reopen(opening)
        for reads in 0..<3 {
            opening.faults.readsUntilFailure = reads
            do throws(SegmentLogError) {
                _ = try log.read(locations[0])
            } catch {
                if case .system = error { continue }
                Issue.record("\(error)")
            }
        }
        for reads in 0..<30 {
            let disk = source.kill()
            disk.faults.readsUntilFailure = reads
            do { _ = try TestLog.reopen(disk) } catch {
                if case .system? = error as? SegmentLogError {} else { Issue.record("\(error)") }
            }
            disk.faults.readsUntilFailure = nil
            // Nothing was cut off.
            #expect(try TestLog.reopen(disk).records.count == 11)
        }
    }

    @Test func anotherLogIsRefused() throws {
        let (disk, _) = try filled()
        #expect(throws: SegmentLogError.unsupported(segment: 1)) {
            try SegmentLog.open(
                "/log",
                SegmentLogOptions(kind: 2),
                disk: disk,
                entropy: SeededEntropy(seed: 1)
            )
        }
    }

    @Test func hostileFilesAreRefusedWithoutATrap() throws {
        let (source, _) = try filled()
        for seed in 0..<300 as Range<UInt64> {
            let choices = SeededEntropy(seed: seed)
            let disk = source.kill()
            for number in 1...3 {
                let file = try disk.open("/log/0000000\(number).seg", .readWrite)
                let size = try file.size()
                for _ in 0...choices.uint64(below: 3) {
                    let offset = Int(choices.uint64(below: UInt64(size)))
                    let length = Int(choices.uint64(below: 40))
                    try file.write(choices.bytes(count: length), at: offset)
                }
            }
            do {
                let (log, records) = try TestLog.reopen(disk)
                #expect(Int(log.lastLSN) >= records.count)
            } catch { #expect(error is SegmentLogError) }
        }
    }

    /// Seed 17 of the volume's crash harness: a process that dies of a failed sync leaves pages
    /// that read well and were never written; the next one must not take them for durable.
    @Test func whatAFailedSyncLeftIsWrittenOnceMore() throws {
        let disk = InMemoryFileSystem()
        let options = SegmentLogOptions(kind: 9, segmentSize: 4096)
        let entropy = SeededEntropy(seed: 1)
        func open(_ disk: InMemoryFileSystem) throws -> (log: SegmentLog, found: [UInt64]) {
            var found: [UInt64] = []
            let log = try SegmentLog.open("/log", options, disk: disk, entropy: entropy) {
                found.append($0.location.lsn)
            }
            return (log, found)
        }
        let (log, _) = try open(disk)
        _ = try log.append(kind: 1, [UInt8](repeating: 1, count: 100))
        try log.syncAll()
        for _ in 0..<3 { _ = try log.append(kind: 1, [UInt8](repeating: 2, count: 100)) }
        disk.faults.syncsUntilFailure = 0
        #expect(throws: SegmentLogError.self) { try log.syncAll() }
        let killed = disk.kill()
        #expect(try open(killed).found == [1, 2, 3, 4])
        #expect(try open(killed.crash(seed: 0)).found == [1, 2, 3, 4])
        // The disk that was never opened again shows that there was something to lose.
        #expect(try open(disk.crash(seed: 0)).found == [1])
    }
}
