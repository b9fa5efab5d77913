internal import Glibc
internal import Synchronization
internal import SystemIO
internal import Volume

/// The thread that does what a volume is due to do without being asked.
final class VolumeBackground: Sendable {
    /// Threads for calls that block, such as a sync of the log.
    let pool = BlockingPool(threads: 4, name: "volume")

    private struct State {
        var isStopping = false
        var isDone = false
        var failure: String?
    }

    /// Guards whether the thread runs, and why it no longer does.
    private let state = Monitor(State())

    /// Why the volume takes no writes any more; nil while all is well.
    var failure: String? { state.withLock { $0.failure } }

    init(_ volume: Volume) {
        let state = state
        _ = SystemThread(name: "volume-ticks") {
            var failure: String?
            do throws(VolumeError) {
                try volume.runBackground(
                    sleeping: { usleep(250_000) },
                    until: { state.withLock { $0.isStopping } }
                )
            } catch {
                // Every operation of the volume tells it too.
                failure = "\(error)"
                Terminal.printError("walrusfs: \(error)")
            }
            let reason = failure
            state.withLock { state in
                state.isDone = true
                state.failure = reason
            }
            state.wakeAll()
        }
    }

    /// Has everything made durable, and waits for that.
    func stop() async {
        let state = state
        state.withLock { $0.isStopping = true }
        await pool.run { state.waitUntil { $0.isDone ? () : nil } }
    }
}
