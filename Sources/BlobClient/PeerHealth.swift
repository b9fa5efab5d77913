/// What a client remembers of one node: how long its answers take, and whether it answers at all.
///
/// Decides without a clock of its own; all moments are `TimeSource.uptime`. After
/// ``failuresMax`` failures in a row the circuit opens: the node is left alone for a while that
/// doubles up to a minute, so that requests do not each wait for a node that is down.
package struct PeerHealth: Equatable {
    package static let failuresMax = 2
    package static let pauseMin = Duration.seconds(2)
    package static let pauseMax = Duration.seconds(60)
    /// What an answer is taken to need before any was measured.
    package static let latencyDefault = Duration.milliseconds(250)
    package static let hedgeMin = Duration.milliseconds(30)
    package static let hedgeMax = Duration.seconds(5)

    /// Smoothed like TCP's round-trip time (RFC 6298): gains of 1/8 and 1/4.
    package private(set) var latency: Duration?
    package private(set) var deviation = Duration.zero
    package private(set) var failures = 0
    package private(set) var openUntil: Duration?

    package init() {}

    package mutating func answered(in elapsed: Duration) {
        failures = 0
        openUntil = nil
        guard let latency else {
            self.latency = elapsed
            deviation = elapsed / 2
            return
        }
        let difference = elapsed > latency ? elapsed - latency : latency - elapsed
        deviation += (difference - deviation) / 4
        self.latency = latency + (elapsed - latency) / 8
    }

    package mutating func failed(at now: Duration) {
        failures += 1
        guard failures >= Self.failuresMax else { return }
        let doublings = min(failures - Self.failuresMax, 5)
        openUntil = now + min(Self.pauseMin * (1 << doublings), Self.pauseMax)
    }

    /// Whether the node should be asked; once its pause is over, it is tried again.
    package func isUsable(at now: Duration) -> Bool { openUntil.map { now >= $0 } ?? true }

    /// How long to wait for an answer before somebody else is asked too.
    package var hedgeDelay: Duration {
        let expected = (latency ?? Self.latencyDefault) + deviation * 4
        return min(max(expected, Self.hedgeMin), Self.hedgeMax)
    }
}
