internal import Dispatch
internal import Glibc

/// The wish of whoever started this process that it end: SIGTERM, or Control-C.
enum ShutdownSignal {
    /// Waits for the first signal, or for the task's cancellation.
    ///
    /// From the call on a signal no longer ends the process by itself; after the first one the next
    /// does, at once, for whoever does not want to wait for an orderly end.
    static func wait() async {
        let (signals, continuation) = AsyncStream<Int32>.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        let sources = [SIGTERM, SIGINT].map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                // Before anybody hears of the first: a second one may be on its way already.
                for number in [SIGTERM, SIGINT] { _ = signal(number, SIG_DFL) }
                continuation.yield(number)
            }
            source.resume()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
    }
}
