internal import BlobModel
internal import Telemetry

/// What a node has done since it started, for its metrics.
final class NodeCounters: Sendable {
    let metadataStored = Counter()
    let metadataRetrieved = Counter()
    private let sliversStored = [Counter(), Counter()]
    private let sliversRetrieved = [Counter(), Counter()]
    let confirmationsIssued = Counter()
    let blocksApplied = Counter()
    let eventsApplied = Counter()
    /// Seconds that a block took, with all of its events, until the index had them.
    private let applying = LatencySet<String>(
        bounds: [0.0001, 0.00025, 0.0005] + LatencySet<String>.boundsDefault
    )
    let blobsDeleted = Counter()
    /// By ``NodeNotice/name``.
    let notices = CounterSet(NodeNotice.names)

    func sliverStored(_ axis: SliverAxis) { sliversStored[Self.index(axis)].add() }

    func sliverRetrieved(_ axis: SliverAxis) { sliversRetrieved[Self.index(axis)].add() }

    func applied(_ events: Int, in duration: Duration) {
        applying.observe(duration, "block")
        eventsApplied.add(UInt64(events))
    }

    private static func index(_ axis: SliverAxis) -> Int { axis == .primary ? 0 : 1 }

    var families: [MetricFamily] {
        func byAxis(_ counters: [Counter]) -> [(String, MetricValue)] {
            SliverAxis.allCases.map { ($0.name, .integer(counters[Self.index($0)].value)) }
        }
        return [
            .counter(
                "walrus_metadata_stored_total",
                "Metadata of blobs that was stored.",
                metadataStored.value
            ),
            .counter(
                "walrus_metadata_retrieved_total",
                "Metadata of blobs that was handed out.",
                metadataRetrieved.value
            ),
            .labelled(
                .counter,
                "walrus_slivers_stored_total",
                "Slivers that were stored.",
                by: "sliver_type",
                byAxis(sliversStored)
            ),
            .labelled(
                .counter,
                "walrus_slivers_retrieved_total",
                "Slivers, or bytes of one, that were handed out.",
                by: "sliver_type",
                byAxis(sliversRetrieved)
            ),
            .counter(
                "walrus_storage_confirmations_issued_total",
                "Confirmations that were signed.",
                confirmationsIssued.value
            ),
            .counter(
                "walrus_blocks_applied_total",
                "Blocks of the ledger that were applied.",
                blocksApplied.value
            ),
            .counter(
                "walrus_events_applied_total",
                "Events of those blocks.",
                eventsApplied.value
            ),
            MetricFamily(
                .histogram,
                "walrus_event_apply_duration_seconds",
                "Time to apply the events of a block: to check it, keep it and act on it.",
                samples: applying.readings.values.map { .init([], .histogram($0)) }
            ),
            .counter(
                "walrus_garbage_collection_blobs_deleted_total",
                "Blobs whose slivers and metadata were deleted.",
                blobsDeleted.value
            ),
            .labelled(
                .counter,
                "walrus_node_events_total",
                "What the node has logged, by kind.",
                by: "event",
                notices.values
            ),
        ]
    }
}
