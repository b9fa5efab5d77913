internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// A small network whose keys the test has, and a ledger that is stepped by hand.
struct World {
    static let start: UInt64 = 1_767_225_600_000

    let genesis: Genesis
    let nodeKeys: [SigningKey]
    let blockKey: SigningKey
    let administrator: SigningKey
    /// Accounts with money; the first is the usual sender.
    let alice: SigningKey
    let bob: SigningKey
    private(set) var state = MemoryState()
    private(set) var tip: ChainTip
    private(set) var blocks: [Block] = []
    var now = World.start
    private var salts: UInt64 = 0

    init(
        rules: GenesisRules = GenesisRules(),
        nodes: Int = 10,
        shards count: Int? = nil,
        balance: Frost = 1_000_000,
        stake: Frost = 100
    ) throws {
        nodeKeys = (0..<nodes).map { World.key("node \($0)") }
        blockKey = World.key("block")
        administrator = World.key("administrator")
        alice = World.key("alice")
        bob = World.key("bob")
        let shards = Genesis.evenShards(count: count ?? nodes, nodes: nodes)
        let accounts = [alice, bob].map {
            GenesisAccount(address: Address(of: $0.publicKey), balance: balance)
        }
        genesis = try Genesis(
            name: "test",
            salt: [UInt8](repeating: 1, count: 32),
            startMilliseconds: World.start,
            ledgerNetworkKey: World.key("tls").publicKey,
            blockKey: blockKey.publicKey,
            administrator: Address(of: administrator.publicKey),
            rules: rules,
            nodes: nodeKeys.enumerated().map { index, key in
                GenesisNode(
                    name: "node-\(index)",
                    account: Address(of: key.publicKey),
                    protocolKey: key.publicKey,
                    networkKey: key.publicKey,
                    address: "embedded:node-\(index)",
                    stake: stake,
                    shards: shards[index]
                )
            },
            accounts: accounts.sorted { $0.address < $1.address }
        )
        tip = ChainTip(of: genesis)
        state.apply(try LedgerMachine.rows(of: genesis))
    }

    static func key(_ name: String) -> SigningKey {
        SigningKey(seed: Blake2b256.hash(Array(name.utf8)))
    }

    var domain: SigningDomain {
        SigningDomain(network: genesis.networkID, incarnation: tip.incarnation)
    }

    mutating func transaction(
        _ commands: [Command],
        by key: SigningKey,
        validUntil: UInt64? = nil,
        epoch: Epoch = .max,
        feeMax: Frost = .max
    ) -> Transaction {
        salts += 1
        return Transaction(
            network: genesis.networkID,
            incarnation: tip.incarnation,
            sender: Address(of: key.publicKey),
            salt: salts.bcsBytes + [UInt8](repeating: 0, count: 8),
            validUntilEpoch: epoch,
            validUntilMilliseconds: validUntil ?? now + 60_000,
            feeMax: feeMax,
            commands: commands
        )
    }

    /// Puts what can be included into one block, and checks the invariants.
    mutating func include(_ transactions: [SignedTransaction]) throws -> [Proposal] {
        let (executed, proposals) = try BlockExecutor.propose(
            transactions,
            after: tip,
            incarnation: tip.incarnation,
            now: now,
            network: genesis.networkID,
            key: blockKey,
            over: state
        )
        guard let executed else { return proposals }
        try tip.check(executed.block, network: genesis.networkID, producer: blockKey.publicKey)
        #expect(try BlockExecutor.replay(executed.block, over: state) == executed.writes)
        #expect(try Block(bcsBytes: executed.block.bcsBytes) == executed.block)
        state.apply(executed.writes)
        tip = ChainTip(after: executed.block.header)
        blocks.append(executed.block)
        #expect(try LedgerState.brokenInvariants(of: state).isEmpty)
        return proposals
    }

    /// Runs commands in one transaction; what it came to.
    mutating func run(_ commands: [Command], by key: SigningKey? = nil) throws -> TransactionOutcome
    {
        let key = key ?? alice
        let signed = transaction(commands, by: key).signed(by: key)
        let proposals = try include([signed])
        guard case .included(let index) = proposals[0], let block = blocks.last else {
            throw NotIncluded(proposal: proposals[0])
        }
        return block.effects[index].outcome
    }

    struct NotIncluded: Error { let proposal: Proposal }

    /// Runs commands that must succeed.
    @discardableResult
    mutating func succeed(
        _ commands: Command...,
        by key: SigningKey? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws -> [CommandResult] {
        switch try run(commands, by: key) {
        case .succeeded(let results): return results
        case .failed(let command, let failure):
            Issue.record("command \(command) failed: \(failure)", sourceLocation: location)
            throw failure
        }
    }

    /// Runs commands of which the last must fail just so, leaving no trace but the digest.
    mutating func fail(
        _ commands: Command...,
        with failure: ExecutionFailure,
        by key: SigningKey? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let before = visibleRows
        let outcome = try run(commands, by: key)
        #expect(
            outcome == .failed(command: UInt16(commands.count - 1), failure),
            sourceLocation: location
        )
        if genesis.rules.transactionFee == 0 {
            #expect(visibleRows == before, sourceLocation: location)
        }
    }

    /// All rows but those that remember transactions.
    var visibleRows: [StateRow] { state.rows.filter { $0.key[0] != 0x0D && $0.key[0] != 0x0E } }

    mutating func replaceState(_ writes: [StateWrite]) { state.apply(writes) }

    func query(_ query: LedgerQuery) throws -> LedgerAnswer {
        let answer = try LedgerState.answer(query, at: tip, from: state)
        #expect(try LedgerAnswer(bcsBytes: answer.bcsBytes) == answer)
        #expect(try LedgerQuery(bcsBytes: query.bcsBytes) == query)
        return answer
    }

    func balance(of key: SigningKey) throws -> Frost {
        guard case .balance(let balance) = try query(.balance(Address(of: key.publicKey))) else {
            return 0
        }
        return balance
    }

    func committee() throws -> Committee {
        guard case .committee(let committee) = try query(.committee) else {
            throw LedgerError.mismatch
        }
        return committee
    }

    func epochState() throws -> EpochState {
        guard case .epochState(let state) = try query(.epochState) else {
            throw LedgerError.mismatch
        }
        return state
    }

    func pool(_ id: ObjectID) throws -> PoolRecord {
        guard case .pool(let record?) = try query(.pool(id)) else { throw LedgerError.mismatch }
        return record
    }

    func pooledBlob(_ id: ObjectID) throws -> PooledBlobRecord {
        guard case .pooledBlob(let record?) = try query(.pooledBlob(id)) else {
            throw LedgerError.mismatch
        }
        return record
    }

    func volume(_ id: VolumeID) throws -> VolumeState {
        guard case .volume(let record?) = try query(.volume(id)) else {
            throw LedgerError.mismatch
        }
        return record
    }

    func epoch() throws -> Epoch { try committee().epoch }

    /// A blob of `length` bytes; `seed` tells blobs apart.
    static func blob(_ seed: UInt8, length: UInt64 = 1000) -> BlobDescription {
        let root = [UInt8](repeating: seed, count: 32)
        let id = BlobMetadata.blobID(
            unencodedLength: length,
            rootHash: MerkleNode(digest: root)
        )
        return BlobDescription(blob: id, root: root, length: length)
    }

    static func encoded(_ length: UInt64 = 1000) throws -> UInt64 {
        try EncodingParameters(shardCount: 10).encodedLength(of: length)
    }

    /// What the genesis's nodes sign, those among them that are in the committee.
    func certificate(
        _ message: ProtocolMessage,
        by nodes: some Sequence<Int> = 0..<7
    ) throws -> Certificate {
        let domain = self.domain
        let members = try committee().members
        return Certificate(
            message: message,
            signatures: nodes.compactMap { node in
                let key = nodeKeys[node]
                guard let member = members.firstIndex(where: { $0.protocolKey == key.publicKey })
                else { return nil }
                return (member, domain.sign(message, with: key).signature)
            }
        )
    }

    /// A quorum's certificate for a blob, deletable under this object id or permanent.
    func confirmation(
        _ blob: BlobID,
        _ object: ObjectID? = nil,
        by members: some Sequence<Int> = 0..<7
    ) throws -> Certificate {
        try certificate(
            .storageConfirmation(
                epoch: try epoch(),
                blob: blob,
                persistence: object.map { .deletable($0) } ?? .permanent
            ),
            by: members
        )
    }

    /// A pool and a volume in it, both alice's.
    mutating func makeVolume(
        capacity: UInt64 = 1 << 30,
        epochs: UInt32 = 10
    ) throws -> (volume: VolumeID, pool: ObjectID) {
        let results = try succeed(
            .createPool(capacity: capacity, epochs: epochs, funds: 0),
            .createVolume(
                nameHash: [UInt8](repeating: 3, count: 32),
                pool: .result(0),
                writer: Address(of: World.key("writer").publicKey)
            )
        )
        return (try results.object(1), try results.object(0))
    }

    /// Registers and certifies a blob in a pool.
    @discardableResult
    mutating func store(_ blob: BlobDescription, in pool: ObjectID) throws -> ObjectID {
        let object = try succeed(.registerPooledBlob(pool: .id(pool), blob: blob)).object(0)
        try succeed(.certifyPooledBlob(.id(object), try confirmation(blob.blob, object)))
        return object
    }
}

extension [CommandResult] {
    func object(_ index: Int) throws -> ObjectID {
        guard case .object(let object) = self[index] else { throw LedgerError.mismatch }
        return object
    }

    func lease(_ index: Int) throws -> Lease {
        guard case .lease(let lease) = self[index] else { throw LedgerError.mismatch }
        return lease
    }
}
