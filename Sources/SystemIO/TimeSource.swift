internal import Glibc
internal import Synchronization

/// A moment of the wall clock: seconds since 1970 UTC, and nanoseconds of the second.
package struct WallTime: Hashable, Comparable, Sendable {
    package let seconds: Int64
    package let nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        precondition(nanoseconds < 1_000_000_000)
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Milliseconds since 1970, 0 before.
    package var milliseconds: UInt64 {
        guard seconds >= 0 else { return 0 }
        return UInt64(seconds) * 1000 + UInt64(nanoseconds / 1_000_000)
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// Where time comes from.
package protocol TimeSource: Sendable {
    /// What the clock on the wall says; it may jump, back too.
    var wallTime: WallTime { get }
    /// Time since some moment in the past; it never goes back.
    var uptime: Duration { get }
    /// Suspends the task.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

extension TimeSource {
    /// Milliseconds of the wall clock since 1970.
    package var nowMilliseconds: UInt64 { wallTime.milliseconds }
}

/// The machine's clocks.
package struct LinuxTimeSource: TimeSource {
    package init() {}

    package var wallTime: WallTime {
        let now = Self.read(CLOCK_REALTIME)
        return WallTime(seconds: Int64(now.tv_sec), nanoseconds: UInt32(now.tv_nsec))
    }

    package var uptime: Duration {
        let now = Self.read(CLOCK_MONOTONIC)
        return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        let result = unsafe clock_gettime(clock, &now)
        precondition(result == 0)
        return now
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}

/// A clock that a test moves.
package final class ManualTimeSource: TimeSource {
    private struct Sleeper {
        let id: UInt64
        let wakes: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var wall: Duration
        var uptime = Duration.zero
        var ids: UInt64 = 0
        var begun: UInt64 = 0
        var sleepers: [Sleeper] = []
    }

    /// Guards time and those who wait for it; continuations are resumed outside.
    private let state: Mutex<State>

    /// A clock that says 2026-01-01 00:00 UTC unless told otherwise.
    package init(milliseconds: UInt64 = 1_767_225_600_000) {
        state = Mutex(State(wall: .milliseconds(milliseconds)))
    }

    package var wallTime: WallTime {
        let (seconds, attoseconds) = state.withLock { $0.wall.components }
        return WallTime(seconds: seconds, nanoseconds: UInt32(attoseconds / 1_000_000_000))
    }

    package var uptime: Duration { state.withLock { $0.uptime } }

    /// How many tasks sleep; lets a test wait until one does.
    package var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// How many sleeps have begun, those included that are over; lets a test wait until a task that
    /// it has woken for another reason sleeps again.
    package var sleepsBegun: UInt64 { state.withLock { $0.begun } }

    /// Moves both clocks forward and wakes those whose time has come, earliest first.
    package func advance(by duration: Duration) {
        precondition(duration >= .zero)
        let woken = state.withLock { state in
            state.wall += duration
            state.uptime += duration
            let due = state.sleepers.filter { $0.wakes <= state.uptime }
            state.sleepers.removeAll { $0.wakes <= state.uptime }
            return due.sorted { ($0.wakes, $0.id) < ($1.wakes, $1.id) }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Moves the wall clock alone, either way, as an administrator may.
    package func shiftWallClock(by duration: Duration) {
        state.withLock { $0.wall += duration }
    }

    package func sleep(for duration: Duration) async throws {
        let id = state.withLock { state in
            state.ids += 1
            return state.ids
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<Void, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if duration <= .zero { return .success(()) }
                    let wakes = state.uptime + duration
                    state.begun += 1
                    state.sleepers.append(
                        Sleeper(id: id, wakes: wakes, continuation: continuation)
                    )
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
