package import Logging
internal import NIOCore
internal import NIOPosix

extension HTTPServer {
    /// Serves for as long as `body` runs, which is told the address that peers connect to.
    ///
    /// Requests in progress get `ServerLimits.shutdownGrace` to finish before this returns. A throw
    /// of `body` ends them.
    package static func serve<Result: Sendable>(
        _ router: Router,
        at listen: Endpoint,
        identity: TLSIdentity? = nil,
        limits: ServerLimits = ServerLimits(),
        logger: Logger,
        while body: (Endpoint) async throws -> Result
    ) async throws -> Result {
        let (addresses, continuation) = AsyncStream<Endpoint>.makeStream()
        let server = HTTPServer(
            router: router,
            listen: listen,
            identity: identity,
            limits: limits,
            logger: logger,
            onListening: {
                continuation.yield($0)
                continuation.finish()
            }
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { continuation.finish() }
                try await server.run()
            }
            var iterator = addresses.makeAsyncIterator()
            guard let address = await iterator.next() else {
                try await group.next()
                throw TransportError.cancelled
            }
            do {
                let result = try await body(address)
                await server.shutdown(within: limits.shutdownGrace) { group.cancelAll() }
                try await group.next()
                return result
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    /// Shuts down, and calls `giveUp` when requests in progress take longer than `grace`.
    private func shutdown(within grace: Duration, orElse giveUp: () -> Void) async {
        let patience = Once<Void>()
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
            in: TimeAmount(grace)
        ) {
            _ = patience.decide(.failure(.timeout(sent: false)))
        }
        async let stopped: Void = {
            await shutdown()
            patience.decide(.success(()))
        }()
        do {
            try await patience.wait()
        } catch {
            giveUp()
        }
        timer.cancel()
        await stopped
    }
}
