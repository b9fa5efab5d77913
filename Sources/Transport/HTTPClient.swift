internal import BlobModel
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// Sends requests to one server over connections that are kept.
///
/// It stands on NIO's HTTP/1.1 handlers directly, which was measured to cost a fifth of the
/// general client's processor time per request (about 20 µs). A request takes the connection that
/// was used last, or opens one up to `ClientLimits.connectionsMax`, or waits for one; it holds the
/// connection for itself, so nothing is pipelined.
package final class HTTPClient: Sendable {
    package let endpoint: Endpoint
    package let authentication: PeerAuthentication
    package let limits: ClientLimits

    private struct Idle {
        let channel: any Channel
        let since: NIODeadline
    }

    private struct Pool {
        /// The most recently used one is last, and is taken first.
        var idle: [Idle] = []
        var openCount = 0
        var waiters: [Once<(any Channel)?>] = []
        var isShutDown = false
    }

    // Guards which connections are idle, which many requests ask at once; held for no I/O.
    private let pool = Mutex(Pool())

    package init(
        endpoint: Endpoint,
        authentication: PeerAuthentication,
        limits: ClientLimits = ClientLimits()
    ) {
        precondition(limits.connectionsMax > 0)
        self.endpoint = endpoint
        self.authentication = authentication
        self.limits = limits
    }

    deinit { shutdown() }

    /// Sends a request and returns its response, whatever its code, with a body of at most
    /// `responseLimit` bytes.
    ///
    /// `timeout` covers everything; it is `ClientLimits.requestTimeout` unless given. After a throw
    /// the request may have been acted upon if `TransportError.mayHaveTakenEffect` says so.
    ///
    /// A server that refuses and asks to be asked again soon (429 or 503 with `Retry-After`) is
    /// asked again, as long as that is within the time.
    package func send(
        _ request: ClientRequest,
        responseLimit: Int,
        timeout: Duration? = nil
    ) async throws(TransportError) -> ClientResponse {
        precondition(responseLimit >= 0)
        let deadline = NIODeadline.now() + TimeAmount(timeout ?? limits.requestTimeout)
        var tries = 0
        while true {
            let (channel, isKept) = try await acquire(deadline: deadline)
            let exchange = Exchange(
                request: request,
                host: endpoint.hostHeader,
                responseLimit: responseLimit,
                deadline: deadline
            )
            channel.writeAndFlush(exchange, promise: nil)
            do {
                let completed = try await exchange.outcome.wait()
                release(channel, isReusable: completed.isReusable)
                let response = completed.response
                guard let pause = RetryAfter.pause(asked: response, tries: tries),
                    try await rest(pause, until: deadline)
                else { return response }
                tries += 1
            } catch {
                release(channel, isReusable: false)
                // A kept connection that the server has closed meanwhile: a fresh one will tell.
                if case .interrupted = error, isKept, request.isIdempotent { continue }
                throw error
            }
        }
    }

    /// Waits; false, at once, when that would be longer than until the deadline.
    private func rest(
        _ pause: Duration,
        until deadline: NIODeadline
    ) async throws(TransportError) -> Bool {
        let end = NIODeadline.now() + TimeAmount(pause)
        guard end < deadline else { return false }
        let rested = Once<Void>()
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(deadline: end) {
            _ = rested.decide(.success(()))
        }
        defer { timer.cancel() }
        try await rested.wait()
        return true
    }

    /// Closes idle connections and refuses further requests; those in progress finish.
    package func shutdown() {
        let (idle, waiters) = pool.withLock { pool in
            pool.isShutDown = true
            defer {
                pool.idle = []
                pool.waiters = []
            }
            return (pool.idle, pool.waiters)
        }
        for connection in idle { connection.channel.close(promise: nil) }
        for waiter in waiters { waiter.decide(.failure(.cancelled)) }
    }

    // MARK: The pool

    private enum Choice {
        case idle(any Channel)
        case open
        case wait(Once<(any Channel)?>)
    }

    private func acquire(
        deadline: NIODeadline
    ) async throws(TransportError) -> (channel: any Channel, isKept: Bool) {
        switch try choose() {
        case .idle(let channel): return (channel, true)
        case .open: return (try await open(deadline: deadline), false)
        case .wait(let waiter):
            let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
                deadline: deadline
            ) {
                _ = waiter.decide(.failure(.timeout(sent: false)))
            }
            defer { timer.cancel() }
            guard let channel = try await waiter.wait() else {
                // A place came free, without a connection in it.
                return (try await open(deadline: deadline), false)
            }
            return (channel, true)
        }
    }

    private func choose() throws(TransportError) -> Choice {
        let oldest = NIODeadline.now() - TimeAmount(limits.idleMax)
        var stale: [any Channel] = []
        let choice = pool.withLock { pool -> Choice? in
            guard !pool.isShutDown else { return nil }
            while let last = pool.idle.popLast() {
                if last.channel.isActive, last.since > oldest { return .idle(last.channel) }
                stale.append(last.channel)
                pool.openCount -= 1
            }
            if pool.openCount < limits.connectionsMax {
                pool.openCount += 1
                return .open
            }
            let waiter = Once<(any Channel)?>()
            pool.waiters.append(waiter)
            return .wait(waiter)
        }
        for channel in stale { channel.close(promise: nil) }
        guard let choice else { throw .cancelled }
        return choice
    }

    /// Gives a connection, or its place, to who waits longest, or keeps it.
    private func release(_ channel: (any Channel)?, isReusable: Bool) {
        let kept = isReusable && channel?.isActive == true ? channel : nil
        if kept == nil { channel?.close(promise: nil) }
        while true {
            let waiter = pool.withLock { pool -> Once<(any Channel)?>? in
                if !pool.waiters.isEmpty { return pool.waiters.removeFirst() }
                if let kept, !pool.isShutDown {
                    pool.idle.append(Idle(channel: kept, since: .now()))
                } else {
                    pool.openCount -= 1
                }
                return nil
            }
            guard let waiter else {
                if let kept, pool.withLock({ $0.isShutDown }) { kept.close(promise: nil) }
                return
            }
            if waiter.decide(.success(kept)) { return }
        }
    }

    // MARK: Connecting

    /// Opens a connection in a place that the pool has counted already.
    private func open(deadline: NIODeadline) async throws(TransportError) -> any Channel {
        do {
            return try await connect(deadline: deadline)
        } catch {
            release(nil, isReusable: false)
            throw error
        }
    }

    private func connect(deadline: NIODeadline) async throws(TransportError) -> any Channel {
        let tls = try makeTLS()
        let ready = Once<Void>()
        let until = min(deadline, NIODeadline.now() + TimeAmount(limits.connectTimeout))
        let connected = Once<any Channel>()
        let headerBytesMax = limits.headerBytesMax
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(max(until - NIODeadline.now(), .milliseconds(1)))
            .channelInitializer { channel in
                channel.setLargeTransferOptions().flatMapThrowing {
                    try Self.setUp(
                        channel,
                        tls: tls,
                        ready: ready,
                        headerBytesMax: headerBytesMax
                    )
                }
            }
        let future =
            switch endpoint {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: Int(port))
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        future.whenComplete { result in
            switch result {
            case .success(let channel):
                // Nobody waits any more when the task was cancelled.
                if !connected.decide(.success(channel)) { channel.close(promise: nil) }
            case .failure(ChannelError.connectTimeout):
                connected.decide(.failure(.timeout(sent: false)))
            case .failure(let error):
                connected.decide(.failure(.unreachable(Self.describe(error))))
            }
        }
        let channel = try await connected.wait()
        let timer = channel.eventLoop.scheduleTask(deadline: until) {
            _ = ready.decide(.failure(.timeout(sent: false)))
        }
        defer { timer.cancel() }
        do {
            try await ready.wait()
            return channel
        } catch {
            channel.close(promise: nil)
            if let tls, let wrongKey = tls.wrongKey { throw wrongKey }
            if case .interrupted(let why) = error { throw .unreachable(why) }
            throw error
        }
    }

    /// The system's own words for why there is no connection, without the ways to say them.
    private static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return describe(first.error) }
            return "\(error.host) is not known"
        case let error as IOError: return error.description
        default: return "\(error)"
        }
    }

    private static func setUp(
        _ channel: any Channel,
        tls: TLSAttempt?,
        ready: Once<Void>,
        headerBytesMax: Int
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(tls.makeHandler()) }
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldSize = headerBytesMax
        decoderLimits.maxHeaderListSize = headerBytesMax
        try pipeline.addHTTPClientHandlers(decoderLimitConfiguration: decoderLimits)
        try pipeline.addHandler(ClientHandler(ready: ready, usesTLS: tls != nil))
    }

    private func makeTLS() throws(TransportError) -> TLSAttempt? {
        switch authentication {
        case .plain: nil
        case .pinned(let key): TLSAttempt(context: try TLSPin.context.get(), pin: key)
        case .anyKey: TLSAttempt(context: try TLSPin.context.get(), pin: nil)
        }
    }
}

/// One handshake, and which key the peer showed in it.
private final class TLSAttempt: Sendable {
    private let context: NIOSSLContext
    private let pin: PublicKey?
    // Guards what the handshake found, for the task that waits for the connection.
    private let failure = Mutex<TransportError?>(nil)

    init(context: NIOSSLContext, pin: PublicKey?) {
        self.context = context
        self.pin = pin
    }

    var wrongKey: TransportError? { failure.withLock { $0 } }

    func makeHandler() throws -> NIOSSLClientHandler {
        // A server with several keys shows the one that is expected.
        let name = pin.map { TLSIdentity.name(of: $0) }
        return try NIOSSLClientHandler(context: context, serverHostname: name) { chain, promise in
            let presented = TLSPin.presentedKey(in: chain)
            guard let pin = self.pin, presented != pin else {
                return promise.succeed(.certificateVerified)
            }
            self.failure.withLock { $0 = .wrongKey(expected: pin, presented: presented) }
            promise.succeed(.failed)
        }
    }
}
