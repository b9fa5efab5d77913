package import BlobClient
package import BlobModel
internal import Codec
internal import ErasureCoding
package import Ledger
package import StorageNode
internal import Synchronization
package import SystemIO

/// A whole network in memory with the real rules: a ledger, and nodes whose stores are
/// dictionaries, all of them driven by the test.
package final class TestNetwork: Sendable {
    package static let start: UInt64 = 1_767_225_600_000

    package let genesis: Genesis
    package let nodeKeys: [SigningKey]
    package let account: SigningKey
    package let ledger: FollowedLedger
    package let stores: [MemoryNodeStore]
    package let nodes: [StorageNode]
    package let time: any TimeSource
    /// What the client noticed, in words.
    package let notices = Notices()

    package init(
        nodes count: Int = 10,
        shards: Int? = nil,
        rules: GenesisRules = GenesisRules(),
        balance: Frost = 1_000_000_000,
        time: any TimeSource = LinuxTimeSource()
    ) throws {
        self.time = time
        nodeKeys = (0..<count).map { Self.key("node \($0)") }
        account = Self.key("alice")
        let genesis = try Self.genesis(
            nodeKeys,
            shards: shards ?? count,
            rules: rules,
            account: account,
            balance: balance
        )
        self.genesis = genesis
        let memory = try MemoryLedger(genesis: genesis, key: Self.key("block")) {
            max(time.nowMilliseconds, Self.start)
        }
        let pool = BlockingPool(threads: 0)
        let stores = (0..<count).map { _ in MemoryNodeStore(network: genesis.networkID) }
        self.stores = stores
        let keys = nodeKeys
        nodes = try (0..<count).map { index in
            try StorageNode(
                configuration: NodeConfiguration(
                    genesis: genesis,
                    node: Genesis.nodeID(network: genesis.networkID, index: index),
                    protocolKey: keys[index]
                ),
                store: stores[index],
                pool: pool,
                time: time
            )
        }
        ledger = FollowedLedger(memory, nodes: nodes)
    }

    package static let administrator = key("administrator")

    /// Brings a stored blob to all nodes that should hold it, which an upload need not have done
    /// when it returns.
    package func complete(_ bytes: [UInt8]) async throws {
        let parameters = try EncodingParameters(shardCount: genesis.shardCount)
        let encoded = try RedStuffEncoder(parameters).encode(bytes)
        let blob = encoded.blobID
        for node in ledger.nodes {
            _ = try await node.store(encoded.metadata, height: nil)
            for shard in node.committees.shards(of: node.configuration.node) {
                let pair = parameters.pair(on: ShardIndex(shard), of: blob)
                for axis in SliverAxis.allCases {
                    let sliver = encoded.sliver(axis, parameters.sliver(of: pair, axis))
                    let name = SliverName(blob: blob, pair: pair, axis: axis)
                    _ = try await node.store(sliver, as: name, height: nil)
                }
            }
        }
    }

    /// Runs commands by that key's account.
    @discardableResult
    package func execute(
        _ commands: Command...,
        by key: SigningKey = administrator
    ) async throws -> [CommandResult] {
        let info = try await ledger.info()
        let transaction = Transaction(
            network: info.network,
            incarnation: info.incarnation,
            sender: Address(of: key.publicKey),
            salt: LinuxEntropy().bytes(count: 16),
            validUntilEpoch: .max,
            validUntilMilliseconds: max(time.nowMilliseconds, info.milliseconds) + 60_000,
            feeMax: 0,
            commands: commands
        )
        return try await ledger.execute(transaction.signed(by: key)).results
    }

    /// Registers a further node with a stake of 100 like the others, and starts it.
    package func join(_ name: String) async throws -> StorageNode {
        let key = Self.key(name)
        let address = Address(of: key.publicKey)
        try await execute(.transfer(to: address, amount: 100), by: account)
        let registration = NodeRegistration(
            account: address,
            name: name,
            protocolKey: key,
            networkKey: key.publicKey,
            address: "embedded:\(name)",
            in: SigningDomain(network: genesis.networkID, incarnation: 0)
        )
        let results = try await execute(.registerNode(registration), by: key)
        guard case .object(let id) = results[0] else { throw LedgerError.mismatch }
        try await execute(.stake(id, amount: 100), by: key)
        var configuration = NodeConfiguration(genesis: genesis, node: id, protocolKey: key)
        configuration.joins = true
        let node = try StorageNode(
            configuration: configuration,
            store: MemoryNodeStore(network: genesis.networkID),
            pool: BlockingPool(threads: 0),
            time: time
        )
        ledger.add(node)
        try await ledger.settle()
        return node
    }

    /// The node of that id, of the genesis or joined later.
    package func node(_ id: NodeID) -> StorageNode? {
        ledger.nodes.first { $0.configuration.node == id }
    }

    package static func key(_ name: String) -> SigningKey {
        SigningKey(seed: Blake2b256.hash(Array(name.utf8)))
    }

    package static func genesis(
        _ keys: [SigningKey],
        shards: Int,
        rules: GenesisRules,
        account: SigningKey,
        balance: Frost,
        stake: (Int) -> Frost = { _ in 100 }
    ) throws -> Genesis {
        let dealt = Genesis.evenShards(count: shards, nodes: keys.count)
        return try Genesis(
            name: "test",
            salt: [UInt8](repeating: 1, count: 32),
            startMilliseconds: start,
            ledgerNetworkKey: key("tls").publicKey,
            blockKey: key("block").publicKey,
            administrator: Address(of: key("administrator").publicKey),
            rules: rules,
            nodes: keys.enumerated().map { index, key in
                GenesisNode(
                    name: "node-\(index)",
                    account: Address(of: key.publicKey),
                    protocolKey: key.publicKey,
                    networkKey: key.publicKey,
                    address: "embedded:node-\(index)",
                    stake: stake(index),
                    shards: dealt[index]
                )
            },
            accounts: [
                GenesisAccount(address: Address(of: account.publicKey), balance: balance)
            ]
        )
    }

    /// Something that client and ledger do to each other's nodes.
    package typealias Connect = @Sendable (Int, StorageNode) -> any StorageNodeConnection

    /// Has the ledger mark a blob as invalid, with the signatures of just enough nodes.
    package func invalidate(_ blob: BlobID) async throws {
        let committee = try await ledger.committee()
        let message = ProtocolMessage.invalidBlobID(epoch: committee.epoch, blob: blob)
        let domain = SigningDomain(network: genesis.networkID, incarnation: 0)
        let signatures = (0..<committee.validity).map { index in
            let member = committee.members[index].node
            let key = nodeKeys.first {
                $0.publicKey == committee.members[index].protocolKey
            }
            guard let key else { preconditionFailure("\(member) is of the genesis") }
            return (index, domain.sign(message, with: key).signature)
        }
        try await sender().invalidate(Certificate(message: message, signatures: signatures))
    }

    /// A client; `connect` puts something between it and a node.
    package func client(
        time: (any TimeSource)? = nil,
        _ connect: @escaping Connect = { $1 }
    ) async throws -> BlobClient {
        let notices = notices
        return try await BlobClient.make(
            ledger: ledger,
            environment: ClientEnvironment(
                time: time ?? self.time,
                entropy: SeededEntropy(seed: 1),
                compute: BlockingPool(threads: 0),
                spawn: { body in Task { await body() } },
                notice: { notices.add("\($0)") }
            ),
            connect: connections(connect)
        )
    }

    /// Finds the nodes of a committee; `connect` puts something before a node.
    package func connections(
        _ connect: @escaping Connect = { $1 }
    ) -> @Sendable (CommitteeMember) -> any StorageNodeConnection {
        { member in
            let nodes = self.ledger.nodes
            let index = nodes.firstIndex { $0.configuration.node == member.node }
            guard let index else { return UnreachableNode(reason: "unknown") }
            return connect(index, nodes[index])
        }
    }

    package func sender(
        _ journal: any TransactionJournal = MemoryTransactionJournal(),
        ledger: (any LedgerConnection)? = nil
    ) -> TransactionSender {
        TransactionSender(
            ledger: ledger ?? self.ledger,
            account: account,
            journal: journal,
            time: time,
            entropy: LinuxEntropy()
        )
    }

    /// A fresh volume with a pool, and a store for it.
    package func volume(
        _ client: BlobClient,
        capacity: UInt64 = VolumeRegistrar.freeCapacity,
        journal: any TransactionJournal = MemoryTransactionJournal()
    ) async throws -> (state: VolumeState, store: NativeBlobStore) {
        let sender = sender(journal)
        let state = try await VolumeRegistrar(sender: sender).create(
            nameHash: Blake2b256.hash(Array("volume".utf8)),
            capacity: capacity
        )
        return (state, NativeBlobStore(client: client, pool: state.pool, sender: sender))
    }

    /// A store over a pool that belongs to no volume, so that its blobs may be deleted at once.
    package func looseStore(
        _ client: BlobClient
    ) async throws -> (pool: ObjectID, store: NativeBlobStore) {
        let sender = sender()
        let receipt = try await sender.execute(
            [.createPool(capacity: 1 << 40, epochs: 50, funds: 0)],
            label: "pool"
        )
        let pool = ObjectID(of: receipt.transaction.digest, command: 0)
        return (pool, NativeBlobStore(client: client, pool: pool, sender: sender))
    }

    /// Bytes that are not all alike.
    package static func bytes(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
        SeededEntropy(seed: seed).bytes(count: count)
    }
}

/// Lines that were noticed.
package final class Notices: Sendable {
    // Guards the lines.
    private let lines = Mutex<[String]>([])

    package init() {}

    package func add(_ line: String) { lines.withLock { $0.append(line) } }

    package var all: [String] { lines.withLock { $0 } }
}

/// A ledger whose nodes have applied each block before its transaction is answered.
package final class FollowedLedger: LedgerConnection {
    package let memory: MemoryLedger
    // Guards the list, which grows when nodes join.
    private let followers: Mutex<[StorageNode]>
    private let faults = Mutex(Faults())

    private struct Faults {
        var answersLost = 0
        var isDown = false
        var submissions = 0
        var isLagging = false
    }

    init(_ memory: MemoryLedger, nodes: [StorageNode]) {
        self.memory = memory
        followers = Mutex(nodes)
    }

    /// Those of the genesis in its order, and after them those that joined.
    package var nodes: [StorageNode] { followers.withLock { $0 } }

    package func add(_ node: StorageNode) { followers.withLock { $0.append(node) } }

    /// The next so many transactions take effect, and their answers do not arrive.
    package func loseAnswers(_ count: Int) { faults.withLock { $0.answersLost = count } }

    package func setDown(_ isDown: Bool) { faults.withLock { $0.isDown = isDown } }

    /// Nodes no longer hear of new blocks by themselves; see ``settle()``.
    package func setLagging(_ isLagging: Bool) { faults.withLock { $0.isLagging = isLagging } }

    /// How many transactions were sent, the same one each time it was.
    package var submissions: Int { faults.withLock { $0.submissions } }

    /// Brings every node to the newest block.
    package func settle() async throws {
        for node in nodes {
            let next = node.cursor.block.height + 1
            let blocks = try await memory.blocks(from: next, limit: 4096, waitMilliseconds: 0)
            try await node.apply(blocks)
        }
    }

    package func genesis() async throws(LedgerError) -> Genesis { try await memory.genesis() }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        try await memory.head()
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        let (isDown, isLost, isLagging) = faults.withLock { faults in
            faults.submissions += 1
            let isLost = faults.answersLost > 0
            if isLost { faults.answersLost -= 1 }
            return (faults.isDown, isLost, faults.isLagging)
        }
        if isDown { throw .unavailable("down") }
        let result = try await memory.submit(transaction)
        if !isLagging {
            do {
                try await settle()
            } catch {
                throw .unavailable("\(error)")
            }
        }
        if isLost { throw .outcomeUnknown("lost") }
        return result
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try await memory.blocks(
            from: height,
            limit: limit,
            waitMilliseconds: waitMilliseconds
        )
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        if faults.withLock({ $0.isDown }) { throw .unavailable("down") }
        return try await memory.query(query)
    }
}
