internal import Glibc

/// Bytes for the kernels, aligned to a cache line and freed with their owner.
///
/// They are not initialised: whoever makes a buffer writes each byte before it is read.
@safe final class AlignedBuffer {
    let start: UnsafeMutablePointer<UInt8>
    let count: Int

    /// From here on the system is asked for pages of this size: touching new memory 4 KiB at a time
    /// takes longer than encoding into it.
    private static let hugePage = 2 << 20

    init(count: Int) {
        precondition(count >= 0)
        self.count = count
        let isLarge = count >= Self.hugePage
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 64),
            alignment: isLarge ? Self.hugePage : 64
        )
        if isLarge {
            // Only advice, and only for whole pages: no more memory is used than is asked for.
            _ = unsafe madvise(memory, count / Self.hugePage * Self.hugePage, MADV_HUGEPAGE)
        }
        unsafe start = memory.bindMemory(to: UInt8.self, capacity: count)
    }

    deinit { unsafe UnsafeMutableRawPointer(start).deallocate() }

    /// A copy of `count` bytes from `offset`.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
        return unsafe Array(UnsafeBufferPointer(start: start + offset, count: count))
    }

    /// Copies `bytes` to `offset`.
    func write(_ bytes: [UInt8], at offset: Int) {
        write(bytes, 0..<bytes.count, at: offset)
    }

    /// Copies a part of `bytes` to `offset`.
    func write(_ bytes: [UInt8], _ range: Range<Int>, at offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        precondition(offset >= 0 && offset + range.count <= count)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let from = bytes.baseAddress else { return }
            unsafe (start + offset).update(from: from + range.lowerBound, count: range.count)
        }
    }

    func zero(at offset: Int, count: Int) {
        precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
        unsafe (start + offset).update(repeating: 0, count: count)
    }
}
