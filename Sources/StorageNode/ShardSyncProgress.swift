internal import BlobModel
internal import Synchronization
internal import Telemetry

/// How far the slivers of shards are that a node gets from others, for its metrics.
package struct ShardSyncProgress: Equatable, Sendable {
    /// Slivers, and their bytes.
    package struct Amount: Equatable, Sendable {
        package var slivers: UInt64 = 0
        package var bytes: UInt64 = 0

        package init(slivers: UInt64 = 0, bytes: UInt64 = 0) {
            self.slivers = slivers
            self.bytes = bytes
        }

        mutating func add(_ bytes: UInt64) {
            slivers += 1
            self.bytes += bytes
        }

        /// Takes a sliver away; one that was not counted leaves nothing below zero.
        mutating func remove(_ bytes: UInt64) {
            slivers -= min(1, slivers)
            self.bytes -= min(bytes, self.bytes)
        }
    }

    /// What has come since the start: from former holders, or recovered from the symbols of others.
    package private(set) var done = Amount()
    /// What was found missing, and has not come yet.
    package private(set) var left = Amount()

    package init() {}

    /// Counts anew what is missing.
    package mutating func begin(_ missing: Amount) { left = missing }

    /// A sliver of so many bytes is here.
    package mutating func took(_ bytes: UInt64) {
        done.add(bytes)
        left.remove(bytes)
    }

    /// Nothing is missing any more.
    package mutating func end() { left = Amount() }
}

extension ShardSyncProgress {
    var families: [MetricFamily] {
        [
            .counter(
                "walrus_shard_sync_slivers_total",
                "Slivers that came with shards that the node got.",
                done.slivers
            ),
            .counter(
                "walrus_shard_sync_bytes_total",
                "Their bytes.",
                done.bytes
            ),
            .gauge(
                "walrus_shard_sync_pending_slivers",
                "Slivers of shards that the node gets, and that are still to come.",
                .integer(left.slivers)
            ),
            .gauge(
                "walrus_shard_sync_pending_bytes",
                "Their bytes.",
                .integer(left.bytes)
            ),
        ]
    }
}

/// The progress, counted while shards come.
extension StorageNode {
    package var shardSyncProgress: ShardSyncProgress { syncing.withLock { $0 } }

    /// Counts what is missing of the shards of the blobs certified before `epoch`.
    func beginSync(of shards: [UInt16], epoch: Epoch) async throws(NodeError) {
        guard !shards.isEmpty else { return syncing.withLock { $0.end() } }
        let missing = try await reading { [self] store throws(NodeStoreError) in
            var missing = ShardSyncProgress.Amount()
            try store.eachCertified(before: epoch, from: .first) { (blob) throws(NodeStoreError) in
                let length = try store.info(of: blob)?.length ?? 0
                for name in slivers(of: shards, of: blob) where try !store.hasSliver(name) {
                    missing.add(bytes(of: name.axis, length))
                }
                return true
            }
            return missing
        }
        syncing.withLock { $0.begin(missing) }
    }

    /// Counts those of these slivers that are here by now.
    func countSynced(_ names: [SliverName]) async throws(NodeError) {
        let here = try await reading { [self] store throws(NodeStoreError) in
            var here: [UInt64] = []
            for name in names where try store.hasSliver(name) {
                here.append(bytes(of: name.axis, try store.info(of: name.blob)?.length ?? 0))
            }
            return here
        }
        syncing.withLock { progress in for bytes in here { progress.took(bytes) } }
    }

    func tookOfShard(_ sliver: VerifiedSliver) {
        let bytes = UInt64(sliver.sliver.dataBytes.count)
        syncing.withLock { $0.took(bytes) }
    }

    func endSync() { syncing.withLock { $0.end() } }

    /// The bytes of a sliver of a blob of so many; none for a length that no blob has.
    private func bytes(of axis: SliverAxis, _ length: UInt64) -> UInt64 {
        guard let symbol = try? parameters.symbolSize(of: length) else { return 0 }
        return UInt64(parameters.sliverLength(axis, symbolSize: symbol))
    }
}
