internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LedgerService
package import Logging
internal import StorageNode
internal import Synchronization
package import SystemIO
internal import Telemetry
internal import Transport

/// What an embedded network needs of the machine.
package struct EmbeddedEnvironment: Sendable {
    package var files: any FileSystem
    package var time: any TimeSource
    package var entropy: any Entropy
    package var logger: Logger
    /// How long nodes keep what was released.
    package var releaseGrace: Duration

    package init(
        files: any FileSystem = LinuxFileSystem(),
        time: any TimeSource = LinuxTimeSource(),
        entropy: any Entropy = LinuxEntropy(),
        logger: Logger,
        releaseGrace: Duration = NodeConfiguration.standardGrace
    ) {
        self.files = files
        self.time = time
        self.entropy = entropy
        self.logger = logger
        self.releaseGrace = releaseGrace
    }

    /// The variable that has the grace, in seconds, for whoever hosts the network.
    package static let releaseGraceVariable = "WALRUS_RELEASE_GRACE"

    /// What the variable says, or is to be taken for when it is not there; nil for nonsense.
    package static func releaseGrace(_ text: String?) -> Duration? {
        guard let text, !text.isEmpty else { return NodeConfiguration.standardGrace }
        return NodeConfiguration.grace(text)
    }
}

/// The ledger and the nodes of an embedded network, in this process, which holds the lock.
final class EmbeddedHost: Sendable {
    let directory: EmbeddedDirectory
    let ledger: LedgerHost
    // Guards the nodes by number; nil for one whose directory is missing or not usable.
    private let open: Mutex<[StorageNode?]>
    /// Stores block on their disks, and each node may be on a disk of its own.
    private let pool: BlockingPool
    private let environment: EmbeddedEnvironment
    private let verification: BlockingPool
    private let lock: any FileLock

    private init(
        directory: EmbeddedDirectory,
        ledger: LedgerHost,
        nodes: [StorageNode?],
        pool: BlockingPool,
        environment: EmbeddedEnvironment,
        lock: any FileLock
    ) {
        self.directory = directory
        self.ledger = ledger
        open = Mutex(nodes)
        self.pool = pool
        self.environment = environment
        self.lock = lock
        verification = BlockingPool(
            threads: 2,
            name: "verify",
            niceness: BlockingPool.giveWay
        )
    }

    /// Opens the nodes, then the ledger, which is made again from the nodes when it is gone.
    static func start(
        _ directory: EmbeddedDirectory,
        lock: any FileLock,
        _ environment: EmbeddedEnvironment
    ) async throws(EmbeddedNetworkError) -> EmbeddedHost {
        let pool = BlockingPool(
            threads: min(16, directory.nodeCount + 2),
            name: "nodes",
            niceness: BlockingPool.giveWay
        )
        let nodes = await openNodes(directory, pool, environment)
        let available = nodes.compactMap { $0 }
        let needed = directory.faultyMax + 1
        guard available.count >= needed else {
            throw .tooFewAvailable(
                path: directory.path,
                available: available.count,
                needed: needed
            )
        }
        let options = LedgerHostOptions(
            key: directory.ledgerKeys.voice,
            files: environment.files,
            time: environment.time,
            sink: NodeBlockSink(nodes: available, needed: needed)
        )
        let ledger: LedgerHost
        do throws(LedgerStoreError) {
            ledger = try await openLedger(directory, nodes, options, environment)
        } catch {
            for node in available { await node.close() }
            throw .ledger(error)
        }
        for node in available {
            await catchUp(node, with: ledger, environment)
        }
        return EmbeddedHost(
            directory: directory,
            ledger: ledger,
            nodes: nodes,
            pool: pool,
            environment: environment,
            lock: lock
        )
    }

    /// By number; nil for a node that is down.
    var nodes: [StorageNode?] { open.withLock { $0 } }

    private static let scrubRate = 1 << 20
    /// How often the directory of a node that is down is looked for.
    private static let returnPause = Duration.seconds(2)

    private static func openNodes(
        _ directory: EmbeddedDirectory,
        _ pool: BlockingPool,
        _ environment: EmbeddedEnvironment
    ) async -> [StorageNode?] {
        var nodes: [StorageNode?] = []
        for index in 0..<directory.nodeCount {
            let path = directory.nodePath(index)
            do {
                nodes.append(try await openNode(directory, index, pool, environment))
            } catch {
                environment.logger.warning("Node \(path) is down: \(error)")
                nodes.append(nil)
            }
        }
        return nodes
    }

    private static func openNode(
        _ directory: EmbeddedDirectory,
        _ index: Int,
        _ pool: BlockingPool,
        _ environment: EmbeddedEnvironment
    ) async throws -> StorageNode {
        let path = directory.nodePath(index)
        let files = environment.files
        let entropy = environment.entropy
        let store = try await pool.run { () throws(StorageNodeError) in
            let opened: NodeDirectory
            do throws(NodeDirectoryError) {
                let generation = try NodeGeneration.current(of: path, files: files)
                let identity = directory.nodeIdentity(index, generation: generation)
                opened = try NodeDirectory.open(path, identity, files: files)
            } catch {
                throw .directory(error)
            }
            return try DiskNodeStore.open(opened, entropy: entropy)
        }
        var configuration = NodeConfiguration(
            genesis: directory.genesis,
            node: directory.nodeID(index),
            protocolKey: directory.nodeKeys(index).voice
        )
        configuration.entropy = entropy
        configuration.grace = environment.releaseGrace
        // All nodes of the network read over their disks in one process, beside a mount.
        configuration.scrub.rate = scrubRate
        var logger = environment.logger
        logger[metadataKey: "node"] = "\(path)"
        let log = NodeLog(logger)
        return try StorageNode(
            configuration: configuration,
            store: store,
            pool: pool,
            time: environment.time
        ) { log.tell($0) }
    }

    private static func openLedger(
        _ directory: EmbeddedDirectory,
        _ nodes: [StorageNode?],
        _ options: LedgerHostOptions,
        _ environment: EmbeddedEnvironment
    ) async throws(LedgerStoreError) -> LedgerHost {
        let path = directory.ledgerPath
        let network = directory.genesis.networkID
        let sources: [any BlockSource] = nodes.enumerated().compactMap { index, node in
            node.map { NodeBlockSource(name: directory.nodePath(index), node: $0) }
        }
        do throws(LedgerStoreError) {
            return try await LedgerHost.open(
                path,
                network: network,
                options,
                catchingUpFrom: sources
            )
        } catch {
            switch error {
            case .missing where nodes.allSatisfy({ ($0?.cursor.block.height ?? 0) == 0 }):
                break  // A new network: there is nothing to rebuild yet.
            case .missing, .damaged:
                environment.logger.notice("The ledger in \(path) is rebuilt: \(error)")
            case .exists, .locked, .foreign, .newer, .failed, .invalidChain, .diverged, .wrongKey,
                .noSource:
                throw error
            }
        }
        try await LedgerRestore.restore(
            path,
            genesis: directory.genesis,
            from: sources,
            answersMin: directory.nodeCount - directory.faultyMax,
            in: options.files,
            pool: options.pool
        )
        return try await LedgerHost.open(path, network: network, options)
    }

    /// Brings a node to the ledger's newest block; one that can not follow says so by itself.
    private static func catchUp(
        _ node: StorageNode,
        with ledger: LedgerHost,
        _ environment: EmbeddedEnvironment
    ) async {
        do {
            while true {
                let next = node.cursor.block.height + 1
                let blocks = try await ledger.blocks(
                    from: next,
                    limit: 256,
                    waitMilliseconds: 0
                )
                if blocks.isEmpty { return node.hasCaughtUp() }
                try await node.apply(blocks)
            }
        } catch {
            environment.logger.warning("A node does not catch up: \(error)")
        }
    }

    /// Has the nodes follow the ledger and serves guests, until the task is cancelled.
    ///
    /// A node that was down runs as soon as its directory is there: a disk that is mounted again,
    /// or a new one (`walrus node replace`). `hasReturned` says so.
    func run(hasReturned: @escaping @Sendable (Int, StorageNode) -> Void) async {
        guard let parameters = try? EncodingParameters(shardCount: directory.nodeCount) else {
            preconditionFailure("The nodes have opened with as many shards.")
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await self.serve(LedgerAPI(self.ledger).routes, as: "ledger")
            }
            for (index, node) in nodes.enumerated() {
                group.addTask {
                    if let node { return await self.run(node, index, parameters) }
                    guard let node = await self.awaitReturn(of: index) else { return }
                    hasReturned(index, node)
                    await self.run(node, index, parameters)
                }
            }
        }
    }

    /// What ledger and nodes tell of themselves, each node under the name of its directory.
    func metrics() async -> [MetricFamily] {
        var families = await ledger.metrics()
        for (index, node) in nodes.enumerated() {
            let name = String(directory.nodePath(index).split(separator: "/").last ?? "")
            let up = MetricFamily.gauge(
                "walrus_node_up",
                "0 when the node's directory is missing or not usable.",
                MetricValue(node != nil)
            )
            families += ([up] + (await node?.metrics() ?? [])).map { $0.labelled("node", name) }
        }
        return families
    }

    /// A node's account signs that a blob is inconsistent.
    private func invalidation(by index: Int) -> InvalidateBlob {
        let sender = TransactionSender(
            ledger: ledger,
            account: directory.nodeKeys(index).account,
            journal: MemoryTransactionJournal(),
            time: environment.time,
            entropy: environment.entropy
        )
        return { try await sender.invalidate($0) }
    }

    private func run(_ node: StorageNode, _ index: Int, _ parameters: EncodingParameters) async {
        let api = StorageNodeAPI(
            node: node,
            parameters: parameters,
            pending: .embedded,
            time: environment.time,
            pool: verification
        )
        let invalidate = invalidation(by: index)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await node.run(self.ledger, connect: self.connect, invalidate: invalidate)
            }
            group.addTask { await self.serve(api.routes, as: "\(index)") }
        }
    }

    /// Waits for the directory of a node that is down, and opens it; nil when cancelled.
    private func awaitReturn(of index: Int) async -> StorageNode? {
        let path = directory.nodePath(index)
        var known = ""
        while (try? await environment.time.sleep(for: Self.returnPause)) != nil {
            do {
                guard try environment.files.exists(path + "/node.json") else { continue }
                let node = try await Self.openNode(directory, index, pool, environment)
                open.withLock { $0[index] = node }
                environment.logger.notice("Node \(path) is there again.")
                return node
            } catch {
                // It is said once why it is of no use.
                if known != "\(error)" {
                    environment.logger.warning("Node \(path) is down: \(error)")
                }
                known = "\(error)"
            }
        }
        return nil
    }

    /// The other nodes are in this process, each with its own directory.
    @Sendable private func connect(_ member: CommitteeMember) -> any StorageNodeConnection {
        let nodes = nodes
        let index = nodes.indices.first { directory.nodeID($0) == member.node }
        guard let index else { return UnreachableNode(reason: "\(member.node) is not here") }
        return nodes[index]
            ?? UnreachableNode(reason: "\(directory.nodePath(index)) is missing")
    }

    /// Serves on a socket of its own until the task is cancelled.
    private func serve(_ routes: [Route], as name: String) async {
        let path = directory.socketsPath + "/" + name
        guard path.utf8.count <= Endpoint.pathLengthMax else {
            environment.logger.notice(
                "\(path) is too long for a socket: other processes can not use the network."
            )
            return
        }
        do {
            // A socket that a killed host left; the lock says that nobody serves it.
            if try environment.files.exists(path) { try environment.files.removeFile(path) }
            let server = HTTPServer(
                router: Router(routes),
                listen: .unix(path: path),
                logger: environment.logger
            )
            try await server.run()
        } catch is CancellationError {
        } catch {
            environment.logger.warning("\(path) is not served: \(error)")
        }
    }

    /// Closes ledger and nodes and gives the lock back; nothing may be asked any more.
    func close() async {
        await ledger.close()
        for node in nodes.compactMap({ $0 }) { await node.close() }
        lock.unlock()
    }
}
