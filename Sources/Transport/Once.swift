internal import Synchronization

/// A result that one task waits for and that the first of several givers decides.
///
/// The givers are event loop callbacks, timers and the waiter's own cancellation; all but the
/// first learn that they came too late, and see to what they hold.
final class Once<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, TransportError>

    private enum State {
        case empty
        case waiting(CheckedContinuation<Outcome, Never>)
        case decided(Outcome)
        case taken
    }

    // Guards the hand-over between the waiter and the givers, which are on different threads.
    private let state = Mutex(State.empty)

    /// Decides the result; false when it was decided before.
    @discardableResult
    func decide(_ outcome: Outcome) -> Bool {
        let (isFirst, continuation) = state.withLock {
            state -> (Bool, CheckedContinuation<Outcome, Never>?) in
            switch state {
            case .empty:
                state = .decided(outcome)
                return (true, nil)
            case .waiting(let continuation):
                state = .taken
                return (true, continuation)
            case .decided, .taken:
                return (false, nil)
            }
        }
        continuation?.resume(returning: outcome)
        return isFirst
    }

    /// Waits for the result; cancelling the task decides it, if nobody else has.
    ///
    /// - Precondition: Called once.
    func wait() async throws(TransportError) -> Value {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let decided = state.withLock { state -> Outcome? in
                    switch state {
                    case .empty:
                        state = .waiting(continuation)
                        return nil
                    case .decided(let outcome):
                        state = .taken
                        return outcome
                    case .waiting, .taken:
                        preconditionFailure("A result is waited for once.")
                    }
                }
                if let decided { continuation.resume(returning: decided) }
            }
        } onCancel: {
            decide(.failure(.cancelled))
        }
        return try outcome.get()
    }
}
