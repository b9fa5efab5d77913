import SystemIO
import Testing

@testable import SegmentLog

/// Room that is there before it is needed, on a disk that fills up.
struct RoomTests {
    private static let size = 4096

    private func open(_ disk: InMemoryFileSystem, seed: UInt64 = 1) throws -> SegmentLog {
        try SegmentLog.open(
            "/log",
            SegmentLogOptions(kind: 7, segmentSize: Self.size),
            disk: disk,
            entropy: SeededEntropy(seed: seed)
        )
    }

    private func isFull(_ body: () throws(SegmentLogError) -> Void) -> Bool {
        do throws(SegmentLogError) { try body() } catch { return error.isNoSpace }
        return false
    }

    @Test func whatWasMadeRoomForIsAppendedHoweverFullTheDisk() throws {
        let disk = InMemoryFileSystem()
        let log = try open(disk)
        for length in [1, 100, 3000, 5000, 20_000] {
            try log.makeRoom(for: length, mayUseSpare: false)
            disk.faults.growthsUntilFull = 0
            let location = try log.append(kind: 1, [UInt8](repeating: 9, count: length))
            #expect(try log.read(location).count == length)
            disk.faults = DiskFaults()
        }
    }

    @Test func theSpareIsForThoseWhoMayUseIt() throws {
        let disk = InMemoryFileSystem()
        let log = try open(disk)
        try log.makeRoom(for: 3000, mayUseSpare: false)
        _ = try log.append(kind: 1, [UInt8](repeating: 1, count: 3000))
        disk.faults.growthsUntilFull = 0
        #expect(
            isFull { () throws(SegmentLogError) in
                // The segment turns into the spare, which then is missing.
                try log.makeRoom(for: 3000, mayUseSpare: false)
            }
        )
        #expect(
            isFull { () throws(SegmentLogError) in
                try log.makeRoom(for: 10, mayUseSpare: false)
            }
        )
        try log.makeRoom(for: 3000, mayUseSpare: true)
        _ = try log.append(kind: 2, [UInt8](repeating: 2, count: 3000))
        #expect(
            isFull { () throws(SegmentLogError) in
                try log.makeRoom(for: 3000, mayUseSpare: true)
            }
        )
        disk.faults = DiskFaults()
        try log.makeRoom(for: 3000, mayUseSpare: false)
        _ = try log.append(kind: 3, [3])
        try log.syncAll()
        #expect(try log.locations(after: 0).map(\.lsn) == [1, 2, 3])
        #expect(try log.locations(after: 2).map(\.lsn) == [3])
        #expect(try log.locations(after: 3).isEmpty)
        // Nothing of it shows to the next opening, or to one after a power cut.
        for next in [disk.kill(), disk.crash(seed: 0), disk.crash(seed: 5)] {
            var seen: [UInt8] = []
            let again = try SegmentLog.open(
                "/log",
                SegmentLogOptions(kind: 7, segmentSize: Self.size),
                disk: next,
                entropy: SeededEntropy(seed: 9)
            ) { seen.append($0.kind) }
            #expect(seen == [1, 2, 3])
            try again.makeRoom(for: 3000, mayUseSpare: false)
            #expect(try again.append(kind: 4, [4]).lsn == 4)
        }
    }
}
