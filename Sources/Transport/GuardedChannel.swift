internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// What an accepted connection gets before it is served: its place in the table of peers, the time
/// for its first request, buffers for large bodies, and an end that is neither late nor early.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let gate: PeerGate
    let limits: ServerLimits
    /// Whether the first handler is TLS.
    let usesTLS: Bool

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        guard gate.admit(channel) else {
            // Without a word: a handshake would cost more than all that was saved.
            return channel.close().flatMapThrowing { throw ChannelError.ioOnClosedChannel }
        }
        return channel.setLargeTransferOptions()
            .flatMapThrowing {
                let end: any ChannelHandler =
                    if usesTLS {
                        FinalClose()
                    } else {
                        FlushedClose(timeout: TimeAmount(limits.closeTimeout))
                    }
                try channel.pipeline.syncOperations.addHandler(end)
            }
            .flatMap { base.setup(channel: channel, logger: logger) }
            .flatMapThrowing { value in
                let pipeline = channel.pipeline.syncOperations
                let decoder = try pipeline.handler(
                    type: ByteToMessageHandler<HTTPRequestDecoder>.self
                )
                try pipeline.addHandler(ConnectionGuard(limits), position: .after(decoder))
                return value
            }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
