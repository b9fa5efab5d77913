internal import NIOCore

/// Next to TLS: makes the peer's answer to our close the end of the connection.
///
/// The server lets peers close their half of a connection and still answers them, so NIOSSL takes
/// a peer's close_notify for the end of that half alone. When it is the answer to ours, both
/// halves are at their end, and yet NIOSSL (2.37) waits until `ServerLimits.closeTimeout` is over.
/// Once we close, there is no half left to keep.
final class FinalClose: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        if mode == .all {
            // It fails on a connection that is closed already.
            try? context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
        }
        context.close(mode: mode, promise: promise)
    }
}
