internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import NIOTLS

/// One request with the place where its response goes.
final class Exchange: Sendable {
    let request: ClientRequest
    let host: String
    let responseLimit: Int
    let deadline: NIODeadline
    let outcome = Once<Completed>()

    struct Completed: Sendable {
        let response: ClientResponse
        /// Whether the connection can carry another exchange.
        let isReusable: Bool
    }

    init(request: ClientRequest, host: String, responseLimit: Int, deadline: NIODeadline) {
        self.request = request
        self.host = host
        self.responseLimit = responseLimit
        self.deadline = deadline
    }
}

/// The end of a client connection's pipeline: exchanges go in, and are completed one at a time.
///
/// All of it runs on the connection's event loop. Any error, and any byte that nobody asked for,
/// closes the connection.
final class ClientHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private struct Progress {
        let exchange: Exchange
        var timer: Scheduled<Void>?
        var isWritten = false
        var head: HTTPResponseHead?
        var body: [UInt8] = []
    }

    private var progress: Progress?
    private var firstError: (any Error)?
    private let ready: Once<Void>
    private let usesTLS: Bool

    /// `ready` is decided when exchanges can be sent, or never can.
    init(ready: Once<Void>, usesTLS: Bool) {
        self.ready = ready
        self.usesTLS = usesTLS
    }

    func channelActive(context: ChannelHandlerContext) {
        if !usesTLS { ready.decide(.success(())) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { ready.decide(.success(())) }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard progress == nil, context.channel.isActive else {
            exchange.outcome.decide(.failure(.interrupted("The connection was closed.")))
            return
        }
        progress = Progress(exchange: exchange)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let boundContext = NIOLoopBound(context, eventLoop: context.eventLoop)
        progress?.timer = context.eventLoop.scheduleTask(deadline: exchange.deadline) {
            bound.value.fail(.timeout(sent: true), context: boundContext.value)
        }
        var head = HTTPRequestHead(
            version: .http1_1,
            method: exchange.request.method.wire,
            uri: exchange.request.target
        )
        head.headers.add(name: "host", value: exchange.host)
        for field in exchange.request.headers.fields {
            head.headers.add(name: field.name, value: field.value)
        }
        let body = exchange.request.body
        if !body.isEmpty || exchange.request.method == .put || exchange.request.method == .post {
            head.headers.replaceOrAdd(name: "content-length", value: String(body.count))
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty {
            var buffer = context.channel.allocator.buffer(capacity: body.count)
            buffer.writeBytes(body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenSuccess {
            if bound.value.progress?.exchange === exchange {
                bound.value.progress?.isWritten = true
            }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        promise?.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard progress != nil else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, context: context)
        case .body(let buffer): receive(buffer, context: context)
        case .end: finish(context: context)
        }
    }

    private func receive(_ head: HTTPResponseHead, context: ChannelHandlerContext) {
        guard let exchange = progress?.exchange else { return }
        progress?.head = head
        guard exchange.request.method != .head,
            let text = head.headers.first(name: "content-length")
        else { return }
        guard let length = Int(text), length >= 0 else {
            return fail(.malformed("The content length is \(text)."), context: context)
        }
        guard length <= exchange.responseLimit else {
            return fail(.tooLarge(limit: exchange.responseLimit), context: context)
        }
        // An announced length is only a claim, so no more than this is set aside on its word.
        progress?.body.reserveCapacity(min(length, 4 << 20))
    }

    private func receive(_ buffer: ByteBuffer, context: ChannelHandlerContext) {
        guard let progress else { return }
        let limit = progress.exchange.responseLimit
        guard buffer.readableBytes <= limit - progress.body.count else {
            return fail(.tooLarge(limit: limit), context: context)
        }
        self.progress?.body.append(contentsOf: buffer.readableBytesView)
    }

    private func finish(context: ChannelHandlerContext) {
        guard let finished = progress, let head = finished.head else { return }
        progress = nil
        finished.timer?.cancel()
        var headers = HTTPHeaders()
        for (name, value) in head.headers { headers.add(name, value) }
        // An answer that came before all of the request was sent leaves the rest on the wire.
        let isReusable = head.isKeepAlive && finished.isWritten
        let isFirst = finished.exchange.outcome.decide(
            .success(
                Exchange.Completed(
                    response: ClientResponse(
                        code: Int(head.status.code),
                        headers: headers,
                        body: finished.body
                    ),
                    isReusable: isReusable
                )
            )
        )
        // Whoever gave up on the exchange has no use for the connection either.
        if !isReusable || !isFirst { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if firstError == nil { firstError = error }
        fail(Self.describe(error), context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.interrupted("The peer closed the connection."), context: context)
        context.fireChannelInactive()
    }

    private func fail(_ error: TransportError, context: ChannelHandlerContext) {
        ready.decide(.failure(error))
        if let failed = progress {
            progress = nil
            failed.timer?.cancel()
            failed.exchange.outcome.decide(.failure(error))
        }
        context.close(promise: nil)
    }

    private static func describe(_ error: any Error) -> TransportError {
        switch error {
        case HTTPParserError.invalidEOFState:
            .interrupted("The response broke off.")
        case let error as HTTPParserError: .malformed("\(error)")
        case NIOSSLError.uncleanShutdown: .interrupted("The response broke off.")
        case let error as NIOSSLError: .tls("\(error)")
        case let error as BoringSSLError: .tls("\(error)")
        default: .interrupted("\(error)")
        }
    }
}

extension HTTPMethod {
    fileprivate var wire: NIOHTTP1.HTTPMethod { NIOHTTP1.HTTPMethod(rawValue: rawValue) }
}
