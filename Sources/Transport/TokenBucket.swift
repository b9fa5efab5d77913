/// How often something may be done: so many times a second in the long run, so many at once.
package struct Rate: Hashable, Sendable {
    package let perSecond: Int
    package let burst: Int

    /// - Precondition: Both are positive.
    package init(perSecond: Int, burst: Int) {
        precondition(perSecond > 0 && burst > 0)
        self.perSecond = perSecond
        self.burst = burst
    }

    /// How long it takes until `count` more may be done.
    func time(for count: Int) -> Duration {
        .nanoseconds(Int64(count) * 1_000_000_000 / Int64(perSecond))
    }
}

/// A token bucket, kept as the moment at which it is full again.
///
/// That is the generic cell rate algorithm (ITU-T I.371, Annex A): one word for each peer, and no
/// timer.
struct TokenBucket: Hashable, Sendable {
    private var fullAt: Duration = .zero

    func isFull(at now: Duration) -> Bool { fullAt <= now }

    /// Takes `count` tokens at the time `now`; or takes none and says after how long they will be
    /// there.
    ///
    /// More tokens than the bucket holds count as a full one, so that nothing is refused for ever.
    mutating func take(_ count: Int, of rate: Rate, at now: Duration) -> Duration? {
        let count = min(count, rate.burst)
        let later = max(fullAt, now) + rate.time(for: count)
        let excess = later - now - rate.time(for: rate.burst)
        guard excess <= .zero else { return excess }
        fullAt = later
        return nil
    }
}
