internal import Codec
internal import SystemIO

@testable internal import SegmentLog

extension FuzzTarget {
    /// A segment with the checksums that its bytes should have, so that what lies behind them is
    /// reached.
    static func repairedSegment(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= SegmentFormat.segmentHeaderSize else { return bytes }
        var repaired = bytes
        repaired.replaceSubrange(0..<6, with: SegmentFormat.segmentMagic + [1, 0])
        put(CRC32C.checksum(Array(repaired[0..<60])), at: 60, in: &repaired)
        var offset = SegmentFormat.segmentHeaderSize
        while offset + SegmentFormat.recordHeaderSize <= repaired.count {
            offset = repairRecord(at: offset, in: &repaired)
        }
        return repaired
    }

    /// Where the next record begins.
    private static func repairRecord(at start: Int, in bytes: inout [UInt8]) -> Int {
        bytes.replaceSubrange(start..<start + 4, with: SegmentFormat.recordMagic)
        guard let length = RecordHeader.claimedLength(Array(bytes[start...])) else {
            return bytes.count
        }
        let head = start + SegmentFormat.prefixSize(length)
        guard head + length <= bytes.count else { return bytes.count }
        // Each record repeats the beginning of its segment's id.
        bytes.replaceSubrange(start + 32..<start + 40, with: bytes[32..<40])
        let size = SegmentFormat.blockSize
        for block in 0..<SegmentFormat.blockCount(length) {
            let part = bytes[head + block * size..<min(head + length, head + (block + 1) * size)]
            let at = start + SegmentFormat.recordHeaderSize + 4 * block
            put(CRC32C.checksum(Array(part)), at: at, in: &bytes)
        }
        let first = CRC32C.checksum(Array(bytes[start..<start + 12]))
        put(
            CRC32C.checksum(Array(bytes[start + 16..<head]), continuing: first),
            at: start + 12,
            in: &bytes
        )
        return start + SegmentFormat.recordSize(length)
    }

    private static func put(_ number: UInt32, at offset: Int, in bytes: inout [UInt8]) {
        for index in 0..<4 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(8 * index))
        }
    }
}
