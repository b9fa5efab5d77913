internal import HummingbirdCore
internal import HummingbirdTLS
package import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization
package import SystemIO

/// Serves a router's routes over HTTP/1.1, with TLS or without, on TCP or a Unix socket.
///
/// Run it once: `run()` listens, serves, and returns after `shutdown()`, after the graceful
/// shutdown of the service group that it is in, or when its task is cancelled. A shutdown lets
/// requests in progress finish; cancelling does not wait for them.
package final class HTTPServer: Sendable {
    let router: Router
    let listen: Endpoint
    let identity: TLSIdentity?
    let limits: ServerLimits
    let logger: Logger
    private let time: any TimeSource
    private let onListening: @Sendable (Endpoint) async -> Void

    private struct State {
        var hasRun = false
        var isStopped = false
        var stop: (@Sendable () async -> Void)?
    }

    // Guards how the running server is stopped, which another task asks for.
    private let state = Mutex(State())

    /// Makes a server.
    ///
    /// `onListening` is called once with the address that peers connect to, with the port that the
    /// machine chose where `listen` leaves it open.
    package init(
        router: Router,
        listen: Endpoint,
        identity: TLSIdentity? = nil,
        limits: ServerLimits = ServerLimits(),
        logger: Logger,
        time: any TimeSource = LinuxTimeSource(),
        onListening: @escaping @Sendable (Endpoint) async -> Void = { _ in }
    ) {
        self.time = time
        self.router = router
        self.listen = listen
        self.identity = identity
        self.limits = limits
        self.logger = logger
        self.onListening = onListening
    }

    /// - Precondition: Called once.
    package func run() async throws {
        let isStopped = state.withLock { state in
            precondition(!state.hasRun, "A server runs once.")
            state.hasRun = true
            return state.isStopped
        }
        guard !isStopped else { return }
        var configuration = HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(limits.idleTimeout)
        )
        configuration.httpDecoder.maxHeaderFieldSize = limits.headerBytesMax
        configuration.httpDecoder.maxHeaderListSize = limits.headerBytesMax
        configuration.httpDecoder.maxHeaderFieldCount = limits.headerFieldsMax
        let gate = PeerGate(limits, time: time)
        let responder = Responder(router: router, limits: limits, gate: gate, logger: logger)
        let plain = GuardedChannel(
            base: HTTP1Channel(
                responder: { request, writer, channel in
                    try await responder.respond(to: request, writer: writer, channel: channel)
                },
                configuration: configuration
            ),
            gate: gate,
            limits: limits,
            usesTLS: identity != nil
        )
        if let identity {
            var tls = identity.configuration
            tls.shutdownTimeout = TimeAmount(limits.closeTimeout)
            try await serve(TLSChannel(plain, tlsConfiguration: tls))
        } else {
            try await serve(plain)
        }
    }

    /// Stops listening and returns when all requests in progress have been answered and all
    /// connections are closed.
    ///
    /// A peer that does not take its part in that is waited for as long as
    /// `ServerLimits.closeTimeout`.
    package func shutdown() async {
        let stop = state.withLock { state in
            state.isStopped = true
            return state.stop
        }
        await stop?()
    }

    private func serve(_ child: some ServerChildChannel) async throws {
        let address: BindAddress =
            switch listen {
            case .tcp(let host, let port): .hostname(host, port: Int(port))
            case .unix(let path): .unixDomainSocket(path: path)
            }
        var quiet = logger
        // It logs an error for each connection that a shutdown ends.
        quiet.logLevel = .critical
        let server = Server(
            childChannelSetup: child,
            configuration: ServerConfiguration(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionsMax)
            ),
            onServerRunning: { [listen, onListening] channel in
                await onListening(Self.bound(listen, port: channel.localAddress?.port))
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
        let isStopped = state.withLock { state in
            state.stop = {
                // It fails only when the server is already down, which is what was asked for.
                try? await server.shutdownGracefully()
            }
            return state.isStopped
        }
        guard !isStopped else { return }
        do {
            try await server.run()
        } catch let error as IOError {
            throw TransportError.cannotListen("\(listen): \(error.description)")
        } catch {
            guard state.withLock({ $0.isStopped }) else {
                throw TransportError.cannotListen("\(listen): \(error)")
            }
        }
    }

    private static func bound(_ listen: Endpoint, port: Int?) -> Endpoint {
        guard case .tcp(let host, _) = listen, let port = port.flatMap(UInt16.init(exactly:))
        else { return listen }
        return .tcp(host: host, port: port)
    }
}

extension Channel {
    /// Reads of 64 KiB that grow to 1 MiB (measured: 1.5 to 2 times the rate of the defaults), four
    /// before the reader is heard again.
    func setLargeTransferOptions() -> EventLoopFuture<Void> {
        setOption(
            .recvAllocator,
            value: AdaptiveRecvByteBufferAllocator(
                minimum: 2 << 10,
                initial: 64 << 10,
                maximum: 1 << 20
            )
        ).flatMap { self.setOption(.maxMessagesPerRead, value: 4) }
    }
}
