internal import Dispatch
internal import Glibc

/// The wish of whoever started this process that it end: SIGTERM, or Control-C.
enum ShutdownSignal {
    /// Waits for the first signal, or for the task's cancellation.
    ///
    /// From the call on the signals no longer end the process by themselves.
    static func wait() async {
        let (signals, continuation) = AsyncStream<Int32>.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        let sources = [SIGTERM, SIGINT].map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
    }
}
