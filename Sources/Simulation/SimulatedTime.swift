internal import Synchronization
package import SystemIO

/// The clocks of one machine in a simulated world.
package final class SimulatedTime: TimeSource {
    private let clock: VirtualClock
    private let start: UInt64
    private let skew: Duration

    /// `start` is the wall clock at the beginning, in milliseconds since 1970; this machine's is
    /// `skew` ahead of it.
    package init(_ clock: VirtualClock, start: UInt64, skew: Duration = .zero) {
        self.clock = clock
        self.start = start
        self.skew = skew
    }

    package var wallTime: WallTime {
        let now = Duration.milliseconds(start) + skew + uptime
        let (seconds, attoseconds) = now.components
        return WallTime(seconds: seconds, nanoseconds: UInt32(attoseconds / 1_000_000_000))
    }

    package var uptime: Duration { .nanoseconds(clock.now) }

    package func sleep(for duration: Duration) async throws {
        let answer = Answer<Bool>()
        if duration > .zero {
            // Rounded up: who sleeps until a moment must find that it has come.
            let (seconds, attoseconds) = duration.components
            let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
            clock.schedule(after: UInt64(seconds * 1_000_000_000 + nanoseconds)) {
                answer.resolve(true)
            }
        } else {
            answer.resolve(true)
        }
        guard await answer.wait(cancelled: false), !Task.isCancelled else {
            throw CancellationError()
        }
    }
}

/// A value that comes once, for one task; the first to resolve wins.
final class Answer<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, Never>)
        case resolved(Value)
    }

    // Guards the state; continuations are resumed outside.
    private let state = Mutex(State.empty)

    func resolve(_ value: Value) {
        let waiter = state.withLock { state -> CheckedContinuation<Value, Never>? in
            switch state {
            case .empty:
                state = .resolved(value)
                return nil
            case .waiting(let continuation):
                state = .resolved(value)
                return continuation
            case .resolved: return nil
            }
        }
        waiter?.resume(returning: value)
    }

    /// - Precondition: Called once.
    func wait(cancelled: Value) async -> Value {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Value? in
                    switch state {
                    case .empty:
                        state = .waiting(continuation)
                        return nil
                    case .waiting: preconditionFailure("Only one task waits.")
                    case .resolved(let value): return value
                    }
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            resolve(cancelled)
        }
    }
}
