internal import BlobClient
internal import BlobModel
internal import Ledger
internal import StorageNode
internal import SystemIO
internal import Telemetry
internal import TestNetwork
internal import Testing

/// What a node tells of itself.
@Suite struct NodeMetricsTests {
    private func value(
        _ name: String,
        _ label: String? = nil,
        of families: [MetricFamily]
    ) -> UInt64? {
        let samples = families.first { $0.name == name }?.samples
        let sample = samples?.first { label == nil || $0.labels.first?.value == label }
        guard case .value(.integer(let value))? = sample?.reading else { return nil }
        return value
    }

    @Test func whatIsStoredAndServedIsCounted() async throws {
        let network = try TestNetwork()
        let node = network.nodes[3]
        let fresh = await node.metrics()
        #expect(value("walrus_metadata_stored_total", of: fresh) == 0)
        #expect(value("walrus_slivers_stored_total", "primary", of: fresh) == 0)
        #expect(value("walrus_node_events_total", "lie", of: fresh) == 0)

        let bytes = TestNetwork.bytes(3000)
        let (_, store) = try await network.looseStore(try await network.client())
        let blob = try await store.store(bytes).blob
        try await network.complete(bytes)
        let before = await node.metrics()
        let height = value("walrus_event_cursor_progress", "persisted", of: before) ?? 0
        #expect(height >= 3)
        #expect(value("walrus_blocks_applied_total", of: before) == height)
        #expect((value("walrus_metadata_stored_total", of: before) ?? 0) > 0)
        for axis in ["primary", "secondary"] {
            #expect((value("walrus_slivers_stored_total", axis, of: before) ?? 0) > 0)
        }
        #expect(value("walrus_shards_owned", "ready", of: before) == 1)

        _ = try await node.metadata(of: blob)
        let parameters = try EncodingParameters(shardCount: 10)
        let pair = parameters.pair(on: ShardIndex(node.shards[0]), of: blob)
        _ = try await node.sliver(SliverName(blob: blob, pair: pair, axis: .primary))
        let after = await node.metrics()
        func growth(_ name: String, _ label: String? = nil) -> UInt64? {
            guard let after = value(name, label, of: after),
                let before = value(name, label, of: before)
            else { return nil }
            return after - before
        }
        #expect(growth("walrus_metadata_retrieved_total") == 1)
        #expect(growth("walrus_slivers_retrieved_total", "primary") == 1)
        #expect(growth("walrus_slivers_retrieved_total", "secondary") == 0)
        // The page holds together, whatever was counted.
        #expect(Exposition.text(after).contains("walrus_current_node_status{status="))
    }

    @Test func howLongBlocksTakeIsCounted() async throws {
        let network = try TestNetwork()
        let (_, store) = try await network.looseStore(try await network.client())
        _ = try await store.store(TestNetwork.bytes(100))
        let families = await network.nodes[3].metrics()
        let applied = value("walrus_blocks_applied_total", of: families)
        #expect((applied ?? 0) >= 3)
        let histogram = families.first { $0.name == "walrus_event_apply_duration_seconds" }
        guard case .histogram(let reading)? = histogram?.samples.first?.reading else {
            Issue.record("there is no histogram")
            return
        }
        #expect(reading.count == applied)
        let blocks = try await network.ledger.blocks(from: 1, limit: 99, waitMilliseconds: 0)
        let events = blocks.reduce(0) { $0 + UInt64($1.events.count) }
        #expect(events > 0)
        #expect(value("walrus_events_applied_total", of: families) == events)
    }

    @Test func whatIsToBeDeletedIsCountedUntilItIs() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let bytes = TestNetwork.bytes(3000)
        let (pool, store) = try await network.looseStore(try await network.client())
        let blob = try await store.store(bytes).blob
        try await network.complete(bytes)
        let node = network.nodes[2]
        func pending() async -> (blobs: UInt64?, bytes: UInt64?) {
            let families = await node.metrics()
            return (
                value("walrus_garbage_collection_pending_blobs", of: families),
                value("walrus_garbage_collection_pending_bytes", of: families)
            )
        }
        #expect(await pending() == (0, 0))
        let record = try #require(try await network.ledger.blob(blob, inPool: pool))
        _ = try await network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        let released = await pending()
        #expect(released.blobs == 1)
        // Of each shard there are two slivers, either more than the blob's bytes by shards.
        #expect((released.bytes ?? 0) > 3000 / 10, "\(released)")
        time.advance(by: .seconds(601))
        #expect(await pending() == released)
        try await node.collectGarbage()
        #expect(await pending() == (0, 0))
    }

    @Test func whatAShardsMoveHasBroughtAndStillOwesIsCounted() {
        var progress = ShardSyncProgress()
        progress.begin(ShardSyncProgress.Amount(slivers: 3, bytes: 60))
        progress.took(20)
        #expect(progress.done == ShardSyncProgress.Amount(slivers: 1, bytes: 20))
        #expect(progress.left == ShardSyncProgress.Amount(slivers: 2, bytes: 40))
        // Of a blob that was certified meanwhile.
        for _ in 0..<3 { progress.took(30) }
        #expect(progress.done == ShardSyncProgress.Amount(slivers: 4, bytes: 110))
        #expect(progress.left == ShardSyncProgress.Amount())
        progress.begin(ShardSyncProgress.Amount(slivers: 3, bytes: 60))
        progress.end()
        #expect(progress.left == ShardSyncProgress.Amount())
        #expect(progress.done.slivers == 4)
    }

    @Test func aNodeOfAnOlderLedgerSaysSo() async throws {
        let network = try TestNetwork()
        let (_, store) = try await network.looseStore(try await network.client())
        _ = try await store.store(TestNetwork.bytes(100))
        let node = network.nodes[0]
        let old = try MemoryLedger(genesis: network.genesis, key: TestNetwork.key("block")) {
            TestNetwork.start
        }
        let following = Task { await node.follow(old) }
        for _ in 0..<100_000 {
            if try await node.health().divergence != nil { break }
            await Task.yield()
        }
        following.cancel()
        let health = try await node.health()
        #expect(health.status == .standby)
        #expect(health.divergence?.contains("it ends at 0") == true, "\(health)")
        #expect(health.obstacles.count == 1)
        let families = await node.metrics()
        #expect(value("walrus_node_ready", of: families) == 0)
        #expect(value("walrus_current_node_status", "Standby", of: families) == 1)
        #expect(value("walrus_current_node_status", "Active", of: families) == 0)
        #expect(value("walrus_node_events_total", "diverged", of: families) == 1)
    }
}
