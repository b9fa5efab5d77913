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

    private let capacity: Int
    private let pool: BufferPool?

    /// With memory of a pool, if it has some that fits, which goes back there in the end.
    init(count: Int, pool: BufferPool? = nil) {
        precondition(count >= 0)
        self.count = count
        self.pool = pool
        if let block = pool?.take(count) {
            capacity = block.capacity
            unsafe start = block.memory.assumingMemoryBound(to: UInt8.self)
            return
        }
        let isLarge = count >= Self.hugePage
        capacity = max(count, 64)
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: capacity,
            alignment: isLarge ? Self.hugePage : 64
        )
        if isLarge {
            // Only advice, and only for whole pages: no more memory is used than is asked for.
            _ = unsafe madvise(memory, count / Self.hugePage * Self.hugePage, MADV_HUGEPAGE)
        }
        unsafe start = memory.bindMemory(to: UInt8.self, capacity: capacity)
    }

    deinit {
        let block = unsafe BufferPool.Block(
            memory: UnsafeMutableRawPointer(start),
            capacity: capacity
        )
        guard let pool else { return block.free() }
        pool.give(block)
    }

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
