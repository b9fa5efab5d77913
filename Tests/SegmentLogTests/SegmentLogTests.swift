internal import SegmentLog
internal import SystemIO
internal import TestSupport
internal import Testing

/// What a log promises while nothing goes wrong.
@Suite struct SegmentLogTests {
    @Test(arguments: [0, 1, 7, 8, 9, 4095, 4096, 4097, 8191, 8192, 8193, 20_000, 40_961])
    func everyRangeOfAPayloadComesBack(length: Int) throws {
        let log = try TestLog.open(InMemoryFileSystem())
        let payload = TestLog.payload(length, seed: 1)
        _ = try log.append(kind: 1, TestLog.payload(13, seed: 2))
        let location = try log.append(kind: 2, payload)
        #expect(location.length == length)
        #expect(location.lsn == 2)
        #expect(try log.read(location) == payload)
        // Of the longest, bytes near the front are read in passing, those behind are not.
        let edges = [
            0, 1, 4095, 4096, 4097, 8191, 8192, 12_288, 36_864, 36_865, length - 1, length,
        ]
        .filter { $0 >= 0 && $0 <= length }
        for start in edges {
            for end in edges where end >= start {
                #expect(try log.read(location, start..<end) == Array(payload[start..<end]))
            }
        }
    }

    @Test func partsAreOnePayload() throws {
        let log = try TestLog.open(InMemoryFileSystem())
        let payload = TestLog.payload(10_000, seed: 3)
        for cuts in [[0], [4096], [1, 4095, 4096, 4097], [5000, 5000, 9999]] {
            let location = try unsafe payload.withBytes { (bytes) throws(SegmentLogError) in
                var parts: [UnsafeRawBufferPointer] = unsafe []
                var start = 0
                for cut in cuts + [10_000] {
                    unsafe parts.append(UnsafeRawBufferPointer(rebasing: bytes[start..<cut]))
                    start = cut
                }
                return try unsafe log.append(kind: 1, parts: parts)
            }
            #expect(try log.read(location) == payload)
        }
    }

    @Test func theWorkedExampleIsTrue() throws {
        let disk = InMemoryFileSystem()
        let log = try SegmentLog.open(
            "/log",
            SegmentLogOptions(kind: 1, segmentSize: 1024),
            disk: disk,
            entropy: CountingEntropy()
        )
        _ = try log.append(kind: 2, Array("hi".utf8))
        let file = try #require(try disk.readWholeFile("/log/00000001.seg"))
        let record = Array(file[64..<112])
        let start: [UInt8] = [0x57, 0x52, 0x45, 0x43, 2, 0, 0, 0, 2, 0, 0, 0]
        #expect(Array(record[0..<12]) == start)
        #expect(
            Array(record[16..<40]) == [1, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + [
                1, 2, 3, 4, 5, 6, 7, 8,
            ]
        )
        let checksum = CRC32C.checksum(Array("hi".utf8))
        #expect(Array(record[40..<44]) == TestLog.littleEndian(checksum))
        let whole = CRC32C.checksum(Array(record[0..<12]) + Array(record[16..<44]))
        #expect(Array(record[12..<16]) == TestLog.littleEndian(whole))
        #expect(Array(record[44...]) == [0x68, 0x69, 0, 0])
        // As `Docs/Formats/segment-log.md` has them.
        #expect(TestLog.littleEndian(whole) == [0xF8, 0x4C, 0x6F, 0xD9])
        #expect(TestLog.littleEndian(checksum) == [0xC2, 0xD9, 0x9D, 0xF5])
    }

    @Test func zerosGoAheadOfSmallSyncsAndMeanNothing() throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk, segmentSize: 1 << 20)
        var end = 0
        for index in 0..<40 {
            end = try log.append(kind: 1, TestLog.payload(10_000, seed: index)).end
            try log.syncAll()
        }
        // A garbled tail would show what was there before: each record replaced zeros.
        let file = try #require(try disk.readWholeFile("/log/00000001.seg"))
        #expect(file.count == 1 << 20)
        #expect(file[end...].allSatisfy { $0 == 0 })
        for seed in 1...20 as ClosedRange<UInt64> {
            let (_, records) = try TestLog.reopen(disk.crash(seed: seed), segmentSize: 1 << 20)
            #expect(records.map(\.payload) == (0..<40).map { TestLog.payload(10_000, seed: $0) })
        }
    }

    @Test func aSyncWorksWhereNoZerosCanBeWritten() throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk, segmentSize: 1 << 20)
        let location = try log.append(kind: 1, TestLog.payload(100, seed: 1))
        disk.faults.writesUntilFailure = 0
        try log.syncAll()
        #expect(log.durableLSN == location.lsn)
        disk.faults = DiskFaults()
        let next = try log.append(kind: 1, TestLog.payload(100, seed: 2))
        #expect(try log.read(next) == TestLog.payload(100, seed: 2))
    }

    @Test func segmentsFillAndLongRecordsGetTheirOwn() throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk, segmentSize: 1024)
        var locations: [RecordLocation] = []
        for index in 0..<20 {
            let length = index == 10 ? 5000 : 200
            locations.append(try log.append(kind: 1, TestLog.payload(length, seed: index)))
        }
        #expect(log.segments.count > 4)
        #expect(log.segments.map(\.number) == Array(1...UInt64(log.segments.count)))
        #expect(locations.map(\.lsn) == Array(1...20))
        try log.syncAll()
        for (index, location) in locations.enumerated() {
            let length = index == 10 ? 5000 : 200
            #expect(try log.read(location) == TestLog.payload(length, seed: index))
        }
        // A sealed segment has given back what it did not use.
        for segment in log.segments.dropLast() {
            let status = try disk.status("/log/0000000\(segment.number).seg")
            #expect(status?.size == segment.size)
            var seen: [UInt64] = []
            try log.forEachRecord(in: segment.number) { record throws(SegmentLogError) in
                seen.append(record.location.lsn)
            }
            #expect(seen.first == segment.first)
        }
    }

    @Test func numbersAreNeverGivenOutTwice() throws {
        var disk = InMemoryFileSystem()
        var last: UInt64 = 0
        var numbers: Set<UInt64> = []
        for _ in 0..<5 {
            let log = try TestLog.open(disk)
            let location = try log.append(kind: 1, [1])
            #expect(location.lsn == last + 1)
            last = location.lsn
            #expect(numbers.insert(location.segment).inserted)
            try log.syncAll()
            for segment in log.segments { try log.removeSegment(segment.number) }
            #expect(throws: SegmentLogError.missing(segment: location.segment)) {
                try log.read(location)
            }
            try log.removeSegment(location.segment)
            disk = disk.kill()
        }
    }

    @Test func aFullDiskRefusesAndGoesOn() throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk, segmentSize: 1024)
        disk.faults.capacity = 3000
        var kept: [RecordLocation] = []
        var failure: SegmentLogError?
        while failure == nil {
            do throws(SegmentLogError) {
                kept.append(try log.append(kind: 1, TestLog.payload(200, seed: kept.count)))
            } catch { failure = error }
        }
        #expect(failure?.isNoSpace == true)
        try log.syncAll()
        disk.faults.capacity = nil
        kept.append(try log.append(kind: 1, TestLog.payload(200, seed: kept.count)))
        try log.syncAll()
        let (_, records) = try TestLog.reopen(disk.crash(seed: 0))
        #expect(records.map(\.location) == kept)
    }

    @Test func aFailedSyncPoisonsTheLog() async throws {
        let disk = InMemoryFileSystem()
        let log = try TestLog.open(disk)
        let first = try log.append(kind: 1, [1])
        try log.syncAll()
        let second = try log.append(kind: 1, [2])
        disk.faults.syncsUntilFailure = 0
        let failed = SegmentLogError.failed(
            SystemError(operation: "fdatasync", code: 5, path: "/log/00000001.seg")
        )
        #expect(throws: failed) { try log.sync(upTo: second.lsn) }
        // The disk works again, but nobody may believe it.
        #expect(throws: failed) { try log.sync(upTo: second.lsn) }
        #expect(throws: failed) { try log.append(kind: 1, [3]) }
        try log.sync(upTo: first.lsn)
        #expect(log.durableLSN == first.lsn)
        #expect(try log.read(second) == [2])
        await #expect(throws: failed) {
            try await log.sync(upTo: second.lsn, on: BlockingPool(threads: 1))
        }
    }

    @Test func manyThreadsAppendAndSync() throws {
        try Scratch.with { scratch in
            let path = scratch.path + "/log"
            let log = try SegmentLog.open(
                path,
                SegmentLogOptions(kind: 1, segmentSize: 64 << 10),
                disk: LinuxFileSystem(),
                entropy: LinuxEntropy()
            )
            let failures = Monitor([SegmentLogError]())
            let threads = (0..<4).map { thread in
                SystemThread(name: "append-\(thread)") {
                    do throws(SegmentLogError) {
                        for index in 0..<100 {
                            let payload = TestLog.payload(900, seed: thread * 1000 + index)
                            let location = try log.append(kind: UInt8(thread), payload)
                            if index % 10 == 0 { try log.sync(upTo: location.lsn) }
                            let back = try log.read(location)
                            precondition(back == payload)
                        }
                    } catch {
                        failures.withLock { $0.append(error) }
                    }
                }
            }
            for thread in threads { thread.join() }
            #expect(failures.withLock { $0 } == [])
            #expect(log.lastLSN == 400)
            var counts = [0, 0, 0, 0]
            let again = try SegmentLog.open(
                path,
                SegmentLogOptions(kind: 1, segmentSize: 64 << 10),
                disk: LinuxFileSystem(),
                entropy: LinuxEntropy()
            ) { counts[Int($0.kind)] += 1 }
            #expect(counts == [100, 100, 100, 100])
            #expect(again.lastLSN == 400)
        }
    }
}
