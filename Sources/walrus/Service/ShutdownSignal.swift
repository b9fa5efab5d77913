internal import Dispatch
internal import Glibc
internal import Synchronization

/// The wish of whoever started this process that it end: SIGTERM, or Control-C.
///
/// Once armed, a signal no longer ends the process by itself; after the first one the next does, at
/// once, for whoever does not want to wait for an orderly end.
final class ShutdownSignal: Sendable {
    private static let shared = ShutdownSignal()

    private let signals: AsyncStream<Int32>
    // Guards what only has to live on.
    private let sources: Mutex<[any DispatchSourceSignal]>

    private init() {
        let (signals, continuation) = AsyncStream<Int32>.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        self.signals = signals
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
        self.sources = Mutex(sources)
    }

    /// From now on a signal is kept for ``wait()``: call it before anybody is told that the process
    /// is ready, as the answer may be a signal.
    static func arm() { _ = shared }

    /// Waits for the first signal, or for the task's cancellation.
    static func wait() async {
        for await _ in shared.signals { break }
    }
}
