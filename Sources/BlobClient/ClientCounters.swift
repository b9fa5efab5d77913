internal import BlobModel
internal import Synchronization
internal import SystemIO
package import Telemetry

/// What a client has done since it started, for metrics.
package final class ClientCounters: Sendable {
    /// Requests to nodes, by how they ended.
    let requests = CounterSet(["answered", "refused", "unreachable", "lie", "cancelled"])
    let uploadedBytes = Counter()
    let readBytes = Counter()
    let blobsCertified = Counter()
    let retries = Counter()

    package init() {}

    var families: [MetricFamily] {
        [
            .labelled(
                .counter,
                "walrus_client_node_requests_total",
                "Requests to nodes, by how they ended.",
                by: "outcome",
                requests.values
            ),
            .counter(
                "walrus_client_uploaded_bytes_total",
                "Bytes of slivers that nodes took.",
                uploadedBytes.value
            ),
            .counter(
                "walrus_client_read_bytes_total",
                "Bytes of blobs that were read from nodes.",
                readBytes.value
            ),
            .counter(
                "walrus_client_blobs_certified_total",
                "Blobs for which a quorum has confirmed.",
                blobsCertified.value
            ),
            .counter(
                "walrus_client_retries_total",
                "Uploads to a node that were tried again.",
                retries.value
            ),
        ]
    }
}

extension BlobClient {
    /// All metrics of the client, as of now.
    package var metrics: [MetricFamily] { environment.counters.families + peers.families }
}

extension NodePeers {
    /// What is remembered of each node.
    fileprivate var families: [MetricFamily] {
        let known = remembered
        return [
            .labelled(
                .gauge,
                "walrus_client_node_usable",
                "1 while the node is asked before others are.",
                by: "node",
                known.map { ("\($0.node)", MetricValue($0.isUsable)) }
            ),
            .labelled(
                .gauge,
                "walrus_client_node_latency_seconds",
                "How long the node's answers take, smoothed.",
                by: "node",
                known.compactMap { node in node.latency.map { ("\(node.node)", MetricValue($0)) } }
            ),
        ]
    }
}
