import Synchronization
import SystemIO
import Testing

@testable import Volume

/// Segments of the log that are kept for little go, also without a network.
struct CompactionTests {
    @Test func onlySparseSegmentsAreChosenTheOldestFirst() {
        func segment(_ number: UInt64, live: UInt64) -> CompactionPlan.Segment {
            CompactionPlan.Segment(number: number, bytes: 1000, live: live)
        }
        let segments = [
            segment(1, live: 250), segment(2, live: 249), segment(3, live: 1000),
            segment(4, live: 0),
        ]
        #expect(CompactionPlan.victims(segments) == [2, 4])
        #expect(CompactionPlan.victims(segments, quarters: 4) == [1, 2, 4])
        #expect(CompactionPlan.victims([]) == [])
        let large = (1...9).map {
            CompactionPlan.Segment(number: $0, bytes: 80 << 20, live: 15 << 20)
        }
        // Not more at a time than the budget allows.
        #expect(CompactionPlan.victims(large) == [1, 2, 3, 4])
    }

    @Test func theLogIsLookedAtWhenThereIsMore() {
        func isDue(_ segments: Int, atLastLook: Int, seconds: Int = 100) -> Bool {
            CompactionPlan.isDue(
                segments: segments,
                atLastLook: atLastLook,
                sinceLook: .seconds(seconds),
                segmentBytes: 64,
                cap: 4096
            )
        }
        #expect(!isDue(15, atLastLook: 0))
        #expect(isDue(16, atLastLook: 0))
        #expect(!isDue(18, atLastLook: 16))
        #expect(isDue(19, atLastLook: 16))
        // When it is full, every few seconds.
        #expect(isDue(64, atLastLook: 64, seconds: 5))
        #expect(!isDue(64, atLastLook: 64, seconds: 4))
    }

    /// Without a network nothing but compaction ever shortens the log.
    @Test func aLogWithoutACapIsLookedAtToo() {
        func isDue(_ segments: Int, atLastLook: Int) -> Bool {
            CompactionPlan.isDue(
                segments: segments,
                atLastLook: atLastLook,
                sinceLook: .seconds(100),
                segmentBytes: 64 << 20,
                cap: .max
            )
        }
        #expect(!isDue(15, atLastLook: 0))
        #expect(isDue(16, atLastLook: 0))
        // However much lives: not again until there is more.
        #expect(!isDue(10_000, atLastLook: 9000))
        #expect(isDue(10_126, atLastLook: 9000))
    }

    /// The place of each byte of a slice, by where the pieces say it is.
    private func places(_ pieces: [Piece]) -> [UInt32: UInt64] {
        var places: [UInt32: UInt64] = [:]
        for piece in pieces {
            for index in 0..<piece.length {
                let at = piece.place.segment << 32 | UInt64(piece.place.data + index)
                #expect(places.updateValue(at, forKey: piece.offset + index) == nil)
            }
        }
        return places
    }

    private func pieces(_ random: inout TestRandom, segment: UInt64) -> [Piece] {
        var pieces: [Piece] = []
        var at: UInt32 = 0
        for _ in 0..<random.next() % 6 {
            at += UInt32(random.next() % 4)
            let length = UInt32(1 + random.next() % 5)
            let place = LogPlace(segment: segment, position: 0, lsn: 1, payload: 99, data: at)
            pieces.append(Piece(offset: at, length: length, place: place))
            at += length
        }
        return pieces
    }

    @Test func newPiecesTakeThePlaceOfOldOnes() {
        var random = TestRandom(state: 5)
        for _ in 0..<5000 {
            let old = pieces(&random, segment: 1)
            let new = pieces(&random, segment: 2)
            let merged = VolumeCore.merge(old, new)
            let expected = places(old).merging(places(new)) { $1 }
            #expect(places(merged) == expected, "\(old) \(new)")
            #expect(zip(merged, merged.dropFirst()).allSatisfy { $0.end <= $1.offset })
        }
    }

    /// A volume of short segments whose log takes a few of them.
    private func harness() throws -> VolumeHarness {
        var configuration = VolumeConfiguration()
        configuration.cleanCap = 0
        configuration.logCap = 24 * (16 << 10)
        let harness = VolumeHarness(configuration, segmentSize: 16 << 10)
        try harness.open(InMemoryFileSystem())
        try harness.volume.makeRoot()
        return harness
    }

    /// Without compaction the log is full after some dozen rounds, and writes end.
    @Test func aFileThatIsWrittenOverForEverNeedsNoNetwork() throws {
        let harness = try harness()
        let inode = try harness.volume.makeFile("pages", [UInt8](repeating: 0, count: 8 << 10))
        let handle = try harness.volume.open(inode, flags: [.read, .write], context: someone)
        var expected = [UInt8](repeating: 0, count: 8 << 10)
        for round in 0..<300 {
            let page = noise(1 << 10, seed: UInt64(round))
            // The first page is never written over: it is what holds the first segment.
            let at = (1 + round % 7) << 10
            try harness.volume.write(handle, UInt64(at), page)
            expected.replaceSubrange(at..<at + page.count, with: page)
            guard round % 5 == 0 else { continue }
            harness.time.advance(by: .seconds(6))
            while try harness.volume.tick() {}
            #expect(try harness.volume.contents(inode) == expected, "round \(round)")
        }
        let segments = try harness.disk.list("/log").count
        #expect(segments < 24, "\(segments) segments")
        #expect(try harness.volume.check().isClean)
        try harness.kill()
        #expect(try harness.volume.contents(inode) == expected)
        try harness.crash(seed: 7)
        let report = try harness.volume.check()
        #expect(report.isClean, "\(report.problems)")
    }

    /// A view that a full disk took from us is given the moved pieces again, and until it has them
    /// no segment goes in which it would look for the bytes.
    @Test(arguments: [false, true]) func aFullDiskLosesNoMove(isKilled: Bool) throws {
        let harness = try harness()
        let volume = harness.volume
        let inode = try volume.makeFile("pages", [UInt8](repeating: 0, count: 8 << 10))
        let handle = try volume.open(inode, flags: [.read, .write], context: someone)
        var expected = [UInt8](repeating: 0, count: 8 << 10)
        for round in 0..<60 {
            let page = noise(1 << 10, seed: UInt64(round))
            let at = (1 + round % 7) << 10
            try volume.write(handle, UInt64(at), page)
            expected.replaceSubrange(at..<at + page.count, with: page)
        }
        try volume.synchronize()
        let sparse = try harness.disk.list("/log")
        // The database's own log must have to grow, and not begin anew in what it has.
        for number in 0..<3000 { try volume.makeFile("f\(number)") }

        let disk = harness.disk
        volume.setFaultPlan { point in
            if point == .compaction { disk.faults.growthsUntilFull = 0 }
        }
        #expect(throws: VolumeError.noSpace) { try volume.compact(quarters: 4) }
        #expect(volume.core.withLock { $0.isViewWaiting }, "the view had no room")
        try volume.locked { (core) throws(VolumeError) in try core.trimLog() }
        #expect(Set(try harness.disk.list("/log")).isSuperset(of: sparse))
        #expect(try volume.contents(inode) == expected)

        if isKilled {
            try harness.kill()
            #expect(try harness.volume.contents(inode) == expected)
            harness.disk.faults = DiskFaults()
        } else {
            harness.disk.faults = DiskFaults()
            harness.time.advance(by: .seconds(2000))
            while try volume.tick() {}
            let left = Set(try harness.disk.list("/log"))
            #expect(!left.isSuperset(of: sparse), "what nobody needs is gone")
            try harness.kill()
            #expect(try harness.volume.contents(inode) == expected)
        }
        let report = try harness.volume.check()
        #expect(report.isClean, "\(report.problems)")
    }

    /// What a cut that is being uploaded has must stay, also when no file has it any more.
    @Test func whatACutNeedsStays() throws {
        let harness = try harness()
        let volume = harness.volume
        try volume.makeFile("gone", noise(40_000, seed: 1))
        let snapshot = try volume.cut()
        let ranges = try snapshot.unplacedRanges()
        snapshot.close()
        try volume.unlink(.root, volume.name("gone"), context: someone)
        try volume.makeFile("next", noise(40_000, seed: 2))
        while try volume.tick() {}
        try volume.compact(quarters: 4)
        var bytes: [UInt8] = []
        for range in ranges.sorted(by: { $0.fileOffset < $1.fileOffset }) {
            bytes += try volume.readSlice(
                range.slice,
                offset: range.offset,
                length: range.length
            )
        }
        #expect(bytes == noise(40_000, seed: 1))
    }

    @Test func aMoveIsARecordThatOlderProgramsRefuse() throws {
        let data = OperationRecord.Data(slice: 1, offset: 2, length: 3, isMove: true)
        let record = OperationRecord(inodes: 1, stored: 2, data: data, rows: [])
        #expect(record.bytes.first == 2)
        #expect(try OperationRecord(bytes: record.bytes) == record)
        var nothing = OperationRecord(inodes: 1, stored: 2, data: nil, rows: []).bytes
        nothing[0] = 2
        #expect(throws: VolumeError.self) { try OperationRecord(bytes: nothing) }
    }
}
