import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import SystemIO
import TestNetwork
import Testing

/// Nodes that lack something and get it back from the others.
@Suite struct RecoveryTests {
    /// A network with a few blobs in it, of which a node is replaced by an empty one.
    struct Scene {
        let network: TestNetwork
        let blobs: [BlobID]
        let pool: ObjectID
        let parameters: EncodingParameters
        let notices = Notices()

        init(nodes: Int = 10, shards: Int? = nil, lengths: [Int]) async throws {
            network = try TestNetwork(nodes: nodes, shards: shards)
            parameters = try EncodingParameters(shardCount: shards ?? nodes)
            let (pool, store) = try await network.looseStore(try await network.client())
            self.pool = pool
            var blobs: [BlobID] = []
            for (index, length) in lengths.enumerated() {
                let bytes = TestNetwork.bytes(length, seed: UInt64(index))
                blobs.append(try await store.store(bytes).blob)
            }
            self.blobs = blobs
            for node in network.nodes {
                for blob in blobs {
                    while try await !RecoveryTests.isWhole(node, blob, parameters) {
                        await Task.yield()
                    }
                }
            }
        }

        /// An empty node in the place of `index` that has followed the ledger.
        func replacement(
            of index: Int,
            store: MemoryNodeStore? = nil,
            _ change: (inout NodeConfiguration) -> Void = { _ in }
        ) async throws -> StorageNode {
            var configuration = network.nodes[index].configuration
            configuration.entropy = SeededEntropy(seed: 5)
            change(&configuration)
            let notices = notices
            let node = try StorageNode(
                configuration: configuration,
                store: store ?? MemoryNodeStore(network: network.genesis.networkID),
                pool: BlockingPool(threads: 0),
                time: network.time
            ) { notices.add("\($0)") }
            try await follow(node)
            return node
        }

        func follow(_ node: StorageNode) async throws {
            let next = node.cursor.block.height + 1
            try await node.apply(
                try await network.ledger.memory.blocks(
                    from: next,
                    limit: 10_000,
                    waitMilliseconds: 0
                )
            )
        }

        /// Lets `node` recover until `isDone` or nothing is missing; `connect` stands between it
        /// and the others.
        func recover(
            _ node: StorageNode,
            connect: @escaping TestNetwork.Connect = { $1 },
            until isDone: @escaping @Sendable (RecoveryStatus) async throws -> Bool = {
                $0.isScanned && $0.blobsIncomplete == 0
            }
        ) async throws {
            let (nodes, id) = (network.nodes, network.genesis.networkID)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await node.recover { member in
                        let index = nodes.indices.first {
                            Genesis.nodeID(network: id, index: $0) == member.node
                        }
                        return index.map { connect($0, nodes[$0]) }
                            ?? UnreachableNode(reason: "unknown")
                    }
                }
                while try await !isDone(node.recoveryStatus) {
                    try await Task.sleep(for: .milliseconds(1))
                }
                group.cancelAll()
            }
        }
    }

    static func isWhole(
        _ node: StorageNode,
        _ blob: BlobID,
        _ parameters: EncodingParameters
    ) async throws -> Bool {
        guard try await node.metadataStatus(of: blob) == .stored else { return false }
        for shard in node.shards {
            let pair = parameters.pair(on: ShardIndex(shard), of: blob)
            for axis in SliverAxis.allCases {
                let name = SliverName(blob: blob, pair: pair, axis: axis)
                if try await node.sliverStatus(name) != .stored { return false }
            }
        }
        return true
    }

    /// Checks that `node` has to the byte what the one that it replaced had.
    private func expectSame(_ node: StorageNode, _ index: Int, _ scene: Scene) async throws {
        for blob in scene.blobs {
            #expect(
                try await node.metadata(of: blob)
                    == scene.network.nodes[index].metadata(of: blob)
            )
            for shard in node.shards {
                let pair = scene.parameters.pair(on: ShardIndex(shard), of: blob)
                for axis in SliverAxis.allCases {
                    let name = SliverName(blob: blob, pair: pair, axis: axis)
                    guard case .verified(let here) = try await node.sliver(name),
                        case .verified(let there) =
                            try await scene.network.nodes[index].sliver(name)
                    else {
                        Issue.record("\(name) is not here")
                        continue
                    }
                    #expect(here == there)
                }
            }
        }
    }

    @Test(arguments: [(4, 4), (7, 7), (10, 10), (4, 13), (5, 25)])
    func anEmptyNodeGetsBackWhatItHad(nodes: Int, shards: Int) async throws {
        let scene = try await Scene(nodes: nodes, shards: shards, lengths: [0, 1, 777, 20_000])
        for index in [0, nodes - 1] {
            let node = try await scene.replacement(of: index)
            try await scene.recover(node)
            try await expectSame(node, index, scene)
            #expect(try await node.health().status == .active)
            #expect(scene.notices.all.isEmpty)
        }
    }

    /// What a lost disk costs: about the bytes of the slivers that were on it.
    @Test func recoveryReceivesAboutTheBytesThatItRebuilds() async throws {
        // Symbols of 37,450 bytes, as a blob of 1 MiB has at 10 shards.
        let scene = try await Scene(lengths: [1 << 20, 1 << 20])
        let node = try await scene.replacement(of: 2)
        try await scene.recover(node)
        try await expectSame(node, 2, scene)
        let status = node.recoveryStatus
        #expect(status.sliversRecovered == 4)
        let ratio = Double(status.bytesReceived) / Double(status.bytesRebuilt)
        print("recovery: \(status.bytesReceived) bytes received for \(status.bytesRebuilt)")
        // The symbol of the node's own secondary sliver costs nothing.
        #expect(ratio < 1.02)
        #expect(ratio > 0.8)
    }

    @Test func liarsAreNamedAndNotBelieved() async throws {
        let scene = try await Scene(lengths: [3000, 5000])
        for fault in [FaultyNode.Fault.garbage, .truncated] {
            let node = try await scene.replacement(of: 0)
            try await scene.recover(node) { index, node in
                FaultyNode(node, [3, 5, 7].contains(index) ? fault : .none)
            }
            try await expectSame(node, 0, scene)
        }
        let named = scene.notices.all.filter { $0.contains("lies about blob") }
        #expect(!named.isEmpty)
        for line in scene.notices.all {
            let isOfALiar = [3, 5, 7].contains { index in
                line.contains(
                    Genesis.nodeID(network: scene.network.genesis.networkID, index: index)
                        .description
                )
            }
            #expect(isOfALiar, "\(line)")
        }
    }

    @Test func aLiarIsAskedNothingMoreForABlob() async throws {
        let scene = try await Scene(lengths: [3000])
        let node = try await scene.replacement(of: 0)
        let liar = FaultyNode(scene.network.nodes[4], .garbage)
        try await scene.recover(node) { index, node -> any StorageNodeConnection in
            index == 4 ? liar : node
        }
        try await expectSame(node, 0, scene)
        // At most metadata or one symbol: it was found out with its first answer.
        #expect(liar.requests <= 1)
    }

    @Test func nodesThatAreDownAreGoneRound() async throws {
        let scene = try await Scene(lengths: [3000, 4000, 5000])
        let node = try await scene.replacement(of: 0)
        try await scene.recover(node) { index, node in
            FaultyNode(node, [1, 2, 3].contains(index) ? .down : .none)
        }
        try await expectSame(node, 0, scene)
    }

    /// Secondary slivers need n - 2f others, so that they come first, and primary ones later.
    @Test func withFewNodesSecondarySliversComeFirst() async throws {
        let scene = try await Scene(lengths: [3000])
        let node = try await scene.replacement(of: 0)
        try await scene.recover(
            node,
            connect: { index, node in FaultyNode(node, index > 4 ? .down : .none) },
            until: { $0.sliversRecovered == 1 }
        )
        let blob = scene.blobs[0]
        let pair = scene.parameters.pair(on: ShardIndex(0), of: blob)
        let secondary = SliverName(blob: blob, pair: pair, axis: .secondary)
        let primary = SliverName(blob: blob, pair: pair, axis: .primary)
        #expect(try await node.sliverStatus(secondary) == .stored)
        #expect(try await node.sliverStatus(primary) == .nonexistent)
        // All that is needed is what is stored: another life goes on from there.
        try await scene.recover(node)
        try await expectSame(node, 0, scene)
        #expect(node.recoveryStatus.sliversRecovered == 2)
    }

    @Test func whatIsDeletedIsNotRecovered() async throws {
        let scene = try await Scene(lengths: [3000, 4000])
        let (ledger, pool) = (scene.network.ledger, scene.pool)
        let record = try #require(try await ledger.blob(scene.blobs[0], inPool: pool))
        _ = try await scene.network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        let node = try await scene.replacement(of: 0)
        try await scene.recover(node)
        #expect(try await node.metadataStatus(of: scene.blobs[0]) == .nonexistent)
        #expect(try await node.metadataStatus(of: scene.blobs[1]) == .stored)
    }

    @Test func deletionEndsARecoveryThatIsUnderWay() async throws {
        let scene = try await Scene(lengths: [3000])
        let node = try await scene.replacement(of: 0)
        // Enough for metadata and nothing else.
        try await scene.recover(
            node,
            connect: { index, node in FaultyNode(node, index > 2 ? .down : .none) },
            until: { [node] _ in
                try await node.metadataStatus(of: scene.blobs[0]) == .stored
            }
        )
        let record = try #require(
            try await scene.network.ledger.blob(scene.blobs[0], inPool: scene.pool)
        )
        _ = try await scene.network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        try await scene.follow(node)
        try await scene.recover(node)
        #expect(node.recoveryStatus.sliversRecovered == 0)
    }

    @Test func aBlobWhoseUploadMissedANodeComesByItself() async throws {
        let network = try TestNetwork()
        let client = try await network.client { index, node in
            FaultyNode(node, index == 6 ? .down : .none)
        }
        let (_, store) = try await network.looseStore(client)
        let blob = try await store.store(TestNetwork.bytes(4000)).blob
        let parameters = try EncodingParameters(shardCount: 10)
        let node = network.nodes[6]
        #expect(try await !Self.isWhole(node, blob, parameters))
        let nodes = network.nodes
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await node.recover { member -> any StorageNodeConnection in
                    for node in nodes where node.configuration.node == member.node { return node }
                    return UnreachableNode(reason: "unknown")
                }
            }
            while try await !Self.isWhole(node, blob, parameters) {
                try await Task.sleep(for: .milliseconds(1))
            }
            group.cancelAll()
        }
    }

    @Test func rotIsFoundDroppedAndMended() async throws {
        let scene = try await Scene(lengths: [3000, 4000])
        let store = MemoryNodeStore(network: scene.network.genesis.networkID)
        let node = try await scene.replacement(of: 0, store: store) { $0.scrub.rate = .max }
        try await scene.recover(node)
        try await node.scrub()
        #expect(node.scrubStatus.damaged == 0)
        #expect(node.scrubStatus.sliversChecked == 4)
        let pair = scene.parameters.pair(on: ShardIndex(0), of: scene.blobs[1])
        let name = SliverName(blob: scene.blobs[1], pair: pair, axis: .primary)
        store.rot(name)
        try await node.scrub()
        #expect(node.scrubStatus.damaged == 1)
        #expect(try await node.sliverStatus(name) == .nonexistent)
        #expect(scene.notices.all.contains { $0.contains("is damaged") })
        try await scene.recover(node)
        try await expectSame(node, 0, scene)
        let health = try await node.health()
        #expect(health.scrub.damaged == 1)
        #expect(health.status == .active)
    }

    /// A record whose checksum is right and whose contents are another sliver's.
    @Test func sliversThatAreNotTheirMetadatasAreFoundByTheirHash() async throws {
        let scene = try await Scene(lengths: [3000])
        let store = MemoryNodeStore(network: scene.network.genesis.networkID)
        let node = try await scene.replacement(of: 0, store: store) { $0.scrub.rate = .max }
        try await scene.recover(node)
        let pair = scene.parameters.pair(on: ShardIndex(0), of: scene.blobs[0])
        let name = SliverName(blob: scene.blobs[0], pair: pair, axis: .secondary)
        let sliver = try #require(try store.sliver(name)).sliver
        var bytes = sliver.bytes
        bytes[3] ^= 4
        let wrong = Sliver(
            axis: sliver.axis,
            index: sliver.index,
            symbolSize: sliver.symbolSize,
            bytes: bytes
        )
        try store.store(VerifiedSliver(attested: wrong, of: scene.blobs[0]), as: name)
        try await node.scrub()
        #expect(node.scrubStatus.damaged == 1)
        try await scene.recover(node)
        try await expectSame(node, 0, scene)
    }
}
