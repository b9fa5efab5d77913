internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import SQLite
internal import Simulation
internal import StorageNode
internal import Synchronization
internal import SystemIO

/// The computer of the ledger.
final class LedgerMachine: Sendable {
    struct State {
        var disk = InMemoryFileSystem()
        var life: SimulatedLife?
        var host: LedgerHost?
        var exists = false
        /// The disk as it was at some time before.
        var saved: InMemoryFileSystem?
        /// Whether the disk is an older one, whose missing blocks the nodes have.
        var isOld = false
        /// Blocks that nodes have given back.
        var blocksRestored = 0
    }

    /// Acknowledges nothing that too few nodes have: a ledger whose disk may be lost.
    ///
    /// A daemon goes on without them after a while, and says that it keeps no promise then.
    private struct StrictSink: BlockSink {
        struct TooFewFollow: Error {}

        let followers: LedgerFollowers

        func store(_ block: Block) async throws {
            let before = followers.unkept
            try await followers.store(block)
            guard followers.unkept == before else { throw TooFewFollow() }
        }
    }

    /// A node's blocks, asked for over the network.
    private struct Source: BlockSource {
        let name: String
        let weight: Int
        let node: any StorageNodeConnection

        func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
            try await node.blocks(from: height, limit: limit).map { try Block(bcsBytes: $0) }
        }
    }

    private static let pause = Duration.seconds(1)

    let site: Site
    let key: SigningKey
    /// Whether an older copy of the disk may come back.
    let mayBeRestored: Bool
    /// Nodes that may answer nothing for ever.
    let liars: Int
    // Guards the machine's parts.
    let state = Mutex(State())

    init(_ key: SigningKey, _ site: Site, mayBeRestored: Bool, liars: Int) {
        self.key = key
        self.site = site
        self.mayBeRestored = mayBeRestored
        self.liars = liars
    }

    var target: (life: SimulatedLife, target: any LedgerConnection)? {
        state.withLock { state in
            guard let life = state.life, let host = state.host else { return nil }
            return (life, host)
        }
    }

    /// Starts the ledger on the disk that is there; with an older one, once every honest node
    /// has said what it has.
    func start(connect: (SimulatedLife) -> ConnectPeer) async throws {
        let (disk, exists, isOld, life) = state.withLock { state in
            let disk = state.disk
            let life = SimulatedLife("ledger") { disk.faults.stepsUntilPowerCut != 0 }
            state.life = life
            return (disk, state.exists, state.isOld, life)
        }
        let time = site.time(of: 1000)
        var options = LedgerHostOptions(
            key: key,
            files: disk,
            time: time,
            pool: BlockingPool(threads: 0)
        )
        options.databaseFiles = FileSystemVFS(disk, temporaryFolder: "/", seed: site.seed)
        let committee = try site.genesis.committee()
        let followers = LedgerFollowers(needed: committee.logsNeeded, time: time)
        options.followers = followers
        if mayBeRestored { options.sink = StrictSink(followers: followers) }
        let host: LedgerHost
        if exists {
            host = try await LedgerHost.open("/ledger", network: site.genesis.networkID, options)
        } else {
            host = try await LedgerHost.create("/ledger", genesis: site.genesis, options)
        }
        if isOld {
            let connect = connect(life)
            let sources = committee.members.map { member in
                Source(name: member.address, weight: member.weight, node: connect(member))
            }
            guard await takeMissing(host, sources, life, time) else { return }
        }
        let isCurrent = state.withLock { state in
            // It may have crashed while it opened.
            guard state.life === life else { return false }
            state.host = host
            state.exists = true
            state.isOld = false
            return true
        }
        if isCurrent { site.record("ledger starts") }
    }

    /// Asks until so many have answered as are honest; false when the ledger's life is over before.
    private func takeMissing(
        _ host: LedgerHost,
        _ sources: [Source],
        _ life: SimulatedLife,
        _ time: SimulatedTime
    ) async -> Bool {
        while !life.isOver {
            do throws(LedgerStoreError) {
                let comparison = try await host.compare(with: sources)
                if comparison.answers >= sources.count - liars {
                    let count = try await host.takeMissing(from: sources)
                    state.withLock { $0.blocksRestored += Int(count) }
                    site.record("ledger takes \(count) blocks back")
                    if try await host.compare(with: sources).blocksMissing == 0 { return true }
                }
            } catch {
                site.record("ledger gets no blocks: \(error)")
            }
            // Cancelled or not, the loop looks again.
            try? await time.sleep(for: Self.pause)
        }
        return false
    }

    func crash(_ what: String, _ after: (InMemoryFileSystem) -> InMemoryFileSystem) {
        state.withLock { state in
            state.life?.end()
            state.life = nil
            state.host = nil
            state.disk = after(state.disk)
        }
        site.record("ledger \(what)")
    }

    /// Keeps the disk as it is, for ``restore()``.
    func save() { state.withLock { $0.saved = $0.exists ? $0.disk.frozen() : nil } }

    /// Whether a disk that was kept has taken the place of the ledger's, which is down now.
    func restore() -> Bool {
        guard let saved = state.withLock({ $0.saved }) else { return false }
        crash("gets an older disk") { _ in saved.kill() }
        state.withLock { $0.isOld = true }
        return true
    }
}
