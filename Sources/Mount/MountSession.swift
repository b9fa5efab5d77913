internal import CFuse
internal import Glibc
internal import Synchronization
internal import SystemIO
package import Volume

// The life of a mount:
//
//     init      checks the mountpoint, mounts; requests queue in the kernel
//     serve     threads take requests until the kernel says that the mount is gone, or `stop`
//     stop      from any other thread: unmounts, at once if nothing is in use, else lazily, and
//               makes the threads return
//     serve     answers what still waits, and returns: no handler runs any more
//
// The loop is our own, because the library's ends its threads with pthread_cancel, which Swift
// frames do not expect. The thread that leads (`RequestLead`) waits in poll(2), and is woken by a
// signal.

/// A mounted volume.
@safe package final class MountSession: Sendable {
    /// The first library version with all functions that are used here, major * 100 + minor.
    private static let libraryVersionMin = 314

    private struct Threads {
        var running: [pthread_t] = []
        var started = 0
        var isStopping = false
    }

    package let mountpoint: Mountpoint
    private let adapter: KernelAdapter
    /// libfuse's session.
    ///
    /// It locks what its threads share, and lives as long as this object.
    nonisolated(unsafe) let session: OpaquePointer
    private let lead = RequestLead()
    /// Guards which threads run; the wake-up signal is sent while it is held, so that none ends
    /// in between.
    private let threads = Monitor(Threads())

    /// Mounts `volume`; nothing is answered before ``serve(whenReady:)``.
    ///
    /// `ownDirectories` are those that the mount stands on (see ``Mountpoint``).
    package init(
        volume: any MountableVolume,
        at mountpoint: Mountpoint,
        options: MountOptions,
        ownDirectories: [String],
        spawn: @escaping Spawn
    ) throws(MountError) {
        let version = Int(fuse_version())
        guard version >= Self.libraryVersionMin, version < 400 else {
            throw .libraryVersion(version)
        }
        try mountpoint.prepare(ownDirectories: ownDirectories)
        guard unsafe access("/dev/fuse", R_OK | W_OK) == 0 || geteuid() != 0 else {
            throw .noDevice(unsafe String(cString: strerror(errno)))
        }
        self.mountpoint = mountpoint
        adapter = KernelAdapter(volume: volume, options: options, spawn: spawn)
        unsafe session = try Self.makeSession(adapter, options)
        guard unsafe fuse_session_mount(session, mountpoint.path) == 0 else {
            let code = errno
            unsafe fuse_session_destroy(session)
            if code == EPERM || code == EACCES { throw .notPermitted(mountpoint.path) }
            throw .failed("\(SystemError(operation: "mount", code: code, path: mountpoint.path))")
        }
        try unsafe Self.installHook(session, mountpoint)
    }

    deinit { unsafe fuse_session_destroy(session) }

    /// How often the kernel asked for what.
    package var requests: [String: UInt64] { adapter.hook.counts.byName }

    private static func makeSession(
        _ adapter: KernelAdapter,
        _ options: MountOptions
    ) throws(MountError) -> OpaquePointer {
        var table = makeKernelOperations()
        var arguments = unsafe fuse_args()
        defer { unsafe fuse_opt_free_args(&arguments) }
        for argument in ["walrusfs", "-o", options.libraryOptions] {
            guard unsafe fuse_opt_add_arg(&arguments, argument) == 0 else {
                throw .failed("no memory for the options")
            }
        }
        let session = unsafe fuse_session_new(
            &arguments,
            &table,
            MemoryLayout<fuse_lowlevel_ops>.size,
            Unmanaged.passUnretained(adapter).toOpaque()
        )
        guard let session = unsafe session else {
            throw .failed("libfuse refused the options \(options.libraryOptions)")
        }
        return unsafe session
    }

    private static func installHook(
        _ session: OpaquePointer,
        _ mountpoint: Mountpoint
    ) throws(MountError) {
        var io = fuse_custom_io()
        unsafe io.read = { descriptor, buffer, size, handle in
            guard let handle = unsafe handle else {
                return unsafe Glibc.read(descriptor, buffer, size)
            }
            let adapter = unsafe Unmanaged<KernelAdapter>.fromOpaque(handle)
                .takeUnretainedValue()
            let count = unsafe adapter.wait.read(descriptor, buffer, size)
            if count > 0 {
                return unsafe adapter.hook.received(
                    UnsafeMutableRawBufferPointer(start: buffer, count: count)
                )
            }
            return count
        }
        unsafe io.writev = { descriptor, parts, count, handle in
            if let handle = unsafe handle {
                let adapter = unsafe Unmanaged<KernelAdapter>.fromOpaque(handle)
                    .takeUnretainedValue()
                unsafe adapter.hook.sends(parts, count: count)
            }
            return unsafe Glibc.writev(descriptor, parts, count)
        }
        let descriptor = unsafe fuse_session_fd(session)
        // The thread that reads waits in its own way.
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let failure = unsafe fuse_session_custom_io(session, &io, descriptor)
        guard failure == 0 else {
            // Unmounting can only fail if it is unmounted already.
            try? mountpoint.unmount(lazily: true)
            unsafe fuse_session_destroy(session)
            throw .failed("libfuse does not take our input and output")
        }
    }

    /// Answers requests, blocking, until the volume is unmounted or ``stop()`` is called.
    ///
    /// `whenReady` runs when requests are being taken.
    package func serve(whenReady: @Sendable () -> Void = {}) {
        Self.ignoreWakeUps()
        for index in 0..<adapter.options.threads {
            _ = SystemThread(name: "fuse-\(index)") { [self] in work() }
        }
        threads.waitUntil { $0.started == adapter.options.threads ? () : nil }
        raiseReadAhead()
        whenReady()
        threads.waitUntil { $0.running.isEmpty ? () : nil }
        adapter.pending.drain()
    }

    /// Unmounts and makes ``serve(whenReady:)`` return.
    ///
    /// May be called more than once.
    package func stop() {
        do throws(MountError) {
            try mountpoint.unmount()
        } catch .busy {
            // Those who use it keep a dead view of it; the name is free for the next mount.
            try? mountpoint.unmount(lazily: true)  // Gone meanwhile is as good.
        } catch {
            // Unmounted already, or never to be by us: the threads stop all the same.
        }
        end()
    }

    /// Makes ``serve(whenReady:)`` return after someone has unmounted the volume.
    ///
    /// The kernel ends the session itself, unless a copy of the mount stands in another mount
    /// namespace (mount_namespaces(7)): then it would go on for as long as that namespace does,
    /// and keep the volume from its next mount. Whoever still looks at the copy sees a dead mount.
    package func endUnmounted() {
        for _ in 0..<100 where !threads.withLock({ $0.running.isEmpty }) { usleep(20_000) }
        end()
    }

    private func end() {
        unsafe fuse_session_exit(session)
        lead.end()
        threads.withLock { $0.isStopping = true }
        // A thread that was about to wait when its signal came needs another one.
        while true {
            let isOver = threads.withLock { threads in
                for thread in threads.running { pthread_kill(thread, SIGUSR2) }
                return threads.running.isEmpty
            }
            if isOver { break }
            usleep(5000)
        }
    }

    /// What every thread does.
    private func work() {
        threads.withLock { threads in
            threads.running.append(pthread_self())
            threads.started += 1
        }
        threads.wakeAll()
        let thread = RequestThread(lead, wait: adapter.wait)
        thread.run { takeRequests(thread) }
        unsafe fuse_session_exit(session)
        lead.end()
        threads.withLock { threads in
            threads.running.removeAll { $0 == pthread_self() }
        }
        threads.wakeAll()
    }

    private func takeRequests(_ thread: RequestThread) {
        var buffer = unsafe fuse_buf()
        while unsafe fuse_session_exited(session) == 0, thread.takeLead() {
            let count = unsafe fuse_session_receive_buf(session, &buffer)
            if count == -EINTR || count == -EAGAIN { continue }
            // Zero: unmounted. Less: the device failed, and the mount is dead.
            if count <= 0 { break }
            let request = unsafe UnsafeRawBufferPointer(start: buffer.mem, count: Int(count))
            if unsafe KernelHook.takesLong(request) { thread.pass() }
            unsafe fuse_session_process_buf(session, &buffer)
        }
        unsafe free(buffer.mem)
    }

    /// SIGUSR2 does nothing but end a poll(2) that waits.
    private static func ignoreWakeUps() {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in }
        unsafe sigemptyset(&action.sa_mask)
        unsafe sigaction(SIGUSR2, &action, nil)
        // A service manager or a test may have blocked it.
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGUSR2)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Lets the kernel read ahead further than its 128 KiB, if it lets us (root only).
    private func raiseReadAhead() {
        guard adapter.options.readAhead > 0, let entry = MountTable.entry(at: mountpoint.path)
        else { return }
        let descriptor = unsafe open(
            "/sys/class/bdi/\(entry.device)/read_ahead_kb",
            O_WRONLY | O_CLOEXEC
        )
        guard descriptor >= 0 else { return }
        let value = Array("\(adapter.options.readAhead)".utf8)
        // Not being allowed to costs speed, nothing else.
        _ = unsafe write(descriptor, value, value.count)
        close(descriptor)
    }
}
