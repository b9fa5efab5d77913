internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Node records and epochs.
struct EpochTests {
    @Test func theAdministratorAdvancesEpochs() throws {
        var world = try World()
        try world.fail(
            .advanceEpoch(from: 1),
            with: .wrongEpoch(current: 0),
            by: world.administrator
        )
        try world.fail(.advanceEpoch(from: 0), with: .epochNotOver(until: .max))
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        #expect(try world.epoch() == 1)
        // Nothing moves, so nobody waits for shards.
        #expect(
            world.blocks.last?.events.map(\.event) == [
                .epochParametersSelected(
                    committee: try world.committee(),
                    parameters: EpochParameters(storagePrice: 0, writePrice: 0, capacity: 1 << 60)
                ),
                .epochChangeStart(epoch: 1), .epochChangeDone(epoch: 1),
            ]
        )
    }

    @Test func anyoneAdvancesAnEpochThatIsOver() throws {
        var world = try World(rules: GenesisRules(epochDurationMilliseconds: 1000))
        let end = World.start + 1000
        world.now = end - 1
        try world.fail(.advanceEpoch(from: 0), with: .epochNotOver(until: end))
        world.now = end
        try world.succeed(.advanceEpoch(from: 0))
        // A network that slept advances by one epoch at a time, each lasting its time.
        try world.fail(.advanceEpoch(from: 1), with: .epochNotOver(until: end + 1000))
    }

    @Test func rewardsArePaidByShardsAndTheRestIsKept() throws {
        var world = try World(rules: GenesisRules(storagePrice: 57))
        try world.succeed(.reserveSpace(size: 1, epochs: 2))
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        for key in world.nodeKeys { #expect(try world.balance(of: key) == 5) }
        // 7 were left over, and 57 come in.
        try world.succeed(.advanceEpoch(from: 1), by: world.administrator)
        for key in world.nodeKeys { #expect(try world.balance(of: key) == 11) }
    }

    @Test func nodesChangeTheirOwnRecord() throws {
        var world = try World()
        let node = Genesis.nodeID(network: world.genesis.networkID, index: 3)
        let key = World.key("new tls").publicKey
        let update = Command.updateNode(node, address: "https://h:1", networkKey: key)
        try world.fail(update, with: .notAuthorised(node))
        for length in [0] {
            try world.fail(
                .updateNode(
                    node,
                    address: String(repeating: "a", count: length),
                    networkKey: key
                ),
                with: .invalidArgument("address length"),
                by: world.nodeKeys[3]
            )
        }
        try world.succeed(update, by: world.nodeKeys[3])
        let member = try world.committee().members[3]
        #expect(member.address == "https://h:1")
        #expect(member.networkKey == key)
        #expect(member.protocolKey == world.nodeKeys[3].publicKey)
        #expect(world.blocks.last?.events.map(\.event) == [.nodeUpdated(member)])
        guard case .node(let record?) = try world.query(.node(node)) else { return }
        #expect(record.address == "https://h:1")
        let unknown = ObjectID(bytes: [UInt8](repeating: 0, count: 32))
        try world.fail(
            .updateNode(unknown, address: "a", networkKey: key),
            with: .unknownObject(unknown)
        )
    }

    @Test func infoCountsWhatIsReserved() throws {
        var world = try World()
        try world.succeed(.reserveSpace(size: 77, epochs: 1))
        guard case .info(let info) = try world.query(.info) else { return }
        #expect(info.capacityUsed == 77)
        #expect(info.shardCount == 10)
        #expect(info.supply == 2_001_000)
        #expect(info.head.height == 1)
        guard case .nodes(let nodes) = try world.query(.nodes) else { return }
        #expect(nodes.count == 10)
    }
}
