internal import Synchronization

/// Those who tell families when somebody asks.
///
/// Nothing is sampled in between: a program that nobody asks pays only for its counters.
package final class MetricsRegistry: Sendable {
    package typealias Source = @Sendable () async -> [MetricFamily]

    // Guards the list, which grows while the program starts.
    private let sources = Mutex<[Source]>([])

    package init() {}

    package func add(_ source: @escaping Source) { sources.withLock { $0.append(source) } }

    /// All families, in the order in which their sources were added.
    package func families() async -> [MetricFamily] {
        var families: [MetricFamily] = []
        for source in sources.withLock({ $0 }) { families += await source() }
        return families
    }

    package func text() async -> String { Exposition.text(await families()) }
}
