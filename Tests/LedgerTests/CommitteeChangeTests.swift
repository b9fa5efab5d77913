internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Nodes come and go, and epochs change committees.
struct CommitteeChangeTests {
    private static let joiner = World.key("joiner")

    private func registration(
        _ world: World,
        account: SigningKey = joiner,
        protocolKey: SigningKey = World.key("joiner's protocol key")
    ) -> NodeRegistration {
        NodeRegistration(
            account: Address(of: account.publicKey),
            name: "joiner",
            protocolKey: protocolKey,
            networkKey: World.key("joiner's tls").publicKey,
            address: "https://j:1",
            in: world.domain
        )
    }

    /// Lets a node in that has twice the stake of each of the four others.
    private func join(_ world: inout World) throws -> NodeID {
        let address = Address(of: Self.joiner.publicKey)
        try world.succeed(.transfer(to: address, amount: 200))
        let node = try world.succeed(.registerNode(registration(world)), by: Self.joiner)
            .object(0)
        try world.succeed(.stake(node, amount: 200), by: Self.joiner)
        return node
    }

    private func genesisNode(_ world: World, _ index: Int) -> NodeID {
        Genesis.nodeID(network: world.genesis.networkID, index: index)
    }

    private func report(_ world: inout World, _ index: Int) throws {
        try world.succeed(
            .reportSync(genesisNode(world, index), epoch: try world.epoch()),
            by: world.nodeKeys[index]
        )
    }

    @Test func aNodeJoinsAndAnotherLeaves() throws {
        var world = try World(nodes: 4, shards: 10)
        let node = try join(&world)
        let leaver = genesisNode(world, 0)
        try world.succeed(.setCandidacy(leaver, false), by: world.nodeKeys[0])
        let before = try world.committee()
        // Nothing changes before the next epoch is settled, and then only what is to come.
        try world.succeed(.selectCommittee(from: 0), by: world.administrator)
        #expect(try world.committee() == before)
        let selected = try #require(try world.epochState().selection).committee
        #expect(selected.epoch == 1)
        #expect(selected.index(of: leaver) == nil)
        #expect(selected.members.map(\.weight) == [3, 2, 2, 3])
        #expect(selected.members.last?.node == node)

        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        #expect(world.blocks.last?.events.map(\.event) == [.epochChangeStart(epoch: 1)])
        #expect(try world.committee() == selected)
        let state = try world.epochState()
        #expect(state.change == EpochChange(previous: before))
        #expect(state.readers(ofCertified: 0) == before)
        #expect(state.readers(ofCertified: 1) == selected)

        // Nine of ten shards are there after three reports; seven are enough.
        try report(&world, 1)
        try report(&world, 2)
        #expect(try world.epochState().change?.synced.count == 2)
        try world.succeed(.reportSync(node, epoch: 1), by: Self.joiner)
        #expect(
            world.blocks.last?.events.map(\.event) == [
                .shardsReceived(epoch: 1, node: node, shards: selected.members[3].shards),
                .epochChangeDone(epoch: 1),
            ]
        )
        #expect(try world.epochState().change == nil)
        #expect(try world.epochState().readers(ofCertified: 0) == selected)
        // Late, and said twice: neither does any harm.
        try report(&world, 3)
        try world.succeed(.reportSync(node, epoch: 1), by: Self.joiner)
    }

    @Test func reportsAreTheMembersOwnAndOfThisEpoch() throws {
        var world = try World(nodes: 4, shards: 10)
        let node = try join(&world)
        try world.fail(
            .reportSync(node, epoch: 0),
            with: .invalidArgument("no member of the committee"),
            by: Self.joiner
        )
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.fail(.reportSync(node, epoch: 1), with: .notAuthorised(node))
        try world.fail(
            .reportSync(node, epoch: 0),
            with: .wrongEpoch(current: 1),
            by: Self.joiner
        )
        try report(&world, 1)
        try report(&world, 1)
        #expect(try world.epochState().change?.synced == [genesisNode(world, 1)])
    }

    @Test func aChangeThatIsUnderWayIsFinishedFirst() throws {
        var world = try World(nodes: 4, shards: 10)
        _ = try join(&world)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        for command in [Command.advanceEpoch(from: 1), .selectCommittee(from: 1)] {
            try world.fail(command, with: .epochChangeUnderWay, by: world.administrator)
        }
        for index in 0..<4 { try report(&world, index) }
        try world.succeed(.advanceEpoch(from: 1), by: world.administrator)
        // At rest: the same stakes move nothing more.
        #expect(
            world.blocks.last?.events.map(\.event).suffix(2) == [
                .epochChangeStart(epoch: 2), .epochChangeDone(epoch: 2),
            ]
        )
    }

    @Test func anyoneSelectsInTheSecondHalf() throws {
        var world = try World(rules: GenesisRules(epochDurationMilliseconds: 1000))
        try world.fail(.selectCommittee(from: 1), with: .wrongEpoch(current: 0))
        world.now = World.start + 499
        try world.fail(
            .selectCommittee(from: 0),
            with: .epochNotOver(until: World.start + 500)
        )
        world.now = World.start + 500
        try world.succeed(.selectCommittee(from: 0))
        #expect(world.blocks.last?.events.count == 1)
        // It is settled: who comes later waits for the next one.
        try world.succeed(.selectCommittee(from: 0))
        #expect(world.blocks.last?.events.isEmpty == true)
        let node = try join(&world)
        world.now = World.start + 1000
        try world.succeed(.advanceEpoch(from: 0))
        #expect(try world.committee().index(of: node) == nil)
    }

    @Test func certificatesAreTheNewCommitteesFromTheStartOfTheChange() throws {
        var world = try World(nodes: 4, shards: 10)
        _ = try join(&world)
        let blob = World.blob(1)
        let (_, pool) = try world.makeVolume()
        let object = try world.succeed(.registerPooledBlob(pool: .id(pool), blob: blob)).object(0)
        let old = try world.confirmation(blob.blob, object, by: 0..<4)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.fail(
            .certifyPooledBlob(.id(object), old),
            with: .badCertificate(.wrongEpoch(certificate: 0, committee: 1))
        )
        // The four, equal as they are, have seven of the ten shards that they had.
        let weights = try world.committee().members.map(\.weight)
        #expect(weights.dropLast().sorted() == [1, 2, 2, 2])
        #expect(weights.last == 3)
        let new = try world.confirmation(blob.blob, object, by: 0..<4)
        try world.succeed(.certifyPooledBlob(.id(object), new))
    }

    @Test func strangersJoinOnlyWithMoneyAndTheirOwnKey() throws {
        var world = try World(nodes: 4, shards: 10)
        let stolen = NodeRegistration(
            account: Address(of: Self.joiner.publicKey),
            name: "thief",
            protocolKey: world.nodeKeys[0],
            networkKey: world.nodeKeys[0].publicKey,
            address: "https://j:1",
            // Signed for another incarnation.
            in: SigningDomain(network: world.genesis.networkID, incarnation: 7)
        )
        try world.fail(
            .registerNode(stolen),
            with: .invalidArgument("proof of possession"),
            by: Self.joiner
        )
        let outcome = try world.run([.registerNode(registration(world))], by: world.bob)
        guard case .failed(0, .notAuthorised) = outcome else {
            Issue.record("Registered for another's account: \(outcome)")
            return
        }
        // Without stake it is registered, and gets nothing.
        let node = try world.succeed(.registerNode(registration(world)), by: Self.joiner)
            .object(0)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        #expect(try world.committee().index(of: node) == nil)
    }

    @Test func whereNobodyHasStakeTheAdministratorLetsNodesIn() throws {
        var world = try World(nodes: 4, shards: 10, stake: 0)
        let outcome = try world.run([.registerNode(registration(world))], by: Self.joiner)
        guard case .failed(0, .notAuthorised) = outcome else {
            Issue.record("Anyone could join: \(outcome)")
            return
        }
        let node = try world.succeed(
            .registerNode(registration(world)),
            by: world.administrator
        ).object(0)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        #expect(try world.committee().members.map(\.weight) == [2, 2, 2, 2, 2])
        #expect(try world.committee().members.last?.node == node)
    }

    @Test func stakeIsBoundWhileANodeHasDuties() throws {
        var world = try World(nodes: 4, shards: 10)
        let leaver = genesisNode(world, 3)
        let withdraw = Command.withdrawStake(leaver, amount: 100)
        let key = world.nodeKeys[3]
        try world.fail(withdraw, with: .nodeInCommittee(leaver), by: key)
        try world.succeed(.setCandidacy(leaver, false), by: key)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        // It serves what it had until the others have it.
        try world.fail(withdraw, with: .nodeInCommittee(leaver), by: key)
        for index in 0..<3 { try report(&world, index) }
        try world.fail(
            .withdrawStake(leaver, amount: 101),
            with: .insufficientBalance(needed: 101, available: 100),
            by: key
        )
        try world.succeed(withdraw, by: key)
        #expect(try world.balance(of: key) == 100)
        // Back again: a candidate without stake where others have some.
        try world.succeed(.setCandidacy(leaver, true), by: key)
        try world.succeed(.stake(leaver, amount: 100), by: key)
        try world.succeed(.selectCommittee(from: 1), by: world.administrator)
        try world.fail(withdraw, with: .nodeInCommittee(leaver), by: key)
    }

    @Test func keysAndAddressesRotate() throws {
        var world = try World(nodes: 4, shards: 10)
        let node = genesisNode(world, 2)
        let new = World.key("new protocol key")
        let account = Address(of: world.nodeKeys[2].publicKey)
        let statement = PossessionStatement(account: account, protocolKey: new.publicKey)
        try world.fail(
            .rotateProtocolKey(
                node,
                new.publicKey,
                proof: statement.signed(by: world.bob, in: world.domain)
            ),
            with: .invalidArgument("proof of possession"),
            by: world.nodeKeys[2]
        )
        try world.succeed(
            .rotateProtocolKey(
                node,
                new.publicKey,
                proof: statement.signed(by: new, in: world.domain)
            ),
            by: world.nodeKeys[2]
        )
        try world.succeed(.selectCommittee(from: 0), by: world.administrator)
        // The address changes everywhere at once, the key with the epoch.
        let tls = World.key("new tls").publicKey
        try world.succeed(
            .updateNode(node, address: "https://n:2", networkKey: tls),
            by: world.nodeKeys[2]
        )
        #expect(try world.committee().members[2].protocolKey == world.nodeKeys[2].publicKey)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        let member = try world.committee().members[2]
        #expect(member.protocolKey == new.publicKey)
        #expect(member.address == "https://n:2")
        #expect(member.networkKey == tls)
        guard case .node(let record?) = try world.query(.node(node)),
            case .standing(let standing) = try world.query(.standing(node))
        else { return }
        #expect(record.protocolKey == new.publicKey)
        #expect(standing == NodeStanding())
    }

    @Test func pricesAndCapacityAreVotedByShards() throws {
        let rules = GenesisRules(storagePrice: 10, writePrice: 10, capacity: 1000)
        var world = try World(rules: rules, nodes: 4, shards: 10)
        // Weights 2, 3, 2, 3. Seven shards ask at most 20; seven offer at least 900 ÷ 3 × 10.
        let votes: [(storage: Frost, capacity: UInt64)] = [
            (5, 100), (20, 900), (20, 900), (90, 990),
        ]
        for (index, vote) in votes.enumerated() {
            try world.succeed(
                .vote(
                    genesisNode(world, index),
                    EpochParameters(
                        storagePrice: vote.storage,
                        writePrice: UInt64.max - UInt64(index),
                        capacity: vote.capacity
                    )
                ),
                by: world.nodeKeys[index]
            )
        }
        try world.fail(
            .vote(
                genesisNode(world, 0),
                EpochParameters(storagePrice: 0, writePrice: 0, capacity: 0)
            ),
            with: .notAuthorised(genesisNode(world, 0))
        )
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        guard case .info(let info) = try world.query(.info) else { return }
        #expect(info.rules.storagePrice == 20)
        #expect(info.rules.writePrice == UInt64.max - 1)
        #expect(info.rules.capacity == 3000)
    }

    @Test func capacityIsNeverBelowWhatIsSold() throws {
        var world = try World(nodes: 4, shards: 10)
        try world.succeed(.reserveSpace(size: 5000, epochs: 3))
        for index in 0..<4 {
            try world.succeed(
                .vote(
                    genesisNode(world, index),
                    EpochParameters(storagePrice: 0, writePrice: 0, capacity: 1)
                ),
                by: world.nodeKeys[index]
            )
        }
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        guard case .info(let info) = try world.query(.info) else { return }
        #expect(info.rules.capacity == 5000)
    }

    @Test func oldBlocksHaveNoneOfThis() throws {
        let world = try World(nodes: 4, shards: 10)
        var other = world
        let signed = other.transaction(
            [.selectCommittee(from: 0)],
            by: world.administrator
        ).signed(by: world.administrator)
        let overlay = StateOverlay(over: world.state)
        let result = try LedgerMachine.apply(
            signed,
            in: BlockContext(height: 1, milliseconds: world.now, protocolVersion: 1),
            on: overlay
        )
        #expect(result == .rejected(.malformed("command 30 in protocol version 1")))
    }
}
