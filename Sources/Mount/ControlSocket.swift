// The transport of `Docs/Formats/control-socket.md`: frames over a Unix stream socket. What is in
// them is for the program that mounts.

// The compiler finds `timeval` in its header.
internal import CFuse
internal import Glibc
internal import Synchronization
package import SystemIO

/// Why a conversation with a mount failed.
package enum ControlSocketError: Error, Equatable, Sendable {
    /// Nobody listens: the volume is not mounted.
    case notListening(String)
    /// The other side closed too early, or sent what is no frame.
    case broken
    /// The other side answered that it will not; says why.
    case refused(String)
    case failed(SystemError)
}

/// One end of a conversation.
///
/// Blocking calls.
package final class ControlConnection: Sendable {
    /// The longest frame, bytes: a megabyte of JSON is more than anybody reads.
    package static let frameMax = 1 << 20

    private let descriptor: Int32

    fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Connects to the mount whose socket is at `path`.
    package static func connect(to path: String) throws(ControlSocketError) -> ControlConnection {
        let connection = ControlConnection(descriptor: try UnixSocket.make())
        let result = try unsafe UnixSocket.withAddress(path) { address, length in
            unsafe Glibc.connect(connection.descriptor, address, length)
        }
        if result == 0 { return connection }
        switch errno {
        case ENOENT, ECONNREFUSED, ENOTDIR: throw .notListening(path)
        case let code: throw .failed(SystemError(operation: "connect", code: code, path: path))
        }
    }

    package func send(_ frame: [UInt8]) throws(ControlSocketError) {
        precondition(!frame.isEmpty && frame.count <= Self.frameMax)
        let count = UInt32(frame.count)
        let head = (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
        let bytes = head + frame
        var sent = 0
        while sent < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor,
                    buffer.baseAddress.map { unsafe $0 + sent },
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .broken }
            sent += written
        }
    }

    /// The next frame, or nil when the other side is done.
    ///
    /// Its beginning may take any time: `walrusfs umount` is silent until all is unmounted.
    package func receive() throws(ControlSocketError) -> [UInt8]? {
        waitForEnd()
        guard let head = try receive(4) else { return nil }
        let count = head.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count > 0, count <= Self.frameMax, let frame = try receive(count) else {
            throw .broken
        }
        return frame
    }

    /// Exactly `count` bytes; nil when there is none.
    private func receive(_ count: Int) throws(ControlSocketError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var received = 0
        while received < count {
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(
                    descriptor,
                    buffer.baseAddress.map { unsafe $0 + received },
                    count - received,
                    0
                )
            }
            if result < 0, errno == EINTR { continue }
            if result == 0, received == 0 { return nil }
            guard result > 0 else { throw .broken }
            received += result
        }
        return bytes
    }

    /// Gives the other side so long for each part that it sends or takes; then it is `broken`.
    fileprivate func setPatience(_ patience: Duration) {
        let (seconds, attoseconds) = patience.components
        var limit = timeval(
            tv_sec: Int(seconds),
            tv_usec: Int(attoseconds / 1_000_000_000_000)
        )
        let size = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            let result = unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, size)
            precondition(result == 0, "A socket takes time limits.")
        }
    }

    /// Waits until the other side closes or sends more; for a server that is at work.
    package func waitForEnd() {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&wait, 1, -1)
    }

    /// Makes both sides see the end; what another thread waits for returns.
    package func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// The mount's end of the control socket.
package final class ControlServer: Sendable {
    /// Conversations at a time: each has a thread.
    private static let connectionsMax = 16

    private let descriptor: Int32
    private let path: String
    private let isStopped = Atomic<Bool>(false)
    /// Guards how many conversations there are.
    private let connections = Monitor(0)

    /// Listens at `path`.
    ///
    /// What is left there from a crash is replaced: the caller holds the lock of the state
    /// directory, so nobody else listens.
    package init(path: String) throws(ControlSocketError) {
        let descriptor = try UnixSocket.make()
        self.descriptor = descriptor
        self.path = path
        unsafe unlink(path)
        let bound = try unsafe UnixSocket.withAddress(path) { address, length in
            unsafe bind(descriptor, address, length)
        }
        guard bound == 0, unsafe chmod(path, 0o600) == 0,
            listen(descriptor, Int32(Self.connectionsMax)) == 0
        else {
            throw .failed(SystemError(operation: "bind", code: errno, path: path))
        }
    }

    deinit { close(descriptor) }

    /// Serves until ``stop()``, on threads of its own: `body` has each conversation to itself.
    ///
    /// A client that stops in the middle of a frame, or reads no answer, is given up after
    /// `patience`. One that is silent keeps its place; the socket is its user's own.
    package func start(
        patience: Duration = .seconds(10),
        _ body: @escaping @Sendable (ControlConnection) -> Void
    ) {
        _ = SystemThread(name: "control") { [self] in
            while !isStopped.load(ordering: .acquiring) {
                connections.waitUntil { $0 < Self.connectionsMax ? () : nil }
                let accepted = accept(descriptor, nil, nil)
                if accepted < 0 {
                    // Too many descriptors, or a client that gave up: it does not end the mount.
                    if errno != EINTR, !isStopped.load(ordering: .acquiring) { usleep(10_000) }
                    continue
                }
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                let connection = ControlConnection(descriptor: accepted)
                connection.setPatience(patience)
                connections.withLock { $0 += 1 }
                _ = SystemThread(name: "control-client") { [self] in
                    body(connection)
                    connections.withLock { $0 -= 1 }
                    connections.wakeAll()
                }
            }
        }
    }

    /// Takes no more clients, and removes the socket.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        unsafe unlink(path)
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}

private enum UnixSocket {
    static func make() throws(ControlSocketError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else {
            throw .failed(SystemError(operation: "socket", code: errno, path: ""))
        }
        return descriptor
    }

    /// Calls `body` with the address of `path`, however long that is: a path that does not fit is
    /// reached through a descriptor of its directory.
    static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(ControlSocketError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        var name = path
        var directory: Int32 = -1
        defer { if directory >= 0 { close(directory) } }
        if name.utf8.count >= room {
            let slash = path.lastIndex(of: "/") ?? path.startIndex
            directory = unsafe open(
                String(path[..<slash]),
                O_PATH_DIRECTORY
            )
            name = "/proc/self/fd/\(directory)" + path[slash...]
        }
        guard name.utf8.count < room else {
            throw .failed(SystemError(operation: "bind", code: ENAMETOOLONG, path: path))
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            unsafe bytes.copyBytes(from: name.utf8)
        }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// O_PATH, which Glibc's module hides, with O_DIRECTORY and O_CLOEXEC.
    private static let O_PATH_DIRECTORY: Int32 = 0o10000000 | O_DIRECTORY | O_CLOEXEC
}
