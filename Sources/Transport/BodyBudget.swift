internal import Synchronization

/// The bytes of request bodies that a server holds, all requests together.
final class BodyBudget: Sendable {
    private let limit: Int
    // Guards a sum.
    private let held = Mutex(0)

    init(limit: Int) { self.limit = limit }

    fileprivate func take(_ count: Int) -> Bool {
        held.withLock { held in
            guard count <= limit - held else { return false }
            held += count
            return true
        }
    }

    fileprivate func giveBack(_ count: Int) { held.withLock { $0 -= count } }

    /// For tests.
    var bytes: Int { held.withLock { $0 } }
}

/// What one request has of the budget, until it has been answered.
final class BodyLease: Sendable {
    private let budget: BodyBudget
    // Guards a sum that the handler's task adds to and the server gives back.
    private let held = Mutex(0)

    init(_ budget: BodyBudget) { self.budget = budget }

    deinit { release() }

    /// Raises what is held to `count` bytes.
    func cover(_ count: Int) throws(TransportError) {
        let more = max(count - held.withLock { $0 }, 0)
        guard more > 0 else { return }
        guard budget.take(more) else { throw .overloaded }
        held.withLock { $0 += more }
    }

    func release() {
        let count = held.withLock { held in
            defer { held = 0 }
            return held
        }
        budget.giveBack(count)
    }
}
