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
        let answer = OneShot<Bool>()
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
