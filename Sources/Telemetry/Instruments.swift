internal import Synchronization

/// Counts events, from any thread.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    package func add(_ amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// Counts events by a few names, from any thread.
///
/// Names are the program's own, never a peer's: each one is kept for good.
package final class CounterSet: Sendable {
    // Guards the counts; held for an addition.
    private let counts: Mutex<[String: UInt64]>

    /// Counts that begin with zero, so that the first event of a kind is seen as a change.
    package init(_ names: [String] = []) {
        counts = Mutex(Dictionary(uniqueKeysWithValues: names.map { ($0, 0) }))
    }

    package func add(_ name: String, _ amount: UInt64 = 1) {
        counts.withLock { $0[name, default: 0] += amount }
    }

    /// By name, in the order of the names.
    package var values: [(String, MetricValue)] {
        counts.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) }
    }

    package subscript(name: String) -> UInt64 { counts.withLock { $0[name] ?? 0 } }
}

/// Counts durations by a few keys, from any thread.
package final class LatencySet<Key: Hashable & Sendable>: Sendable {
    /// Seconds; what the reference's client libraries begin with, and longer ones.
    package static var boundsDefault: [Double] {
        [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    }

    private let bounds: [Double]
    // Guards the histograms; held for an addition.
    private let histograms = Mutex<[Key: HistogramReading]>([:])

    package init(bounds: [Double] = LatencySet.boundsDefault) { self.bounds = bounds }

    package func observe(_ duration: Duration, _ key: Key) {
        let (seconds, attoseconds) = duration.components
        let value = Double(seconds) + Double(attoseconds) / 1e18
        histograms.withLock {
            $0[key, default: HistogramReading(bounds: bounds)].observe(value)
        }
    }

    package var readings: [Key: HistogramReading] { histograms.withLock { $0 } }
}
