// How writers are held back when the network is slower than they are. Below 60 % of the log's cap
// they are not; from there on each answer comes later, so that at the cap writers are about as fast
// as the log empties; at the cap a write waits for room. Bytes of a file are all that is counted:
// operations on names and attributes, reads and syncs never ask here.
//
//     log    0 ────────────── 60 % ─────────────────── cap
//     write  at once           the answer waits        the write waits, up to its patience

internal import Glibc

/// What a write meets, as a decision without effects.
struct BackPressure: Equatable {
    /// Bytes of the log that can not go before they are on the network.
    var used: UInt64
    /// Bytes of it beyond which writes wait.
    var cap: UInt64
    /// Bytes a second that lately went to the network.
    var drained: UInt64
    /// Whether anything takes bytes to the network.
    var hasUploader: Bool

    enum Answer: Equatable {
        case write
        /// It happens at once, and is answered so much later.
        case writeSlowly(Duration)
        /// There is no room until some was made.
        case wait
        /// There is no room, and waiting makes none.
        case refuse
    }

    /// Where writers begin to be held back: tenths of the cap.
    private static let threshold: UInt64 = 6
    /// Even if nothing leaves the log, the way from there to the cap takes no longer than so many
    /// seconds: a network that is gone is no reason to crawl.
    private static let wayMax = 30.0
    /// The longest that one answer waits, seconds: long enough for any rate that is worth keeping.
    private static let delayMax = 2.0

    /// Whether a log with so many bytes may hold anybody back.
    static func isFelt(at used: UInt64, of cap: UInt64) -> Bool { used > cap / 10 * threshold }

    func answer(_ count: Int) -> Answer {
        let count = UInt64(count)
        guard used + count <= cap else { return hasUploader ? .wait : .refuse }
        let start = cap / 10 * Self.threshold
        guard hasUploader, used > start else { return .write }
        let way = Double(cap - start)
        let share = Double(used - start) / way
        // At the beginning as fast as they like; at the end as fast as the log empties.
        let speed = max(Double(drained), way / Self.wayMax)
        let delay = min(Double(count) * share / speed, Self.delayMax)
        return .writeSlowly(.microseconds(Int64(delay * 1_000_000)))
    }
}

/// A rate, of which the past counts less and less.
struct RateMeter: Equatable {
    /// Seconds after which a byte counts a third.
    private static let window = 10.0
    private var rate = 0.0
    private var since: Duration?

    /// Takes note of bytes at a time that is not before the last.
    mutating func add(_ bytes: Int, at time: Duration) {
        rate = decayed(at: time) + Double(bytes) / Self.window
        since = time
    }

    /// Bytes a second.
    func rate(at time: Duration) -> UInt64 { UInt64(decayed(at: time)) }

    private func decayed(at time: Duration) -> Double {
        guard let since else { return 0 }
        let seconds = max(0, (time - since) / .seconds(1))
        return rate * exp(-seconds / Self.window)
    }
}
