internal import BlobModel
package import Telemetry
internal import Transport

/// What the API says of the node itself.
extension StorageNodeAPI {
    @Sendable func health(_ request: ServerRequest) async throws -> ServerResponse {
        let detailed = try request.flag("detailed")
        return try .success(WireHealth(try await node.health(), detailed: detailed))
    }

    /// Whether the node takes slivers now: for those that send it work, who look at the code only.
    @Sendable func readiness(_ request: ServerRequest) async throws -> ServerResponse {
        try .readiness(obstacles: try await node.health().obstacles)
    }

    /// What the API itself keeps: parts of blobs that are not registered yet.
    package var metrics: [MetricFamily] {
        let used = pending.used
        return [
            .gauge(
                "walrus_pending_parts",
                "Metadata and slivers that wait for a registration, in memory.",
                MetricValue(used.parts)
            ),
            .gauge(
                "walrus_pending_bytes",
                "Their bytes.",
                MetricValue(used.bytes)
            ),
        ]
    }
}
