internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import SystemIO

/// The key file of a node, and the network that it is about.
struct NodeKeyOptions: ParsableArguments {
    @Option(
        help: "The node's key file, from `walrus key new`. [WALRUS_KEY]",
        completion: .file()
    )
    var key: String = Environment.value("WALRUS_KEY") ?? ""

    func validate() throws {
        guard !key.isEmpty else { throw ValidationError("Name the key file with --key.") }
    }
}

/// Transactions that are repeated without harm.
enum VolatileSender {
    static func execute(
        _ commands: [Command],
        by account: SigningKey,
        _ network: CommandNetwork
    ) async throws -> TransactionSender.Receipt {
        try await TransactionSender(
            ledger: network.access.ledger,
            account: account,
            journal: MemoryTransactionJournal(),
            time: network.environment.time,
            entropy: network.environment.entropy
        ).executeVolatile(commands)
    }
}

extension CommandNetwork {
    /// The record of the node with these keys.
    func node(_ ring: KeyRing) async throws -> NodeRecord {
        guard let record = try await access.ledger.nodes().first(where: { $0.isNode(of: ring) })
        else { throw ServiceFailure("the network has no node with that key") }
        return record
    }
}

extension NodeRecord {
    /// Whether a node has these keys: its account, and one of its protocol keys.
    func isNode(of ring: KeyRing) -> Bool {
        account == Address(of: ring.base.account.publicKey) && ring.speaks(as: protocolKey)
    }
}

/// `walrus node register`.
struct NodeRegisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register",
        abstract: "Register a node, or send one that has left back as a candidate.",
        discussion: """
            A registered node gets shards from the next epoch on that is settled after it: \
            run it with `walrus node --create` until then. In a network where nodes have \
            stake, its account pays --stake; in one where nobody has any, the administrator \
            lets it in.

              walrus key new node.key
              walrus node register --key node.key --name mine --address https://HOST:9185 \
            \\
                  --administrator ledger.key

            Exit codes: 0 registered; 1 not; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var node: NodeKeyOptions

    @Option(help: "A name for people.") var name: String
    @Option(help: "Where others reach the node: https://HOST:PORT.") var address: String
    @Option(help: "FROST of the node's account to put behind it.") var stake: Frost = 0

    @Option(
        help: "The key file of the network's administrator, where nobody has stake.",
        completion: .file()
    )
    var administrator: String?

    func validate() throws {
        guard HTTPStorageNode.endpoint(ofAddress: address) != nil else {
            throw ValidationError("\(address) is no https://HOST:PORT.")
        }
        guard (1...64).contains(name.utf8.count) else {
            throw ValidationError("A name has 1 to 64 bytes.")
        }
    }

    func run() async throws {
        try await options.run { network in
            let ring = try KeyRing(node.key)
            let keys = ring.base
            let id = try await register(ring, network)
            if stake > 0 {
                _ = try await VolatileSender.execute(
                    [.stake(id, amount: stake)],
                    by: keys.account,
                    network
                )
            }
            if options.json {
                try Output.printJSON(["nodeId": id.description])
            } else {
                print("node \(id) is a candidate for shards")
            }
        }
    }

    private func register(
        _ ring: KeyRing,
        _ network: CommandNetwork
    ) async throws -> NodeID {
        let keys = ring.newest
        let account = ring.base.account
        if let known = try? await network.node(ring) {
            // It is there: perhaps it had left.
            _ = try await VolatileSender.execute(
                [.setCandidacy(known.id, true)],
                by: account,
                network
            )
            return known.id
        }
        let info = try await network.access.ledger.info()
        let registration = NodeRegistration(
            account: Address(of: account.publicKey),
            name: name,
            protocolKey: keys.voice,
            networkKey: keys.network.publicKey,
            address: address,
            in: info.signingDomain
        )
        let payer = try administrator.map { try KeyFile.load($0).account } ?? account
        let receipt = try await VolatileSender.execute(
            [.registerNode(registration)],
            by: payer,
            network
        )
        guard case .object(let id)? = receipt.results.first else {
            throw ServiceFailure("the ledger has not said which node it registered")
        }
        return id
    }
}

/// `walrus node leave`.
struct NodeLeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Give up all shards, from the next epoch on that is settled after it.",
        discussion: """
            Keep the node running until two epochs after that: it serves what it had until \
            others have it. `walrus node standing` says when it may stop.

            Exit codes: 0 the ledger knows; 1 it does not; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var node: NodeKeyOptions

    func run() async throws {
        try await options.run { network in
            let ring = try KeyRing(node.key)
            let record = try await network.node(ring)
            _ = try await VolatileSender.execute(
                [.setCandidacy(record.id, false)],
                by: ring.base.account,
                network
            )
            if options.json {
                try Output.printJSON(["nodeId": record.id.description])
            } else {
                print("node \(record.id) gets no shards in the epochs to come")
            }
        }
    }
}

/// `walrus node standing`.
struct NodeStandingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "standing",
        abstract: "Say what the ledger knows of a node.",
        discussion: "Exit codes: 0 the ledger answered; 1 it did not; 64 used wrongly."
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var node: NodeKeyOptions

    struct Standing: Encodable {
        let nodeId: String
        let name: String
        let networkAddress: String
        let stake: Frost
        let networkKey: String
        let protocolKey: String
        /// From the next epoch on that is settled.
        let nextProtocolKey: String?
        /// What it asks and offers, if it has voted.
        let vote: NodeVote?
        let currentEpoch: Epoch
        /// Whether it wants shards in the epochs to come.
        let isCandidate: Bool
        let shardIds: [UInt16]
        /// Of the epoch before, while shards are on their way.
        let formerShardIds: [UInt16]
        /// Of the next epoch, once it is settled.
        let nextShardIds: [UInt16]?
        /// Whether all its shards of this epoch are there.
        let isSynced: Bool
    }

    func run() async throws {
        try await options.run { network in
            let record = try await network.node(try KeyRing(node.key))
            let ledger = network.access.ledger
            let standing = try await ledger.standing(of: record.id)
            let state = try await ledger.epochState()
            func shards(in committee: Committee) -> [UInt16] {
                committee.index(of: record.id).map { committee.members[$0].shards } ?? []
            }
            let status = Standing(
                nodeId: record.id.description,
                name: record.name,
                networkAddress: record.address,
                stake: record.stake,
                networkKey: record.networkKey.description,
                protocolKey: record.protocolKey.description,
                nextProtocolKey: standing.nextProtocolKey?.description,
                vote: standing.vote.map { NodeVote($0) },
                currentEpoch: state.committee.epoch,
                isCandidate: standing.isCandidate,
                shardIds: shards(in: state.committee),
                formerShardIds: state.change.map { shards(in: $0.previous) } ?? [],
                nextShardIds: state.selection.map { shards(in: $0.committee) },
                isSynced: state.change?.synced.contains(record.id) ?? true
            )
            if options.json { return try Output.printJSON(status) }
            print(
                """
                node       \(status.nodeId) (\(status.name))
                address    \(status.networkAddress)
                stake      \(status.stake) FROST
                keys       network \(status.networkKey)
                           protocol \(status.protocolKey)
                epoch      \(status.currentEpoch)\(status.isSynced ? "" : ", shards on their way")
                candidate  \(status.isCandidate ? "yes" : "no, it leaves")
                shards     \(status.shardIds.map(String.init).joined(separator: " "))
                """
            )
            if let key = status.nextProtocolKey { print("next key   protocol \(key)") }
            if let vote = status.vote { print("vote       \(vote)") }
            if let next = status.nextShardIds {
                print("next       \(next.map(String.init).joined(separator: " "))")
            }
        }
    }
}
