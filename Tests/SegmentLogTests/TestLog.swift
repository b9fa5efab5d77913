internal import SegmentLog
internal import SystemIO

/// Small logs for tests.
enum TestLog {
    static func open(
        _ disk: InMemoryFileSystem,
        segmentSize: Int = 64 << 10,
        seed: UInt64 = 1
    ) throws -> SegmentLog {
        try SegmentLog.open(
            "/log",
            SegmentLogOptions(kind: 1, segmentSize: segmentSize),
            disk: disk,
            entropy: SeededEntropy(seed: seed)
        )
    }

    /// Opens a log and collects what survived.
    static func reopen(
        _ disk: InMemoryFileSystem,
        from lsn: UInt64 = 1,
        knownDurable: UInt64 = 0,
        segmentSize: Int = 1024
    ) throws -> (log: SegmentLog, records: [LogRecord]) {
        var records: [LogRecord] = []
        let log = try SegmentLog.open(
            "/log",
            SegmentLogOptions(kind: 1, segmentSize: segmentSize),
            disk: disk,
            entropy: SeededEntropy(seed: 99),
            recoveringFrom: lsn,
            knownDurable: knownDurable
        ) { records.append($0) }
        return (log, records)
    }

    static func payload(_ length: Int, seed: Int) -> [UInt8] {
        SeededEntropy(seed: UInt64(seed)).bytes(count: length)
    }

    static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
}

/// Gives 1, 2, 3 and so on: for bytes that are worked out on paper.
struct CountingEntropy: Entropy {
    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices {
            unsafe buffer[index] = UInt8(truncatingIfNeeded: index + 1)
        }
    }
}
