internal import CShims
internal import Glibc
internal import Synchronization

/// A descriptor that is given back exactly once.
///
/// Atomic only so that a second `close` is harmless; no call may run while it is closed.
struct Descriptor: ~Copyable, Sendable {
    private let number: Atomic<Int32>

    init(_ number: Int32) {
        precondition(number >= 0)
        self.number = Atomic(number)
    }

    /// - Precondition: It is not closed.
    var value: Int32 {
        let value = number.load(ordering: .relaxed)
        precondition(value >= 0, "a closed file is used")
        return value
    }

    func close() {
        let value = number.exchange(-1, ordering: .relaxed)
        // Never tried again: Linux gives the descriptor back whatever it answers.
        if value >= 0 { _ = Glibc.close(value) }
    }

    deinit { close() }
}

final class LinuxFileLock: FileLock {
    private let descriptor: Descriptor

    init(descriptor: Int32) { self.descriptor = Descriptor(descriptor) }

    func unlock() { descriptor.close() }
}

final class LinuxFile: File {
    let path: String
    private let descriptor: Descriptor

    init(descriptor: Int32, path: String) {
        self.descriptor = Descriptor(descriptor)
        self.path = path
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        precondition(offset >= 0)
        var filled = 0
        while filled < buffer.count {
            let count = try retryingInterrupts("pread", path) {
                unsafe walrus_pread(
                    descriptor.value,
                    buffer.baseAddress.map { unsafe $0 + filled },
                    buffer.count - filled,
                    offset + filled
                )
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    func write(gathering parts: [UnsafeRawBufferPointer], at offset: Int) throws(SystemError) {
        precondition(offset >= 0)
        var vectors: [iovec] = unsafe []
        unsafe vectors.reserveCapacity(parts.count)
        for index in unsafe parts.indices where unsafe !parts[index].isEmpty {
            unsafe vectors.append(
                iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: parts[index].baseAddress),
                    iov_len: parts[index].count
                )
            )
        }
        var first = 0
        var position = offset
        while unsafe first < vectors.count {
            let written = try unsafe writeSome(vectors, from: first, at: position)
            position += written
            var left = written
            while left > 0 {
                let length = unsafe vectors[first].iov_len
                if left < length {
                    unsafe vectors[first].iov_base += left
                    unsafe vectors[first].iov_len -= left
                    left = 0
                } else {
                    left -= length
                    first += 1
                }
            }
        }
    }

    private func writeSome(
        _ vectors: [iovec],
        from first: Int,
        at position: Int
    ) throws(SystemError) -> Int {
        let vectorsMax = 1024  // IOV_MAX, writev(2).
        let count = unsafe min(vectors.count - first, vectorsMax)
        let written = try retryingInterrupts("pwritev", path) {
            unsafe vectors.withUnsafeBufferPointer { buffer in
                unsafe pwritev(
                    descriptor.value,
                    buffer.baseAddress.map { unsafe $0 + first },
                    Int32(count),
                    position
                )
            }
        }
        // Nothing written and no error is not in the manual; going on would never end.
        if written == 0 { throw SystemError(operation: "pwritev", code: EIO, path: path) }
        return written
    }

    func synchronizeData() throws(SystemError) {
        walrus_will_block()
        _ = try retryingInterrupts("fdatasync", path) { fdatasync(descriptor.value) }
    }

    func synchronize() throws(SystemError) {
        walrus_will_block()
        _ = try retryingInterrupts("fsync", path) { fsync(descriptor.value) }
    }

    func truncate(to size: Int) throws(SystemError) {
        _ = try retryingInterrupts("ftruncate", path) { ftruncate(descriptor.value, size) }
    }

    func allocate(upTo size: Int) throws(SystemError) {
        guard size > 0 else { return }
        // Where the filesystem has no fallocate, glibc writes the zeros itself. It answers with
        // the error instead of errno.
        while true {
            let code = posix_fallocate(descriptor.value, 0, size)
            if code == 0 { return }
            if code != EINTR {
                throw SystemError(operation: "posix_fallocate", code: code, path: path)
            }
        }
    }

    func size() throws(SystemError) -> Int {
        var status = stat()
        _ = try retryingInterrupts("fstat", path) { unsafe fstat(descriptor.value, &status) }
        return Int(status.st_size)
    }

    func close() { descriptor.close() }
}
