internal import BlobModel
internal import Ledger
internal import Synchronization
internal import SystemIO
package import Telemetry

/// What a node tells whoever watches it (`Docs/Operating.md` has the table).
extension StorageNode {
    private static let statuses: [NodeHealth.Status] = [
        .active, .catchingUp, .standby, .recovering,
    ]

    /// All metrics of the node, as of now.
    package func metrics() async -> [MetricFamily] {
        var families = counters.families + recoveryFamilies + scrubFamilies
        families += shardSyncProgress.families
        // It says what the node knows of itself, and asks nobody.
        if let health = try? await health() { families += Self.families(of: health) }
        if let usage = try? await reading({ store throws(NodeStoreError) in try store.usage() }) {
            families += Self.families(of: usage)
        }
        return families
    }

    private static func families(of health: NodeHealth) -> [MetricFamily] {
        let recovering = health.recovering.count
        let transfer = health.inTransfer.count
        return [
            .gauge("walrus_current_epoch", "The epoch.", .integer(UInt64(health.epoch))),
            .labelled(
                .gauge,
                "walrus_current_node_status",
                "1 for the status that the node has.",
                by: "status",
                statuses.map { ($0.rawValue, MetricValue($0 == health.status)) }
            ),
            .gauge(
                "walrus_node_ready",
                "1 while the node takes slivers and its chain is the ledger's.",
                MetricValue(health.obstacles.isEmpty)
            ),
            .labelled(
                .gauge,
                "walrus_shards_owned",
                "Shards that the node holds or still serves.",
                by: "status",
                [
                    ("ready", MetricValue(health.shards.count - recovering - transfer)),
                    ("in_transfer", MetricValue(transfer)),
                    ("in_recovery", MetricValue(recovering)),
                    ("read_only", MetricValue(health.readOnly.count)),
                ]
            ),
            .labelled(
                .gauge,
                "walrus_event_cursor_progress",
                "Blocks of the ledger: persisted here, and pending.",
                by: "state",
                [
                    ("persisted", .integer(health.height)),
                    ("pending", .integer(health.ledgerHeight - health.height)),
                ]
            ),
            .gauge(
                "walrus_ledger_answers",
                "1 while the ledger answers the node.",
                MetricValue(!health.isLedgerSilent)
            ),
            .gauge("walrus_uptime_seconds", "Since the start.", .integer(health.uptimeSeconds)),
        ]
    }

    private static func families(of usage: NodeStoreUsage) -> [MetricFamily] {
        [
            .labelled(
                .gauge,
                "walrus_disk_bytes",
                "Bytes of the node's files.",
                by: "part",
                [
                    ("slivers", .integer(usage.sliverBytes)),
                    ("blocks", .integer(usage.blockBytes)),
                    ("index", .integer(usage.indexBytes)),
                ]
            ),
            .gauge(
                "walrus_disk_free_bytes",
                "Bytes that are free on the node's disk.",
                .integer(usage.freeBytes)
            ),
            .gauge(
                "walrus_disk_size_bytes",
                "Bytes of the node's disk.",
                .integer(usage.totalBytes)
            ),
            .gauge(
                "walrus_garbage_collection_pending_blobs",
                "Blobs that were released and are not deleted yet.",
                .integer(usage.garbageBlobs)
            ),
            .gauge(
                "walrus_garbage_collection_pending_bytes",
                "Bytes of their slivers and metadata.",
                .integer(usage.garbageBytes)
            ),
        ]
    }

    private var recoveryFamilies: [MetricFamily] {
        let status = recoveryStatus
        return [
            .labelled(
                .gauge,
                "walrus_recover_blob_backlog",
                "Blobs of which something is missing, or may be.",
                by: "state",
                [("pending", MetricValue(status.blobsIncomplete))]
            ),
            .gauge(
                "walrus_recover_blob_shards_backlog",
                "Of those blobs, the shards of which something is missing, all together.",
                MetricValue(status.missing.values.reduce(0, +))
            ),
            .gauge(
                "walrus_recovery_scanned",
                "1 when every certified blob was looked at since the start.",
                MetricValue(status.isScanned)
            ),
            .counter(
                "walrus_recovered_blobs_total",
                "Blobs of which everything was got back.",
                UInt64(status.blobsRecovered)
            ),
            .counter(
                "walrus_recovered_slivers_total",
                "Slivers that were computed again.",
                UInt64(status.sliversRecovered)
            ),
            .counter(
                "walrus_recovery_received_bytes_total",
                "Bytes that others sent for that.",
                UInt64(status.bytesReceived)
            ),
            .counter(
                "walrus_recovery_rebuilt_bytes_total",
                "Bytes of the slivers that were computed again.",
                UInt64(status.bytesRebuilt)
            ),
        ]
    }

    private var scrubFamilies: [MetricFamily] {
        let status = scrubStatus
        return [
            .counter(
                "walrus_scrub_passes_total",
                "How often everything stored was read over.",
                UInt64(status.passes)
            ),
            .counter(
                "walrus_scrub_slivers_total",
                "Slivers that were read over.",
                UInt64(status.sliversChecked)
            ),
            .counter(
                "walrus_scrub_bytes_total",
                "Bytes that were read over.",
                UInt64(status.bytesChecked)
            ),
            .counter(
                "walrus_scrub_damaged_total",
                "Slivers and metadata that were not as they were written.",
                UInt64(status.damaged)
            ),
        ]
    }
}
