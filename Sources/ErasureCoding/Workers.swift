package import SystemIO

// All cores on one blob. A computation is cut into parts that write to places of their own; the
// thread that asks for it and some of a pool take parts until none is left. The caller never waits
// for a helper that has not begun, so it may be one of the same pool's threads, all of them busy.

/// The threads that work on one blob besides the one that asks.
package struct Workers: Sendable {
    private let pool: BlockingPool?
    private let helpers: Int

    /// No others: all is done by the thread that asks.
    package static let none = Workers(pool: nil, helpers: 0)

    /// Up to `helpers` threads of `pool`.
    package init(_ pool: BlockingPool, helpers: Int) {
        self.init(pool: pool, helpers: helpers)
    }

    /// The threads of `pool`, of which the one that asks is one.
    package init(_ pool: BlockingPool) {
        self.init(pool: pool, helpers: max(0, pool.threads - 1))
    }

    private init(pool: BlockingPool?, helpers: Int) {
        precondition(helpers >= 0)
        self.pool = pool
        self.helpers = helpers
    }

    /// How many threads there are at most, the caller's included.
    var threads: Int { helpers + 1 }

    /// Runs `body` for every part below `count`, each once, and returns when all are done.
    ///
    /// Blocks, so the caller is an ordinary thread. Each thread makes itself a scratch, and keeps
    /// it from part to part. `progress` is told on the caller's thread how many parts are done.
    /// After a throw no new parts begin, and those that had begun are done.
    package func forEach<Scratch, Failure: Error>(
        _ count: Int,
        progress: (Int) -> Void = { _ in },
        scratch: @escaping @Sendable () -> Scratch,
        body: @escaping @Sendable (Int, Scratch) throws(Failure) -> Void
    ) throws(Failure) {
        let parts = Parts(count: count, scratch: scratch, body: body)
        if let pool {
            for _ in 0..<max(0, min(helpers, count - 1)) { pool.submit { parts.work { _ in } } }
        }
        parts.work(progress)
        try parts.wait()
    }

    /// The same without a scratch.
    func forEach(_ count: Int, body: @escaping @Sendable (Int) -> Void) {
        forEach(count, scratch: {}, body: { part, _ in body(part) })
    }
}

/// The parts of one computation.
private final class Parts<Scratch, Failure: Error>: Sendable {
    private typealias Body = @Sendable (Int, Scratch) throws(Failure) -> Void

    private struct State {
        /// Gone when all is done, although jobs that never began may stand in the pool's queue:
        /// it holds on to the matrix that the parts write to.
        var job: (scratch: @Sendable () -> Scratch, body: Body)?
        var next = 0
        var running = 0
        var done = 0
        var failure: Failure?
    }

    private let count: Int
    /// Guards what is done and by whom; parts run outside.
    private let monitor: Monitor<State>

    init(
        count: Int,
        scratch: @escaping @Sendable () -> Scratch,
        body: @escaping @Sendable (Int, Scratch) throws(Failure) -> Void
    ) {
        self.count = count
        monitor = Monitor(State(job: (scratch, body)))
    }

    private func take() -> Int? {
        monitor.withLock { state in
            guard state.next < count, state.failure == nil else { return nil }
            state.running += 1
            state.next += 1
            return state.next - 1
        }
    }

    /// Takes parts until there are no more.
    func work(_ progress: (Int) -> Void) {
        guard var part = take(), let job = monitor.withLock({ $0.job }) else { return }
        let own = job.scratch()
        while true {
            var failure: Failure?
            do throws(Failure) { try job.body(part, own) } catch { failure = error }
            let done = monitor.withLock { state -> Int in
                state.running -= 1
                state.done += 1
                if let failure, state.failure == nil { state.failure = failure }
                return state.done
            }
            progress(done)
            guard let next = take() else { break }
            part = next
        }
        monitor.wakeAll()
    }

    /// Waits for the parts that others have begun.
    func wait() throws(Failure) {
        let failure = monitor.waitUntil { state -> Failure?? in
            guard state.running == 0 else { return nil }
            state.job = nil
            return .some(state.failure)
        }
        if let failure { throw failure }
    }
}
