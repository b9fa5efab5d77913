/// Bytes for the kernels, aligned to a cache line and freed with their owner.
///
/// They are not initialised: whoever makes a buffer writes each byte before it is read.
@safe final class AlignedBuffer {
    let start: UnsafeMutablePointer<UInt8>
    let count: Int

    init(count: Int) {
        precondition(count >= 0)
        self.count = count
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 64)
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
        precondition(offset >= 0 && offset + bytes.count <= count)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let from = bytes.baseAddress else { return }
            unsafe (start + offset).update(from: from, count: bytes.count)
        }
    }

    func zero(at offset: Int, count: Int) {
        precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
        unsafe (start + offset).update(repeating: 0, count: count)
    }
}
