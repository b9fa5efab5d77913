internal import BlobClient
internal import BlobModel
internal import Ledger
internal import SQLite
internal import Simulation
internal import StorageNode
internal import Synchronization
internal import SystemIO
internal import TestNetwork

/// What all machines of one run share.
struct Site: Sendable {
    let world: SimulatedWorld
    let calls: SimulatedCalls
    let genesis: Genesis
    let seed: UInt64
    let sabotage: Plan.Sabotage

    func time(of machine: Int) -> SimulatedTime {
        // Clocks differ by up to five seconds.
        var random = SplitMix64(seed: seed &+ UInt64(machine) &* 7919)
        let skew = Duration.milliseconds(Int(random.below(10_000)) - 5000)
        return SimulatedTime(world.clock, start: Scenario.start, skew: skew)
    }

    func record(_ line: String) { world.trace.record("\(world.clock.now) \(line)") }
}

/// The computer of one storage node: a disk, and on it the node, now and then.
final class NodeMachine: Sendable {
    struct State {
        var disk = InMemoryFileSystem()
        var generation = 0
        var life: SimulatedLife?
        var node: StorageNode?
        var store: DiskNodeStore?
        var task: Task<Void, Never>?
        /// The disk as it was at some time before.
        var saved: InMemoryFileSystem?
        var lives: UInt64 = 0
    }

    let index: Int
    let site: Site
    let key: SigningKey
    let name: String
    let identity: NodeID
    let liar: Liar?
    // Guards the machine's parts; held while a node opens, which nobody waits for.
    let state = Mutex(State())

    init(_ index: Int, _ key: SigningKey, _ site: Site, lies kind: LyingKind?) throws {
        let domain = SigningDomain(network: site.genesis.networkID, incarnation: 0)
        liar = kind.map { Liar($0, key: key, domain: domain, time: site.time(of: index)) }
        self.index = index
        self.key = key
        self.site = site
        name = "node-\(index)"
        identity = Genesis.nodeID(network: site.genesis.networkID, index: index)
        try NodeDirectory.create(
            "/node",
            NodeIdentity(network: site.genesis.networkID, node: identity),
            files: state.withLock { $0.disk }
        )
    }

    /// The node as that asker sees it.
    func target(
        facing asker: String
    ) -> (life: SimulatedLife, target: any StorageNodeConnection)? {
        state.withLock { state in
            guard let life = state.life, let node = state.node else { return nil }
            return (life, liar?.facing(asker, node) ?? node)
        }
    }

    var isUp: Bool { target(facing: "") != nil }

    /// Starts the node on the disk that is there.
    func start(
        ledger: (SimulatedLife) -> any LedgerConnection,
        connect: (SimulatedLife) -> ConnectPeer,
        notice: @escaping @Sendable (NodeNotice) -> Void
    ) throws {
        try state.withLock { state in
            precondition(state.life == nil)
            state.lives += 1
            let disk = state.disk
            disk.faults.syncsLie = site.sabotage == .lyingDisks
            let entropy = SeededEntropy(
                seed: site.seed ^ UInt64(index) << 32 ^ state.lives << 48
            )
            let directory = try NodeDirectory.open(
                "/node",
                NodeIdentity(
                    network: site.genesis.networkID,
                    node: identity,
                    generation: state.generation
                ),
                files: disk
            )
            let store = try DiskNodeStore.open(
                directory,
                entropy: entropy,
                segmentSize: 64 << 10,
                blockSegmentSize: 64 << 10,
                databaseFiles: FileSystemVFS(disk, temporaryFolder: "/", seed: state.lives)
            )
            var configuration = NodeConfiguration(
                genesis: site.genesis,
                node: identity,
                protocolKey: key
            )
            configuration.grace = .seconds(8)
            configuration.entropy = entropy
            configuration.scrub.firstPause = .seconds(7)
            configuration.scrub.pause = .seconds(20)
            configuration.scrub.rate = .max
            let life = SimulatedLife(name) { disk.faults.stepsUntilPowerCut != 0 }
            let node = try StorageNode(
                configuration: configuration,
                store: store,
                pool: BlockingPool(threads: 0),
                time: site.time(of: index)
            ) {
                // What a life notices after its end concerns nobody.
                if !life.isOver { notice($0) }
            }
            let (ledger, connect) = (ledger(life), connect(life))
            state.life = life
            state.node = node
            state.store = store
            // What a liar has not stored it does not have.
            let recovers = site.sabotage != .noRecovery && liar == nil
            let invalidate = site.sabotage == .noInvalidation ? nil : invalidation(ledger, entropy)
            let migration = migration(ledger, entropy, connect: connect)
            state.task = site.world.start {
                if recovers {
                    await node.run(
                        ledger,
                        connect: connect,
                        migration: migration,
                        invalidate: invalidate
                    )
                } else {
                    await node.follow(ledger)
                }
            }
        }
        site.record("\(name) starts")
    }

    private func invalidation(
        _ ledger: any LedgerConnection,
        _ entropy: any Entropy
    ) -> InvalidateBlob {
        let sender = TransactionSender(
            ledger: ledger,
            account: key,
            journal: MemoryTransactionJournal(),
            time: site.time(of: index),
            entropy: entropy
        )
        return { try await sender.invalidate($0) }
    }

    /// Ends the life of the node, at once and without a word; the disk is as `after` makes it.
    func crash(_ what: String, _ after: (InMemoryFileSystem) -> InMemoryFileSystem) {
        let task = state.withLock { state in
            state.life?.end()
            state.life = nil
            state.node = nil
            state.store = nil
            state.disk = after(state.disk)
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
        site.record("\(name) \(what)")
    }

    /// An empty disk in the place of the old one, as `walrus node replace` makes it.
    func replaceDisk() throws {
        try state.withLock { state in
            precondition(state.life == nil)
            state.generation += 1
            state.disk = InMemoryFileSystem()
            try NodeDirectory.create(
                "/node",
                NodeIdentity(
                    network: site.genesis.networkID,
                    node: identity,
                    generation: state.generation
                ),
                files: state.disk
            )
        }
        site.record("\(name) has an empty disk")
    }

    /// Turns a bit in one of the node's sealed or open segments.
    func rot(_ random: inout SplitMix64) {
        let choice = random.next()
        state.withLock { state in
            let folder = "/node/slivers"
            guard let names = try? state.disk.list(folder), !names.isEmpty else { return }
            let path = folder + "/" + names[Int(choice % UInt64(names.count))]
            guard let size = try? state.disk.status(path)?.size, size > 0 else { return }
            state.disk.rot(
                path,
                at: Int((choice >> 8) % UInt64(size)),
                mask: 1 << (choice >> 60 & 7)
            )
        }
        site.record("\(name) rots")
    }
}
