internal import Synchronization

/// A value that comes once, and one task that waits for it.
///
/// The first to resolve wins. A waiter whose task is cancelled gets the value that
/// `cancelled` makes.
package final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, Never>)
        case resolved(Value)
    }

    // Guards the state; continuations are resumed outside.
    private let state = Mutex(State.empty)

    package init() {}

    package func resolve(_ value: Value) {
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
    package func wait(cancelled: Value) async -> Value {
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
