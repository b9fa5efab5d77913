internal import Synchronization

/// Page-aligned buffers of one size that are used again and again.
///
/// A fresh megabyte for every request costs a mapping and 256 page faults, which halved the
/// throughput when measured.
final class BufferPool: Sendable {
    /// Bytes of a buffer: the largest request that libfuse 3.14 takes.
    static let size = 1 << 20
    private static let alignment = 4096

    /// How many idle buffers are kept; more are given back to the system.
    private let idleMax: Int
    /// Guards the idle buffers; nothing else is locked while it is held.
    private let idle = Mutex<[PooledBuffer]>([])

    init(idleMax: Int) { self.idleMax = idleMax }

    func take() -> PooledBuffer {
        if let buffer = idle.withLock({ $0.popLast() }) { return buffer }
        return PooledBuffer(byteCount: Self.size, alignment: Self.alignment)
    }

    /// Takes back a buffer that nobody reads or writes any more.
    func giveBack(_ buffer: PooledBuffer) {
        idle.withLock { if $0.count < idleMax { $0.append(buffer) } }
    }
}

/// Memory with one owner at a time: who took it from the pool.
@safe final class PooledBuffer: @unchecked Sendable {
    // Sendable: handed from thread to thread, never used by two at once.
    let bytes: UnsafeMutableRawBufferPointer

    fileprivate init(byteCount: Int, alignment: Int) {
        unsafe bytes = .allocate(byteCount: byteCount, alignment: alignment)
    }

    deinit { unsafe bytes.deallocate() }
}
