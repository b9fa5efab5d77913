internal import BlobModel
internal import Foundation
internal import Glibc
internal import Logging
internal import Synchronization
internal import SystemIO
internal import Testing
internal import Transport

func key(_ byte: UInt8) -> SigningKey { SigningKey(seed: [UInt8](repeating: byte, count: 32)) }

/// The ways in which a server can be reached.
enum Wire: String, CaseIterable, Sendable {
    case tcp, tls, unix
}

/// A server on a free port or a fresh socket, alive while `body` runs.
func withServer(
    _ router: Router,
    wire: Wire = .tcp,
    limits: ServerLimits = ServerLimits(),
    listen: Endpoint? = nil,
    time: any TimeSource = LinuxTimeSource(),
    _ body: (HTTPServer, Endpoint, HTTPClient) async throws -> Void
) async throws {
    let path = FileManager.default.temporaryDirectory.path + "/t-\(UUID().uuidString).sock"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let (addresses, continuation) = AsyncStream<Endpoint>.makeStream()
    let server = HTTPServer(
        router: router,
        listen: listen ?? (wire == .unix ? .unix(path: path) : .tcp(host: "127.0.0.1", port: 0)),
        identity: wire == .tls ? try TLSIdentity(key: key(1)) : nil,
        limits: limits,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        time: time,
        onListening: {
            continuation.yield($0)
            continuation.finish()
        }
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { continuation.finish() }
            try await server.run()
        }
        do {
            var iterator = addresses.makeAsyncIterator()
            guard let address = await iterator.next() else {
                try await group.waitForAll()
                return
            }
            let client = HTTPClient(
                endpoint: address,
                authentication: wire == .tls ? .pinned(key(1).publicKey) : .plain
            )
            try await body(server, address, client)
            client.shutdown()
            await server.shutdown()
        } catch {
            group.cancelAll()
            throw error
        }
        try await group.waitForAll()
    }
}

/// Bytes on a bare connection, for what a well-behaved client or server never sends.
final class RawSocket: Sendable {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
        // Only a hang reaches it.
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    deinit { Glibc.close(descriptor) }

    convenience init(port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.init(descriptor: descriptor)
        let status = unsafe withAddress(port: port) { unsafe connect(descriptor, $0, $1) }
        try #require(status == 0)
    }

    /// Whether all of it was taken.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// Bytes as they come; empty when the peer closed the connection.
    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        return Array(buffer.prefix(max(count, 0)))
    }

    func readToEnd() -> String {
        var all: [UInt8] = []
        while case let part = read(), !part.isEmpty { all += part }
        return String(decoding: all, as: UTF8.self)
    }

    func closeOutput() { shutdown(descriptor, Int32(SHUT_WR)) }
}

/// The port of a TCP server.
func port(_ endpoint: Endpoint) throws -> UInt16 {
    guard case .tcp(_, let port) = endpoint else { throw TransportError.unreachable("not TCP") }
    return port
}

private func withAddress<Result>(
    port: UInt16,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

/// Runs blocking code on a thread of its own.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

/// Answers each connection's first request with fixed bytes, whatever it asked.
final class RawServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let held = Mutex<[RawSocket]>([])
    private let accepted = Mutex(0)

    var acceptedCount: Int { accepted.withLock { $0 } }

    /// With `holds`, connections stay open after the answer.
    init(answer: [UInt8], holds: Bool = false) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let listener = listener
        let status = unsafe withAddress(port: 0) { unsafe bind(listener, $0, $1) }
        try #require(status == 0)
        try #require(listen(listener, 8) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe getsockname(listener, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [weak self] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                let socket = RawSocket(descriptor: descriptor)
                self?.accepted.withLock { $0 += 1 }
                _ = socket.read()
                socket.write(answer)
                if holds { self?.held.withLock { $0.append(socket) } }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    func client(limits: ClientLimits = ClientLimits()) -> HTTPClient {
        HTTPClient(
            endpoint: .tcp(host: "127.0.0.1", port: port),
            authentication: .plain,
            limits: limits
        )
    }
}
