internal import SystemIO

// What a read needs of a record, without an array for each of its parts: reads of a few kilobytes
// are as frequent as writes.

/// The blocks of a payload that a range of its bytes lies in.
struct BlockRange {
    private let length: Int
    /// The number of the first block.
    let first: Int
    private(set) var count: Int

    /// - Precondition: The range is not empty and lies within the payload.
    init(of length: Int, from lower: Int, to upper: Int) {
        precondition(lower < upper && upper <= length)
        self.length = length
        first = lower / SegmentFormat.blockSize
        count = (upper - 1) / SegmentFormat.blockSize - first + 1
    }

    /// Where in the payload the first block begins.
    var start: Int { first * SegmentFormat.blockSize }
    /// Where the last block ends; the payload's last may be short.
    var end: Int { min((first + count) * SegmentFormat.blockSize, length) }

    mutating func dropLast() { count -= 1 }
    mutating func keepFirst() { count = 1 }
}

/// Memory for one call.
@safe final class Scratch {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        unsafe bytes = .allocate(byteCount: byteCount, alignment: 16)
    }

    deinit { unsafe bytes.deallocate() }
}

/// The header and the checksums of a record, in memory that lives as long as they are used.
@safe struct RecordPrefix {
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count >= SegmentFormat.recordHeaderSize)
        unsafe self.bytes = bytes
    }

    private func number<Value: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int,
        as: Value.Type
    ) -> Value {
        unsafe Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// Whether this is the record that lies at `location`, undamaged.
    func isGood(_ location: RecordLocation, salt: UInt64) -> Bool {
        guard unsafe bytes.count == SegmentFormat.prefixSize(location.length),
            unsafe bytes[..<4].elementsEqual(SegmentFormat.recordMagic),
            number(8, as: UInt32.self) == UInt32(location.length),
            number(16, as: UInt64.self) == location.lsn,
            number(32, as: UInt64.self) == salt
        else { return false }
        let head = unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<12]))
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[16...])
        return unsafe CRC32C.checksum(rest, continuing: head) == number(12, as: UInt32.self)
    }

    /// Whether whole blocks, of which the payload's last may be short, are as they were written.
    func verify(_ blocks: UnsafeRawBufferPointer, from first: Int) -> Bool {
        var (at, index) = (0, first)
        while at < blocks.count {
            let next = min(blocks.count, at + SegmentFormat.blockSize)
            let block = unsafe UnsafeRawBufferPointer(rebasing: blocks[at..<next])
            let expected = number(SegmentFormat.recordHeaderSize + 4 * index, as: UInt32.self)
            guard unsafe CRC32C.checksum(block) == expected else { return false }
            (at, index) = (next, index + 1)
        }
        return true
    }
}
