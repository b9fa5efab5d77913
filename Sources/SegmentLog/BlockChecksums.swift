internal import SystemIO

/// The checksums of a payload that comes in parts, one for each 4 KiB.
struct BlockChecksums {
    private(set) var checksums: [UInt32] = []
    private(set) var length = 0
    private var current: UInt32 = 0

    init(reserving length: Int) {
        checksums.reserveCapacity(SegmentFormat.blockCount(length))
    }

    mutating func append(_ part: UnsafeRawBufferPointer) {
        var at = 0
        while at < part.count {
            let room = SegmentFormat.blockSize - length % SegmentFormat.blockSize
            let count = min(room, part.count - at)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: part[at..<at + count])
            current = unsafe CRC32C.checksum(piece, continuing: current)
            length += count
            at += count
            if length % SegmentFormat.blockSize == 0 { endBlock() }
        }
    }

    private mutating func endBlock() {
        checksums.append(current)
        current = 0
    }

    /// Ends the last block, which may be short.
    mutating func finish() {
        if length % SegmentFormat.blockSize != 0 { endBlock() }
        precondition(checksums.count == SegmentFormat.blockCount(length))
    }

    static func of(_ bytes: [UInt8]) -> [UInt32] {
        var checksums = BlockChecksums(reserving: bytes.count)
        unsafe bytes.withBytes { unsafe checksums.append($0) }
        checksums.finish()
        return checksums.checksums
    }
}
