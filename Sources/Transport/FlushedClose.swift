internal import NIOCore

/// On a connection without TLS: has the last answer sent before a server that stops closes it.
///
/// The web server closes right behind its last write, and a close drops what the machine has not
/// taken yet. With TLS the answer to the close is waited for, which comes after all else.
final class FlushedClose: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let timeout: TimeAmount
    private var isStopping = false
    private var isClosing = false

    /// `timeout` is for a peer that does not read.
    init(timeout: TimeAmount) { self.timeout = timeout }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { isStopping = true }
        context.fireUserInboundEventTriggered(event)
    }

    func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        // Who closes once more does not want to wait.
        guard mode == .all, isStopping, !isClosing else {
            return context.close(mode: mode, promise: promise)
        }
        isClosing = true
        let channel = context.channel
        channel.closeFuture.cascade(to: promise)
        let timer = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        let flushed = context.eventLoop.makePromise(of: Void.self)
        flushed.futureResult.whenComplete { _ in
            timer.cancel()
            channel.close(promise: nil)
        }
        // Behind all that was written.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: flushed)
    }
}
