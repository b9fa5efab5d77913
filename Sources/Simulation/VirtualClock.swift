internal import Synchronization

/// A clock that stands still until everything has been done that can be done at its time.
///
/// Times are nanoseconds since the start of the simulation. Events of the same time happen in the
/// order in which they were asked for.
package final class VirtualClock: Sendable {
    private struct Event {
        let time: UInt64
        let order: UInt64
        let action: @Sendable () -> Void
    }

    private struct State {
        var now: UInt64 = 0
        var orders: UInt64 = 0
        /// Sorted by time, then order, latest first: the next event is the last element.
        var events: [Event] = []
    }

    /// Guards time and the events to come.
    ///
    /// Actions run outside.
    private let state = Mutex(State())

    package init() {}

    package var now: UInt64 { state.withLock { $0.now } }

    /// Has `action` run when the clock stands at `now + delay`.
    package func schedule(after delay: UInt64, _ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.orders += 1
            let time = state.now &+ delay
            precondition(time >= state.now)
            let event = Event(time: time, order: state.orders, action: action)
            let index = state.events.firstIndex { $0.time <= time } ?? state.events.endIndex
            state.events.insert(event, at: index)
        }
    }

    /// Suspends the task for `duration` nanoseconds of this clock.
    package func sleep(for duration: UInt64) async {
        await withCheckedContinuation { continuation in
            schedule(after: duration) { continuation.resume() }
        }
    }

    /// Moves to the next event and runs it; false when there is none up to `limit`.
    package func advance(upTo limit: UInt64) -> Bool {
        let event = state.withLock { state -> Event? in
            guard let event = state.events.last, event.time <= limit else { return nil }
            state.events.removeLast()
            state.now = event.time
            return event
        }
        event?.action()
        return event != nil
    }
}
