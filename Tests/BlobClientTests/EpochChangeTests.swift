import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import SystemIO
import TestNetwork
import Testing

/// Four nodes with ten shards, of which one leaves, and one that comes instead.
private struct Change {
    let network: TestNetwork
    let client: BlobClient
    let store: NativeBlobStore
    let joiner: StorageNode
    private(set) var blobs: [(id: BlobID, bytes: [UInt8])] = []
    /// How many of them are of epoch 0, and whole at every node.
    let settled: Int
    /// Slivers that were recovered because nobody gave them.
    var recovered: Int {
        network.ledger.nodes.reduce(0) { $0 + $1.recoveryStatus.sliversRecovered }
    }

    var leaver: StorageNode { network.nodes[0] }
    static let leaver = TestNetwork.key("node 0")

    /// Blobs are stored in epoch 0, and epoch 1 is settled.
    init(blobs count: Int = 5) async throws {
        network = try TestNetwork(nodes: 4, shards: 10)
        settled = count
        client = try await network.client()
        store = try await network.volume(client).store
        for seed in 0..<count {
            let bytes = TestNetwork.bytes(900 * seed + 40, seed: UInt64(seed) + 1)
            blobs.append((try await store.store(bytes).blob, bytes))
            try await network.complete(bytes)
        }
        joiner = try await network.join("joiner")
        let id = network.nodes[0].configuration.node
        try await network.execute(.setCandidacy(id, false), by: Self.leaver)
        try await network.execute(.selectCommittee(from: 0))
    }

    func advance() async throws {
        try await network.execute(.advanceEpoch(from: try await network.ledger.info().epoch))
    }

    var isChanging: Bool {
        get async throws { try await network.ledger.epochState().change != nil }
    }

    /// Reads everything in both ways.
    func readAll(with client: BlobClient) async throws {
        for (id, bytes) in blobs {
            for way in [ReadAuthentication.store, .caller] {
                let read = try await client.read(
                    id,
                    range: 0..<UInt64(bytes.count),
                    authentication: way
                )
                #expect(read == bytes)
            }
        }
    }

    /// What a node needs to change its shards; `connect` stands between it and others, and nodes
    /// that are `gone` answer nothing.
    func migration(
        of node: StorageNode,
        gone: [StorageNode] = [],
        _ connect: @escaping @Sendable (StorageNode) -> (any ShardSource)? = { $0 }
    ) -> ShardMigration {
        let network = network
        let key = node.configuration.protocolKey
        let id = node.configuration.node
        let gone = gone.map(\.configuration.node)
        @Sendable func find(_ member: CommitteeMember) -> StorageNode? {
            gone.contains(member.node) ? nil : network.node(member.node)
        }
        return ShardMigration(
            connect: { find($0).flatMap(connect) },
            peer: { member -> any StorageNodeConnection in
                find(member) ?? UnreachableNode(reason: "gone")
            },
            report: { epoch in
                try await network.execute(.reportSync(id, epoch: epoch), by: key)
            }
        )
    }

    /// Every member but the leaver does what the epoch asks of it.
    func settle() async throws {
        for node in network.ledger.nodes.dropFirst() { try await node.settle(migration(of: node)) }
    }

    /// The slivers that a node should have of the blobs of epoch 0, and their bytes.
    func held(by node: StorageNode) throws -> ShardSyncProgress.Amount {
        let shards = node.committees.shards(of: node.configuration.node).count
        var amount = ShardSyncProgress.Amount()
        for (_, bytes) in blobs.prefix(settled) {
            let symbol = try client.parameters.symbolSize(of: UInt64(bytes.count))
            for axis in SliverAxis.allCases {
                let length = client.parameters.sliverLength(axis, symbolSize: symbol)
                amount.slivers += UInt64(shards)
                amount.bytes += UInt64(shards * length)
            }
        }
        return amount
    }

    /// Whether a node has all that it should have of every blob of epoch 0.
    func isWhole(_ node: StorageNode) async throws -> Bool {
        let shards = node.committees.shards(of: node.configuration.node)
        let parameters = client.parameters
        for (id, _) in blobs.prefix(settled) {
            for shard in shards {
                let pair = parameters.pair(on: ShardIndex(shard), of: id)
                for axis in SliverAxis.allCases {
                    let name = SliverName(blob: id, pair: pair, axis: axis)
                    guard try await node.sliverStatus(name) == .stored else { return false }
                }
            }
        }
        return true
    }
}

/// Gives shards badly.
private struct BadSource: ShardSource {
    enum Fault {
        case refuses, garbage, otherShard, unordered
        /// One at a time, which is slow and not wrong.
        case single
    }

    let node: StorageNode
    let fault: Fault

    func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try await node.metadata(of: blob)
    }

    func shard(
        _ request: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer {
        let answer = try await node.shard(request, from: key)
        switch fault {
        case .refuses: throw .unreachable("away")
        case .garbage:
            return ShardSyncAnswer(
                slivers: answer.slivers.map { item in
                    let old = item.sliver
                    return ShardSliver(
                        blob: item.blob,
                        sliver: Sliver(
                            axis: old.axis,
                            index: old.index,
                            symbolSize: old.symbolSize,
                            bytes: old.bytes.map { ~$0 }
                        )
                    )
                }
            )
        case .otherShard:
            return ShardSyncAnswer(
                slivers: answer.slivers.map { item in
                    let old = item.sliver
                    return ShardSliver(
                        blob: item.blob,
                        sliver: Sliver(
                            axis: old.axis,
                            index: SliverIndex((old.index.rawValue + 1) % 10),
                            symbolSize: old.symbolSize,
                            bytes: old.bytes
                        )
                    )
                }
            )
        case .unordered: return ShardSyncAnswer(slivers: answer.slivers.reversed())
        case .single: return ShardSyncAnswer(slivers: Array(answer.slivers.prefix(1)))
        }
    }
}

@Suite struct EpochChangeTests {
    @Test func readsAndWritesGoOnThroughAWholeChange() async throws {
        var change = try await Change()
        try await change.advance()
        #expect(try await change.isChanging)
        // Nothing has moved yet: the old client does not know, a new one does.
        let fresh = try await change.network.client()
        #expect(fresh.committee.epoch == 1)
        for client in [change.client, fresh] { try await change.readAll(with: client) }
        // A client of yesterday's committee writes: it learns of the new one by itself.
        #expect(change.client.committee.epoch == 0)
        try await change.write(seed: 50)
        #expect(change.client.committee.epoch == 1)

        try await change.settle()
        #expect(try await !change.isChanging)
        #expect(change.recovered == 0)
        #expect(try await change.isWhole(change.joiner))
        let progress = change.joiner.shardSyncProgress
        // What was written meanwhile came with the shards, too, or by itself.
        let held = try change.held(by: change.joiner)
        #expect(progress.done.slivers >= held.slivers && progress.done.bytes >= held.bytes)
        #expect(progress.left == ShardSyncProgress.Amount())
        for client in [change.client, fresh] { try await change.readAll(with: client) }
        try await change.readAll(with: change.network.client())
    }

    @Test func theLeaverServesOneEpochMoreAndThenDropsItsShards() async throws {
        let change = try await Change()
        try await change.advance()
        try await change.settle()
        let leaver = change.leaver
        let name = SliverName(
            blob: change.blobs[0].id,
            pair: change.client.parameters.pair(on: ShardIndex(0), of: change.blobs[0].id),
            axis: .primary
        )
        #expect(try await leaver.sliverStatus(name) == .stored)
        try await change.advance()
        try await leaver.settle(change.migration(of: leaver))
        #expect(try await leaver.sliverStatus(name) == .stored)
        try await change.settle()
        try await change.advance()
        try await leaver.settle(change.migration(of: leaver))
        await #expect(throws: NodeError.self) { try await leaver.sliverStatus(name) }
        for (id, _) in change.blobs {
            #expect(change.network.stores[0].pairs(of: id).isEmpty)
        }
        try await change.settle()
        // Even a client that has slept through all of it reads.
        #expect(change.client.committee.epoch == 0)
        try await change.readAll(with: change.client)
    }

    @Test func lockedShardsTakeNothingMore() async throws {
        let change = try await Change()
        try await change.advance()
        let (id, bytes) = change.blobs[1]
        let encoded = try RedStuffEncoder(change.client.parameters).encode(bytes)
        let pair = change.client.parameters.pair(on: ShardIndex(0), of: id)
        let name = SliverName(blob: id, pair: pair, axis: .primary)
        let sliver = encoded.sliver(.primary, change.client.parameters.sliver(of: pair, .primary))
        let error = await #expect(throws: NodeError.self) {
            _ = try await change.leaver.store(sliver, as: name, height: nil)
        }
        #expect(error?.refusal == .shardNotAssigned)
        let refused = await #expect(throws: NodeError.self) {
            _ = try await change.leaver.confirmation(
                of: id,
                persistence: .permanent,
                height: nil,
                patience: .zero
            )
        }
        #expect(refused?.refusal != nil)
    }

    @Test(arguments: [
        BadSource.Fault.refuses, .garbage, .otherShard, .unordered, .single,
    ])
    fileprivate func whatTheFormerHolderDoesNotGiveIsRecovered(
        _ fault: BadSource.Fault
    ) async throws {
        let change = try await Change()
        try await change.advance()
        for node in change.network.ledger.nodes.dropFirst() {
            try await node.settle(change.migration(of: node) { BadSource(node: $0, fault: fault) })
            #expect(try await change.isWhole(node))
        }
        #expect(try await !change.isChanging)
        #expect((change.recovered == 0) == (fault == .single))
        try await change.readAll(with: change.network.client())
    }

    /// Symbols cost about the bytes of what is rebuilt, also where a whole shard comes.
    @Test func theShardsOfAHolderThatIsGoneComeFromSymbols() async throws {
        let change = try await Change()
        try await change.advance()
        for node in change.network.ledger.nodes.dropFirst() {
            try await node.settle(change.migration(of: node, gone: [change.leaver]))
            #expect(try await change.isWhole(node))
        }
        #expect(try await !change.isChanging)
        let recovery = change.joiner.recoveryStatus
        #expect(recovery.sliversRecovered > 0)
        #expect(change.joiner.shardSyncProgress.done == (try change.held(by: change.joiner)))
        try await change.readAll(with: change.network.client())
    }

    /// With another node gone, there are enough symbols only with those of the shards that the
    /// leaver has given up.
    @Test func symbolsOfLockedShardsAreServedAndTaken() async throws {
        let change = try await Change()
        try await change.advance()
        let joiner = change.joiner
        try await joiner.settle(
            change.migration(of: joiner, gone: [change.network.nodes[3]]) {
                BadSource(node: $0, fault: .refuses)
            }
        )
        #expect(try await change.isWhole(joiner))
        #expect(joiner.recoveryStatus.sliversRecovered > 0)
    }

    @Test func lockedShardsGiveSymbolsToWhoAsksForThem() async throws {
        let change = try await Change()
        let leaver = change.leaver
        let blob = change.blobs[1].id
        let parameters = change.client.parameters
        let held = leaver.committees.shards(of: leaver.configuration.node)
        let target = parameters.sliver(
            of: parameters.pair(on: ShardIndex(9), of: blob),
            .secondary
        )
        func symbols() async throws -> (recovery: Int, named: Int, decoding: Int) {
            let sources = held.map {
                parameters.sliver(of: parameters.pair(on: ShardIndex($0), of: blob), .primary)
            }
            let all = RecoverySymbolsRequest(.target(.secondary, target), proofAxis: nil)
            let named = RecoverySymbolsRequest(target: target, .secondary, from: sources)
            let decoding = try await leaver.decodingSymbols(
                of: blob,
                for: [SliverIndex(0)],
                .secondary
            )
            return (
                try await leaver.recoverySymbols(of: blob, all).count,
                try await leaver.recoverySymbols(of: blob, named).count,
                decoding.symbols.values.reduce(0) { $0 + $1.count }
            )
        }
        let before = try await symbols()
        #expect(before == (held.count, held.count, held.count))
        try await change.advance()
        #expect(leaver.committees.shards(of: leaver.configuration.node).isEmpty)
        let after = try await symbols()
        #expect(after == before)
    }

    /// Nobody tells a node that has no former holders to ask, as an embedded one: it looks itself.
    @Test(.timeLimit(.minutes(1)))
    func aChangeOfEpochsHasWhatIsMissingLookedFor() async throws {
        let change = try await Change()
        let joiner = change.joiner
        let network = change.network
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await joiner.recover { member -> any StorageNodeConnection in
                    network.node(member.node) ?? UnreachableNode(reason: "gone")
                }
            }
            while !joiner.recoveryStatus.isScanned { await Task.yield() }
            try await change.advance()
            while try await !change.isWhole(joiner) { await Task.yield() }
            group.cancelAll()
        }
        #expect(joiner.recoveryStatus.sliversRecovered > 0)
    }

    @Test func aNodeThatIsNotWholeDoesNotReport() async throws {
        let change = try await Change()
        try await change.advance()
        let joiner = change.joiner
        let stuck = ShardMigration(
            connect: { _ in nil },
            peer: { _ in UnreachableNode(reason: "nobody") },
            report: { _ in Issue.record("reported") }
        )
        await #expect(throws: NodeError.self) { try await joiner.settle(stuck) }
        #expect(try await change.network.ledger.epochState().change?.synced == [])
        // Reads do not need it: they go to those who have the shards.
        try await change.readAll(with: change.network.client())
        try await joiner.settle(change.migration(of: joiner))
        #expect(try await change.isWhole(joiner))
    }

    @Test func aShardThatHasNotComeInItsEpochComesInTheNext() async throws {
        let change = try await Change()
        try await change.advance()
        // The others are a quorum, and do not wait for the joiner.
        for node in change.network.nodes.dropFirst() {
            try await node.settle(change.migration(of: node))
        }
        #expect(try await !change.isChanging)
        try await change.advance()
        #expect(try await !change.isWhole(change.joiner))
        try await change.joiner.settle(change.migration(of: change.joiner))
        #expect(try await change.isWhole(change.joiner))
        #expect(change.recovered == 0)
    }

    @Test func shardsAreGivenToTheirNewHoldersOnly() async throws {
        let change = try await Change()
        try await change.advance()
        let domain = change.client.domain
        let joiner = change.joiner
        let gained = try #require(
            joiner.committees.gained(by: joiner.configuration.node).first {
                change.leaver.committees.former[0].holder(of: $0).node
                    == change.leaver.configuration.node
            }
        )
        func ask(
            _ key: SigningKey,
            from: PublicKey? = nil,
            epoch: Epoch = 1,
            shard: UInt16? = nil,
            count: UInt64 = 10
        ) async -> NodeRefusal? {
            let request = ShardSyncRequest(
                epoch: epoch,
                shard: ShardIndex(shard ?? gained),
                axis: .primary,
                start: BlobID(bytes: [UInt8](repeating: 0, count: 32)),
                count: count
            )
            do {
                let answer = try await change.leaver.shard(
                    request.signed(by: key, in: domain),
                    from: from ?? key.publicKey
                )
                #expect(answer.slivers.count == change.blobs.count)
                return nil
            } catch {
                return error.refusal
            }
        }
        let key = joiner.configuration.protocolKey
        #expect(await ask(key) == nil)
        #expect(await ask(TestNetwork.key("node 1")) == .requestUnauthorized)
        #expect(await ask(TestNetwork.key("x"), from: key.publicKey) == .requestUnauthorized)
        #expect(await ask(key, epoch: 0) == .invalidEpoch)
        #expect(await ask(key, shard: 10) == .indexOutOfRange)
        #expect(await ask(key, count: 100_001) == .sliverCountExceedsLimit)
        // Signed for another network.
        let other = SigningDomain(network: change.network.genesis.networkID, incarnation: 1)
        let request = ShardSyncRequest(
            epoch: 1,
            shard: ShardIndex(gained),
            axis: .primary,
            start: BlobID(bytes: [UInt8](repeating: 0, count: 32)),
            count: 1
        )
        let error = await #expect(throws: NodeError.self) {
            _ = try await change.leaver.shard(
                request.signed(by: key, in: other),
                from: key.publicKey
            )
        }
        #expect(error?.refusal == .requestUnauthorized)
    }

    @Test func blobsOfTheNewEpochAreReadWhileShardsMove() async throws {
        var change = try await Change(blobs: 1)
        try await change.advance()
        for seed in 60..<66 { try await change.write(seed: UInt64(seed)) }
        let fresh = try await change.network.client()
        try await change.readAll(with: fresh)
        // Expired with its epoch, not by the change.
        #expect(try await change.isChanging)
    }

    @Test func aShardCopiedHalfIsNotCopiedAgain() async throws {
        let change = try await Change()
        try await change.advance()
        let joiner = change.joiner
        try await joiner.settle(change.migration(of: joiner))
        // The report is as good the second time, and nobody is asked for slivers again.
        let deaf = ShardMigration(
            connect: { member in
                change.network.node(member.node).map { BadSource(node: $0, fault: .refuses) }
            },
            peer: { _ in UnreachableNode(reason: "nobody") },
            report: { _ in }
        )
        try await joiner.settle(deaf)
        #expect(try await change.isWhole(joiner))
    }
}

extension Change {
    fileprivate mutating func write(seed: UInt64) async throws {
        let bytes = TestNetwork.bytes(3000, seed: seed)
        blobs.append((try await store.store(bytes).blob, bytes))
    }
}
