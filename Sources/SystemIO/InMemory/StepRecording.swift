internal import Synchronization

/// The disk as it was before some calls, for tests that crash at each of them.
struct StepRecording {
    var random: UInt64
    let oneIn: UInt64
    var states: [InMemoryFileSystem.State] = []
}

extension InMemoryFileSystem.State {
    /// Keeps a copy of everything, if it is this step's turn.
    mutating func record() {
        guard var recording else { return }
        self.recording = nil
        defer { self.recording = recording }
        guard SeededEntropy.next(&recording.random) % recording.oneIn == 0 else { return }
        recording.states.append(frozen)
    }

    /// A copy for others to crash.
    var frozen: Self {
        var copy = self
        copy.recording = nil
        copy.faults = DiskFaults()
        copy.locked = []
        return copy
    }
}

extension InMemoryFileSystem {
    /// Keeps the disk as it is before one in `oneIn` of the changing calls from now on.
    package func record(oneIn: UInt64, seed: UInt64) {
        precondition(oneIn > 0)
        state.withLock { $0.recording = StepRecording(random: seed, oneIn: oneIn) }
    }

    /// The disk as it is now, what was not synced included; this one goes on by itself.
    package func frozen() -> InMemoryFileSystem {
        InMemoryFileSystem(state: state.withLock { $0.frozen })
    }

    /// The disks that were kept since the last call, oldest first; `crash` and `kill` go on with
    /// each.
    package func takeRecorded() -> [InMemoryFileSystem] {
        let states = state.withLock { state -> [State] in
            let states = state.recording?.states ?? []
            state.recording?.states = []
            return states
        }
        return states.map { InMemoryFileSystem(state: $0) }
    }
}
