internal import NIOCore
internal import NIOHTTP1

/// Keeps one connection within its bounds, between HTTP's decoder and who answers.
///
/// Three things that the server behind it would bear without end: a first head that does not come,
/// requests sent ahead of their answers, and a body in chunks of a byte. The decoder makes an
/// object of each request and chunk, many times as long as its bytes, and all that one read brings
/// is decoded before anybody can hold it back.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Parts of a body of at least this are handed on as they are.
    private static let longPart = 4 << 10

    private let limits: ServerLimits
    private var timer: Scheduled<Void>?
    /// Requests that have come and are not answered.
    private var waiting = 0
    private var isClosed = false
    /// Short parts of a body that came with one read.
    private var parts: ByteBuffer?

    init(_ limits: ServerLimits) { self.limits = limits }

    /// The idle time-out, which is longer because connections are kept, sees to all later heads.
    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: TimeAmount(limits.firstRequestTimeout)) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        switch unwrapInboundIn(data) {
        case .head:
            timer?.cancel()
            waiting += 1
            guard waiting <= limits.requestsAheadMax else {
                isClosed = true
                return context.close(promise: nil)
            }
            context.fireChannelRead(data)
        case .body(var part):
            guard part.readableBytes < Self.longPart || parts != nil else {
                return context.fireChannelRead(data)
            }
            parts.setOrWriteBuffer(&part)
        case .end:
            handOn(context)
            context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handOn(context)
        context.fireChannelReadComplete()
    }

    private func handOn(_ context: ChannelHandlerContext) {
        guard let parts else { return }
        self.parts = nil
        context.fireChannelRead(wrapInboundOut(.body(parts)))
    }

    func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        if case .end = unwrapOutboundIn(data) { waiting -= 1 }
        context.write(data, promise: promise)
    }
}
