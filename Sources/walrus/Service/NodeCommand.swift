internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import Logging
internal import StorageNode
internal import SystemIO
internal import Telemetry
internal import Transport

/// `walrus node`: the daemon, and what is done about it.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Run a storage node, register one, replace its disk or keys, or see how all are.",
        subcommands: [
            NodeRunCommand.self, NodeRegisterCommand.self, NodeLeaveCommand.self,
            NodeReplaceCommand.self, NodeStatusCommand.self, NodeStandingCommand.self,
            NodeRotateCommand.self, NodeVoteCommand.self,
        ],
        defaultSubcommand: NodeRunCommand.self
    )
}

/// `walrus node`, or `walrus node run`.
struct NodeRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a storage node.",
        discussion: """
            Serves until SIGTERM. Prints one line when it answers, and tells systemd \
            (Type=notify). It follows the ledger by itself, and serves what it has while the \
            ledger is away.

              walrus node --create --key node.key --dir /srv/node --network URL --listen HOST:9185

            A directory that is missing means that the node is down, perhaps because a disk is not \
            mounted; only --create makes one. When a disk is lost, `walrus node replace` makes an \
            empty one in its place, and the node recovers what belongs there from the others.

            Exit codes: 0 stopped by a signal; 1 it could not start, or failed; 64 used wrongly.
            """
    )

    @OptionGroup var service: ServiceOptions

    @Option(help: "The network: walrus://HOST:PORT/?genesis=…. [WALRUS_NETWORK]")
    var network: String = Environment.value("WALRUS_NETWORK") ?? ""

    @Option(
        help: "The network's genesis, to start while the ledger is away. [WALRUS_GENESIS]",
        completion: .file()
    )
    var genesis: String = Environment.value("WALRUS_GENESIS") ?? ""

    @Option(
        help: "HOST:PORT under which others reach the node, if not --listen. [WALRUS_ADVERTISE]"
    )
    var advertise: String = Environment.value("WALRUS_ADVERTISE") ?? ""

    @Flag(help: "Make the directory of a new node first, unless it is there.")
    var create = false

    @Option(
        help: """
            The generation of the node's disk, if not the one that `walrus node replace` wrote \
            beside --dir.
            """
    )
    var generation: Int?

    @Option(
        help: """
            How many seconds what was released is kept, 600 if not said: so long may somebody \
            still read it who has not heard of that. [WALRUS_RELEASE_GRACE]
            """
    )
    var releaseGrace: String = Environment.value("WALRUS_RELEASE_GRACE") ?? ""

    func validate() throws {
        guard !network.isEmpty else { throw ValidationError("Name the network with --network.") }
        guard releaseGrace.isEmpty || NodeConfiguration.grace(releaseGrace) != nil else {
            throw ValidationError("--release-grace is a number of seconds, at most a year.")
        }
    }

    func run() async throws {
        try await ServiceRunner.run { try await serve() }
    }

    private func serve() async throws {
        let logger = service.logger("walrus.node")
        let ring = try KeyRing(service.key)
        let keys = ring.base
        let (known, ledger) = try await RemoteLedger.open(
            network,
            genesis: genesis.isEmpty ? nil : try GenesisFile.load(genesis)
        )
        let committee = try known.committee()
        let id = try await nodeID(ring, committee, ledger)
        let store = try openStore(known, id)
        var configuration = NodeConfiguration(
            genesis: known,
            node: id,
            protocolKey: keys.voice
        )
        if let grace = NodeConfiguration.grace(releaseGrace) { configuration.grace = grace }
        configuration.laterKeys = { ring.voice($0) }
        configuration.joins = committee.index(of: id) == nil
        let parameters = try EncodingParameters(shardCount: committee.shardCount)
        let log = NodeLog(logger)
        let node = try StorageNode(
            configuration: configuration,
            store: store,
            pool: BlockingPool(threads: 4, name: "store"),
            time: LinuxTimeSource(),
            notice: { log.tell($0) }
        )
        let migration = NodeMigration.make(
            id,
            keys: keys,
            ledger: ledger,
            parameters: parameters
        )
        // It follows the ledger until the last request is answered, which may wait for a block.
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await node.run(
                    ledger,
                    connect: { HTTPStorageNode.connect(to: $0, parameters) },
                    migration: migration,
                    invalidate: NodeInvalidation.make(keys, ledger)
                )
            }
            try await serve(
                node,
                NodeAddress(node: id, keys: keys, ledger: ledger, logger: logger),
                ring,
                parameters
            )
            group.cancelAll()
        }
        await node.close()
    }

    /// Serves until told to end, and tells the ledger where.
    private func serve(
        _ node: StorageNode,
        _ place: NodeAddress,
        _ ring: KeyRing,
        _ parameters: EncodingParameters
    ) async throws {
        let (endpoint, logger) = (try service.endpoint(), place.logger)
        let api = StorageNodeAPI(
            node: node,
            shards: node,
            parameters: parameters,
            time: LinuxTimeSource(),
            pool: BlockingPool(threads: 2, name: "verify")
        )
        var router = Router(api.routes)
        let requests = HTTPServerMetrics()
        router.metrics = requests
        let registry = MetricsRegistry()
        registry.add { requests.families + api.metrics + (await node.metrics()) }
        let served = router
        try await ServiceRunner.servingMetrics(service, registry, logger) {
            try await HTTPServer.serve(
                served,
                at: endpoint,
                identity: identity(for: endpoint, ring),
                limits: service.limits.serverLimits(logger),
                logger: logger
            ) { address in
                ServiceRunner.announce("node \(place.node) ready at \(address)")
                let reached = "https://\(advertise.isEmpty ? address.description : advertise)"
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await place.publish(reached, LinuxTimeSource()) }
                    await ServiceRunner.untilStopped(service, logger)
                    group.cancelAll()
                }
            }
        }
    }

    /// The node that the key is of: one of the genesis, or one that was registered later, for
    /// which the ledger has to answer.
    private func nodeID(
        _ ring: KeyRing,
        _ committee: Committee,
        _ ledger: any LedgerConnection
    ) async throws -> NodeID {
        let key = ring.base.voice.publicKey
        if let member = committee.members.first(where: { $0.protocolKey == key }) {
            return member.node
        }
        let records: [NodeRecord]
        do {
            records = try await ledger.nodes()
        } catch {
            throw ServiceFailure(
                "\(service.key) is not the key of a node that the network started with, and the "
                    + "ledger does not say who came later: \(error)"
            )
        }
        guard let record = records.first(where: { $0.isNode(of: ring) }) else {
            throw ServiceFailure(
                "\(service.key) is not the key of a node of this network; see "
                    + "`walrus node register`"
            )
        }
        return record.id
    }

    /// Whom the node is to its peers: whichever of its keys they expect.
    private func identity(for endpoint: Endpoint, _ ring: KeyRing) throws -> TLSIdentity? {
        if case .unix = endpoint { return nil }
        return try TLSIdentity(key: ring.newest.network) { ring.identity($0) }
    }

    private func openStore(_ genesis: Genesis, _ node: NodeID) throws -> DiskNodeStore {
        let files = CommandFiles.files
        do {
            let identity = NodeIdentity(
                network: genesis.networkID,
                node: node,
                generation: try generation
                    ?? NodeGeneration.current(of: service.dir, files: files)
            )
            if create, try !files.exists(service.dir + "/node.json") {
                try NodeDirectory.create(service.dir, identity, files: files)
            }
            let directory = try NodeDirectory.open(service.dir, identity, files: files)
            return try DiskNodeStore.open(directory, entropy: LinuxEntropy())
        } catch let error as NodeDirectoryError {
            throw ServiceFailure("\(error)")
        }
    }
}

/// Tells the ledger where a node is reached, when it has another address on record.
struct NodeAddress {
    let node: NodeID
    let keys: ServiceKeys
    let ledger: any LedgerConnection
    let logger: Logger

    /// Tries until the ledger has it, or the task is cancelled.
    func publish(_ address: String, _ time: LinuxTimeSource) async {
        let sender = TransactionSender(
            ledger: ledger,
            account: keys.account,
            journal: MemoryTransactionJournal(),
            time: time,
            entropy: LinuxEntropy()
        )
        while !Task.isCancelled {
            do {
                guard let record = try await ledger.node(node), record.address != address else {
                    return
                }
                _ = try await sender.executeVolatile([
                    .updateNode(node, address: address, networkKey: record.networkKey)
                ])
                return logger.notice("the ledger has the address \(address) now")
            } catch LedgerError.executionFailed(_, let failure) {
                return logger.error("the ledger refused the address \(address): \(failure)")
            } catch {
                // Cancelled or not, the loop looks again.
                try? await time.sleep(for: .seconds(3))
            }
        }
    }
}
