/// One run: an executor, a clock and a trace that share a seed.
package final class SimulatedWorld: Sendable {
    package let executor: SimulationExecutor
    package let clock = VirtualClock()
    package let trace = Trace()
    package let seed: UInt64

    package init(seed: UInt64) {
        self.seed = seed
        executor = SimulationExecutor(seed: seed)
    }

    /// Starts `body` on the seeded executor.
    ///
    /// It and all its children run only in ``run(upTo:)``.
    @discardableResult
    package func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: executor) { await body() }
    }

    /// Runs until nothing is left to do, or until the clock would pass `limit` nanoseconds.
    ///
    /// Everything that can happen at one time happens before the clock moves on.
    package func run(upTo limit: UInt64) {
        repeat { executor.runUntilIdle() } while clock.advance(upTo: limit)
    }
}
