internal import Synchronization

/// Decides which events of a peer are told, so that one that sends nonsense fills no log.
///
/// A token bucket for each peer; a value that decides, given the time. Peers are bounded: whoever
/// was silent longest is forgotten first.
package struct EventBudget: Sendable {
    private struct Bucket {
        var tokens: Double
        var touched: Duration
        /// Events that were not told since the last one that was.
        var suppressed: UInt64 = 0
    }

    private let burst: Double
    private let perSecond: Double
    private let peersMax: Int
    private var buckets: [String: Bucket] = [:]

    /// `burst` events at once, then one in every `interval`.
    package init(burst: Int = 5, interval: Duration = .seconds(10), peersMax: Int = 256) {
        precondition(burst > 0 && interval > .zero && peersMax > 0)
        self.burst = Double(burst)
        perSecond = 1 / (interval / .seconds(1))
        self.peersMax = peersMax
    }

    /// How many events of the peer were left out before this one; nil when this one is, too.
    package mutating func admit(_ peer: String, at now: Duration) -> UInt64? {
        if buckets[peer] == nil, buckets.count >= peersMax,
            let oldest = buckets.min(by: { $0.value.touched < $1.value.touched })?.key
        {
            buckets[oldest] = nil
        }
        var bucket = buckets[peer] ?? Bucket(tokens: burst, touched: now)
        let elapsed = max(.zero, now - bucket.touched) / .seconds(1)
        bucket.tokens = min(burst, bucket.tokens + elapsed * perSecond)
        bucket.touched = now
        defer { buckets[peer] = bucket }
        guard bucket.tokens >= 1 else {
            bucket.suppressed += 1
            return nil
        }
        bucket.tokens -= 1
        defer { bucket.suppressed = 0 }
        return bucket.suppressed
    }
}

/// An ``EventBudget`` that several threads share.
package final class EventLimiter: Sendable {
    // Guards the budget; held for a look at a table.
    private let budget: Mutex<EventBudget>

    package init(_ budget: EventBudget = EventBudget()) { self.budget = Mutex(budget) }

    /// As ``EventBudget/admit(_:at:)``.
    package func admit(_ peer: String, at now: Duration) -> UInt64? {
        budget.withLock { $0.admit(peer, at: now) }
    }
}
