internal import Logging
internal import SystemIO
internal import Transport

/// Ports that nobody listens on, for services that keep theirs while they end and start again.
struct FreePorts {
    /// The lowest port that is chosen; well-known services are below.
    static let lowest: UInt16 = 10_000
    /// How often a port that turns out to be taken is given up for another.
    private static let attempts = 100
    /// How many there must be to choose from.
    private static let leastChoice = 1000

    /// The ports to choose from; nil for whichever the kernel gives out.
    ///
    /// The kernel takes the source of a connection from a range of its own (`ip_local_port_range`,
    /// ip(7)). While a service with a port from there is away, anybody's connection can get it, and
    /// the service can not start again. So these are the ports below.
    let choice: Range<UInt16>?

    /// - Parameter kernelRange: The first and the last port of the kernel's range, as
    ///   `/proc/sys/net/ipv4/ip_local_port_range` has them.
    init(kernelRange: String) {
        let first = kernelRange.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) }
        choice = first.flatMap {
            Int($0) - Int(Self.lowest) >= Self.leastChoice ? Self.lowest..<$0 : nil
        }
    }

    static func onThisMachine() throws -> FreePorts {
        let file = try CommandFiles.files.open("/proc/sys/net/ipv4/ip_local_port_range", .read)
        defer { file.close() }
        // A file of /proc has no length to go by.
        let range = try file.read(count: 100, at: 0)
        return FreePorts(kernelRange: String(decoding: range, as: UTF8.self))
    }

    /// That many different ports.
    ///
    /// - Throws: When there is no listening at any of them.
    func find(_ count: Int) async throws -> [UInt16] {
        for _ in 1..<Self.attempts {
            // Whatever keeps it from listening, the last attempt says it.
            if let ports = try? await listen(count) { return ports }
        }
        return try await listen(count)
    }

    /// Listens on all of them at once, so that they differ, and lets go of them.
    private func listen(_ count: Int) async throws -> [UInt16] {
        guard count > 0 else { return [] }
        return try await HTTPServer.serve(
            Router(),
            at: .tcp(host: "127.0.0.1", port: choice?.randomElement() ?? 0),
            logger: Logger(label: "ports") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            guard case .tcp(_, let port) = address else {
                preconditionFailure("A TCP server listens on a port.")
            }
            return [port] + (try await listen(count - 1))
        }
    }
}
