internal import CFuse
internal import Glibc
internal import Volume

/// The duty to answer one request of the kernel, exactly once.
///
/// The program that asked sleeps until the answer comes, so a reply that is dropped would hang it
/// for ever: that traps instead. Answers may be given from any thread (libfuse says so).
@safe struct Reply: ~Copyable, @unchecked Sendable {
    private let request: OpaquePointer?

    init(_ request: OpaquePointer?) { unsafe self.request = request }

    deinit { unsafe precondition(request == nil, "a request was dropped without an answer") }

    private consuming func take() -> OpaquePointer? {
        let taken = unsafe request
        discard self
        return unsafe taken
    }

    /// Who asks.
    var context: RequestContext {
        guard let caller = unsafe fuse_req_ctx(request) else {
            return RequestContext(user: 0, group: 0, process: 0, umask: 0)
        }
        return unsafe RequestContext(
            user: caller.pointee.uid,
            group: caller.pointee.gid,
            process: UInt32(bitPattern: caller.pointee.pid),
            umask: UInt16(truncatingIfNeeded: caller.pointee.umask)
        )
    }

    /// Lets `body` use the request without answering it.
    func withRequest<Result>(_ body: (OpaquePointer?) -> Result) -> Result { unsafe body(request) }

    consuming func fail(_ error: VolumeError) { fail(errno: error.errno) }

    consuming func fail(errno code: Int32) {
        let request = unsafe take()
        _ = unsafe fuse_reply_err(request, code)
    }

    consuming func succeed() { fail(errno: 0) }

    /// For the requests that the kernel wants no answer to.
    consuming func end() {
        let request = unsafe take()
        unsafe fuse_reply_none(request)
    }

    /// Whether the kernel took the answer.
    ///
    /// If not, the request was interrupted and the kernel knows nothing of the inode.
    consuming func entry(_ entry: fuse_entry_param) -> Bool {
        let request = unsafe take()
        return unsafe withUnsafePointer(to: entry) { unsafe fuse_reply_entry(request, $0) } == 0
    }

    /// As for ``entry(_:)``, and the kernel knows nothing of the handle either.
    consuming func created(_ entry: fuse_entry_param, _ file: fuse_file_info) -> Bool {
        let request = unsafe take()
        return unsafe withUnsafePointer(to: entry) { entry in
            unsafe withUnsafePointer(to: file) { unsafe fuse_reply_create(request, entry, $0) }
        } == 0
    }

    consuming func opened(_ file: fuse_file_info) -> Bool {
        let request = unsafe take()
        return unsafe withUnsafePointer(to: file) { unsafe fuse_reply_open(request, $0) } == 0
    }

    consuming func attributes(_ attributes: stat, timeout: Double) {
        let request = unsafe take()
        _ = unsafe withUnsafePointer(to: attributes) {
            unsafe fuse_reply_attr(request, $0, timeout)
        }
    }

    consuming func symlink(_ target: [UInt8]) {
        let request = unsafe take()
        _ = unsafe (target + [0]).withUnsafeBytes { bytes in
            unsafe fuse_reply_readlink(
                request,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            )
        }
    }

    /// Whether the kernel took the answer.
    @discardableResult
    consuming func bytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let request = unsafe take()
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        return unsafe fuse_reply_buf(request, start, bytes.count) == 0
    }

    consuming func bytes(_ bytes: [UInt8]) {
        let request = unsafe take()
        _ = unsafe bytes.withUnsafeBytes { bytes in
            unsafe fuse_reply_buf(
                request,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count
            )
        }
    }

    consuming func written(_ count: Int) {
        let request = unsafe take()
        _ = unsafe fuse_reply_write(request, count)
    }

    /// How many bytes the answer needs (getxattr(2) and listxattr(2) with no room).
    consuming func size(_ count: Int) {
        let request = unsafe take()
        _ = unsafe fuse_reply_xattr(request, count)
    }

    consuming func offset(_ offset: UInt64) {
        let request = unsafe take()
        _ = unsafe fuse_reply_lseek(request, off_t(clamping: offset))
    }

    consuming func statistics(_ statistics: statvfs) {
        let request = unsafe take()
        _ = unsafe withUnsafePointer(to: statistics) { unsafe fuse_reply_statfs(request, $0) }
    }
}
