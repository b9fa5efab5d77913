internal import Synchronization

/// Runs every job on the caller's thread, choosing the next with a seeded generator.
///
/// Task bodies, child tasks, `async let` and default actors that start on it stay on it. An
/// unstructured `Task {}` would escape to the global pool, which is why services may not use one.
package final class SimulationExecutor: TaskExecutor, SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var random: SplitMix64
    }

    /// Guards the waiting jobs.
    ///
    /// Jobs are taken out under it and run outside.
    private let state: Mutex<State>

    package init(seed: UInt64) { state = Mutex(State(random: SplitMix64(seed: seed))) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// Runs jobs until none is ready.
    package func runUntilIdle() {
        while let job = nextJob() {
            unsafe job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
    }

    private func nextJob() -> UnownedJob? {
        state.withLock { state in
            guard !state.jobs.isEmpty else { return nil }
            let index = Int(state.random.below(UInt64(state.jobs.count)))
            return state.jobs.remove(at: index)
        }
    }
}
