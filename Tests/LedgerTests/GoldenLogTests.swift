internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import TestSupport
internal import Testing

/// A recorded history replays to the recorded state, today and in another process.
///
/// There is one recording for each protocol version, and the older ones are never written again.
/// `make golden` writes that of the newest; once it is published, a change of it is a change of the
/// protocol, and belongs under a new version.
struct GoldenLogTests {
    struct Recording: Codable {
        let genesis: String
        let blocks: [String]
        /// Hash over all rows at the end.
        let state: String
    }

    /// Of each protocol version; the newest is written by `make golden`.
    static let paths = ["ledger/golden-log-1.json", "ledger/golden-log-2.json"]

    /// The hash over the rows that replaying the recording leads to.
    static func replay(_ recording: Recording) throws -> String {
        let genesis = try Genesis(bcsBytes: Hex.decode(recording.genesis))
        var state = MemoryState()
        state.apply(try LedgerMachine.rows(of: genesis))
        var tip = ChainTip(of: genesis)
        for hex in recording.blocks {
            let block = try Block(bcsBytes: Hex.decode(hex))
            try tip.check(block, network: genesis.networkID, producer: genesis.blockKey)
            state.apply(try BlockExecutor.replay(block, over: state))
            tip = ChainTip(after: block.header)
        }
        let broken = try LedgerState.brokenInvariants(of: state)
        return broken.isEmpty ? hash(of: state) : broken.joined(separator: ", ")
    }

    static func hash(of state: MemoryState) -> String {
        var hasher = Blake2b256Hasher()
        for row in state.rows { hasher.update(row.key + [0xFF] + row.value) }
        return Hex.encode(hasher.finalize())
    }

    @Test func theRecordedHistoriesReplay() throws {
        if Fixtures.areWritten { try record() }
        for (index, path) in Self.paths.enumerated() {
            let recording: Recording = try Fixtures.json(path)
            #expect(recording.blocks.count > 20)
            let first = try Block(bcsBytes: Hex.decode(recording.blocks[0]))
            #expect(first.header.protocolVersion == UInt32(index + 1))
            #expect(try Self.replay(recording) == recording.state)
        }
    }

    @Test func anotherProcessComesToTheSameStates() async {
        await #expect(processExitsWith: .success) {
            for path in GoldenLogTests.paths {
                let recording: Recording = try Fixtures.json(path)
                guard try GoldenLogTests.replay(recording) == recording.state else { exit(3) }
            }
        }
    }

    @Test func aChangedHistoryDoesNotReplay() throws {
        let recording: Recording = try Fixtures.json(Self.paths[0])
        let genesis = try Genesis(bcsBytes: Hex.decode(recording.genesis))
        let producer = genesis.blockKey
        let network = genesis.networkID
        let first = try Block(bcsBytes: Hex.decode(recording.blocks[0]))
        let second = try Block(bcsBytes: Hex.decode(recording.blocks[1]))
        let tip = ChainTip(of: genesis)
        #expect(throws: BlockError.notAChild(of: tip.reference, height: 2)) {
            try tip.check(second, network: network, producer: producer)
        }
        #expect(
            throws: BlockError.notAChild(of: ChainTip(after: first.header).reference, height: 1)
        ) {
            try ChainTip(after: first.header).check(
                first,
                network: network,
                producer: producer
            )
        }
        #expect(throws: BlockError.wrongNetwork(network)) {
            try tip.check(
                first,
                network: NetworkID(bytes: [UInt8](repeating: 0, count: 32)),
                producer: producer
            )
        }
        #expect(throws: BlockError.badSignature(height: 1)) {
            try tip.check(first, network: network, producer: World.key("other").publicKey)
        }
        let unsigned = Block(
            signedHeader: SignedBlockHeader(
                header: first.header,
                signature: second.signedHeader.signature
            ),
            transactions: first.transactions,
            effects: first.effects
        )
        #expect(throws: BlockError.badSignature(height: 1)) {
            try tip.check(unsigned, network: network, producer: producer)
        }
        let swapped = Block(
            signedHeader: first.signedHeader,
            transactions: first.transactions,
            effects: second.effects
        )
        #expect(throws: BlockError.inconsistent(height: 1)) {
            try tip.check(swapped, network: network, producer: producer)
        }
    }

    @Test func effectsThatExecutionDoesNotGiveAreNoticed() throws {
        var world = try World()
        let before = world.state
        let tip = world.tip
        try world.succeed(.transfer(to: Address(of: world.bob.publicKey), amount: 1))
        guard let block = world.blocks.last else { return }
        let honest = block.effects[0]
        let lie = TransactionEffects(
            digest: honest.digest,
            outcome: honest.outcome,
            fee: honest.fee,
            events: [.epochChangeStart(epoch: 9)],
            writesHash: honest.writesHash
        )
        let header = BlockHeader(
            network: block.header.network,
            incarnation: 0,
            height: 1,
            logIndex: 1,
            parent: block.header.parent,
            milliseconds: block.header.milliseconds,
            protocolVersion: 1,
            transactionRoot: block.header.transactionRoot,
            effectsRoot: LedgerRoot.root(of: [lie]),
            producer: block.header.producer
        )
        let lying = Block(
            signedHeader: SignedBlockHeader(signing: header, with: world.blockKey),
            transactions: block.transactions,
            effects: [lie]
        )
        // Well formed and signed: only execution tells.
        try tip.check(lying, network: world.genesis.networkID, producer: world.blockKey.publicKey)
        #expect(throws: BlockError.replayDiffers(height: 1)) {
            try BlockExecutor.replay(lying, over: before)
        }
    }

    /// Runs a history that has every kind of command in it, and writes it down.
    private func record() throws {
        var world = try World(
            rules: GenesisRules(
                epochsAheadMax: 9,
                storagePrice: 3,
                writePrice: 2,
                transactionFee: 1
            )
        )
        let bob = Address(of: world.bob.publicKey)
        try world.succeed(.transfer(to: bob, amount: 5))
        try world.fail(
            .transfer(to: bob, amount: 5_000_000),
            with: .insufficientBalance(needed: 5_000_000, available: 999_993)
        )
        let blob = World.blob(1)
        let object = try world.succeed(
            .reserveSpace(size: 1 << 20, epochs: 2),
            .registerBlob(storage: .result(0), blob: blob, deletable: true)
        ).object(1)
        try world.succeed(.certifyBlob(.id(object), try world.confirmation(blob.blob, object)))
        try world.succeed(.extendBlob(.id(object), epochs: 1))
        try world.succeed(.deleteBlob(.id(object)))
        let (volume, pool) = try world.makeVolume(capacity: 8 << 20, epochs: 4)
        try world.succeed(.fundPool(.id(pool), amount: 900))
        try world.succeed(.extendPool(.id(pool), epochs: 1, payer: .pool))
        try world.succeed(.growPool(.id(pool), bytes: 1 << 20, payer: .sender))
        let mount = World.key("mount").publicKey
        try world.succeed(.acquireLease(.id(volume), mount: mount))
        for seed in 2..<6 { try world.store(World.blob(UInt8(seed)), in: pool) }
        try world.succeed(
            .publishHead(
                .id(volume),
                expected: 0,
                manifest: World.blob(2).blob,
                token: 1,
                pins: []
            )
        )
        let other = World.key("other mount").publicKey
        try world.succeed(.acquireLease(.id(volume), mount: other))
        try world.succeed(.keepLease(.id(volume), token: 1))
        try world.succeed(.acquireLease(.id(volume), mount: other))
        world.now += 30_000
        try world.succeed(.takeOverLease(.id(volume), mount: other))
        try world.succeed(
            .publishHead(
                .id(volume),
                expected: 1,
                manifest: World.blob(3).blob,
                token: 2,
                pins: [1]
            )
        )
        try world.succeed(
            .retire(
                .id(volume),
                blobs: [World.blob(4).blob],
                sequence: 0,
                token: 2,
                immediately: true
            )
        )
        try world.succeed(
            .deleteRetired(.id(volume), blobs: [World.blob(4).blob], token: 2)
        )
        try world.succeed(.releaseLease(.id(volume), token: 2))
        let invalid = ProtocolMessage.invalidBlobID(epoch: 0, blob: World.blob(5).blob)
        try world.succeed(.invalidateBlob(try world.certificate(invalid)))
        let node = Genesis.nodeID(network: world.genesis.networkID, index: 0)
        try world.fund(world.nodeKeys[0], 10)
        try world.succeed(
            .updateNode(node, address: "https://h:1", networkKey: mount),
            by: world.nodeKeys[0]
        )
        try world.fund(world.administrator, 10)
        try changeCommittee(of: &world)
        world.now += 100_000
        try world.succeed(.transfer(to: bob, amount: 1))
        let recording = Recording(
            genesis: Hex.encode(world.genesis.bcsBytes),
            blocks: world.blocks.map { Hex.encode($0.bcsBytes) },
            state: Self.hash(of: world.state)
        )
        try Fixtures.write(recording, to: Self.paths[1])
    }
}

extension GoldenLogTests {
    /// Lets a node join and another leave, with votes, new keys and all, from epoch 0 to 2.
    private func changeCommittee(of world: inout World) throws {
        let joiner = World.key("joiner")
        try world.fund(joiner, 500)
        for key in world.nodeKeys { try world.fund(key, 10) }
        let registration = NodeRegistration(
            account: Address(of: joiner.publicKey),
            name: "joiner",
            protocolKey: World.key("joiner's protocol key"),
            networkKey: World.key("joiner's tls").publicKey,
            address: "https://j:1",
            in: world.domain
        )
        let node = try world.succeed(.registerNode(registration), by: joiner).object(0)
        try world.succeed(.stake(node, amount: 300), by: joiner)
        let parameters = EpochParameters(storagePrice: 4, writePrice: 1, capacity: 1 << 40)
        try world.succeed(.vote(node, parameters), by: joiner)
        let nodes = world.nodeKeys.indices.map {
            Genesis.nodeID(network: world.genesis.networkID, index: $0)
        }
        try world.succeed(.setCandidacy(nodes[9], false), by: world.nodeKeys[9])
        let rotated = World.key("rotated")
        let statement = PossessionStatement(
            account: Address(of: world.nodeKeys[1].publicKey),
            protocolKey: rotated.publicKey
        )
        try world.succeed(
            .rotateProtocolKey(
                nodes[1],
                rotated.publicKey,
                proof: statement.signed(by: rotated, in: world.domain)
            ),
            by: world.nodeKeys[1]
        )
        try world.succeed(.selectCommittee(from: 0), by: world.administrator)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        // The joiner's two shards are node 9's, and one of an equal among the others.
        let members = Set(try world.committee().members.map(\.node))
        for index in 0..<9 where members.contains(nodes[index]) {
            try world.succeed(.reportSync(nodes[index], epoch: 1), by: world.nodeKeys[index])
        }
        try world.succeed(.withdrawStake(nodes[9], amount: 60), by: world.nodeKeys[9])
        try world.succeed(.advanceEpoch(from: 1), by: world.administrator)
    }
}

extension World {
    fileprivate mutating func fund(_ key: SigningKey, _ amount: Frost) throws {
        try succeed(.transfer(to: Address(of: key.publicKey), amount: amount))
    }
}
