internal import CFuse
internal import Glibc
internal import Synchronization
internal import Volume

/// Translates the kernel's requests into calls of a volume, and answers them.
///
/// It holds no policy.
///
/// Handlers run on the threads of the session, many at once, and never wait for the network: what
/// can not be answered at once is answered later, from work that ``Spawn`` starts.
final class KernelAdapter: Sendable {
    let volume: any MountableVolume
    let options: MountOptions
    let hook = KernelHook()
    let wait: RequestWait
    let buffers: BufferPool
    let pending = PendingReplies()
    /// Set once, by the first request.
    private let isDirect = Atomic<Bool>(false)
    private let spawn: Spawn

    init(volume: any MountableVolume, options: MountOptions, spawn: @escaping Spawn) {
        self.volume = volume
        self.options = options
        self.spawn = spawn
        wait = RequestWait(spin: options.spin)
        // One for each thread, and as many again for answers under way.
        buffers = BufferPool(idleMax: options.threads * 2)
    }

    /// Whether the kernel opens files and directories without asking, and names them by their
    /// inodes (`Docs/Decisions/0146-opening-asks-nothing.md`).
    var opensDirectly: Bool { isDirect.load(ordering: .relaxed) }

    /// The adapter that the session of a request belongs to.
    static func of(_ request: OpaquePointer?) -> KernelAdapter {
        guard let handle = unsafe fuse_req_userdata(request) else {
            preconditionFailure("the session was made without its adapter")
        }
        return unsafe Unmanaged<KernelAdapter>.fromOpaque(handle).takeUnretainedValue()
    }

    /// Gives up the thread; `work` answers.
    ///
    /// `written`: what was asked for has happened already, so that a signal only ends the wait.
    func answerLater(
        _ reply: consuming Reply,
        written: Int? = nil,
        _ work: @escaping @Sendable (PendingReply) async -> Void
    ) {
        PendingReply(reply, written: written, spawn: spawn, registry: pending).start(work)
    }

    /// Says what this mount can do, once, before the first request.
    func configure(_ connection: UnsafeMutablePointer<fuse_conn_info>) {
        let capable = unsafe connection.pointee.capable
        let opening = UInt32(FUSE_CAP_NO_OPEN_SUPPORT) | UInt32(FUSE_CAP_NO_OPENDIR_SUPPORT)
        isDirect.store(
            !volume.keepsHandles && capable & opening == opening,
            ordering: .relaxed
        )
        var want = unsafe connection.pointee.want
        func set(_ flag: Int32, _ on: Bool = true) {
            let flag = UInt32(bitPattern: flag) & capable
            want = on ? want | flag : want & ~flag
        }
        set(Int32(FUSE_CAP_READDIRPLUS))
        set(Int32(FUSE_CAP_READDIRPLUS_AUTO))
        set(Int32(FUSE_CAP_CACHE_SYMLINKS))
        set(Int32(FUSE_CAP_EXPORT_SUPPORT))
        // Without an open that we hear of, the kernel truncates by itself.
        set(Int32(FUSE_CAP_ATOMIC_O_TRUNC), !opensDirectly)
        set(Int32(FUSE_CAP_PARALLEL_DIROPS))
        // The kernel checks access lists, and leaves umask and default lists to the volume.
        set(Int32(FUSE_CAP_POSIX_ACL))
        set(Int32(FUSE_CAP_DONT_MASK))
        // All changes go through this mount: what the kernel has cached stays true.
        set(Int32(FUSE_CAP_AUTO_INVAL_DATA), false)
        set(Int32(FUSE_CAP_EXPLICIT_INVAL_DATA))
        // No gain was measured, and data would pass through pipes.
        set(Int32(FUSE_CAP_SPLICE_READ), false)
        set(Int32(FUSE_CAP_SPLICE_WRITE), false)
        set(Int32(FUSE_CAP_SPLICE_MOVE), false)
        // Version 2 is set by the hook.
        set(Int32(FUSE_CAP_HANDLE_KILLPRIV), false)
        // See `Docs/Decisions/0080-write-through.md` and `0100-writeback-cache.md`.
        set(Int32(FUSE_CAP_WRITEBACK_CACHE), options.writesBack)
        unsafe connection.pointee.want = want
        unsafe connection.pointee.max_write = UInt32(BufferPool.size)
        unsafe connection.pointee.max_background = 64
        unsafe connection.pointee.congestion_threshold = 48
        unsafe connection.pointee.time_gran = 1
    }
}
