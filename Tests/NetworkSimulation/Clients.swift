internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import Simulation
internal import Synchronization
internal import SystemIO

/// What the users of a run have been promised.
struct Promises {
    /// Places in the plan of what was stored and not deleted since, by pool.
    var stored: [ObjectID: Set<Int>] = [:]
    var heads: [Head] = []
    var volume: VolumeState?
    var loosePools: [Int: ObjectID] = [:]
    /// Steps of each client that are done.
    var done: [Int: Int] = [:]
    var readsGood = 0
    var readsFailed = 0
}

/// A user's computer: stores, deletes, reads and publishes, and goes on after a crash.
final class ClientMachine: Sendable {
    enum Step: Sendable {
        /// In the volume's pool, with a head that names it.
        case publish(Int)
        /// In the client's own pool.
        case store(Int)
        case delete(Int)
        case read(Int)
        case pause(UInt64)
    }

    let index: Int
    let site: Site
    let plan: Plan
    let account: SigningKey
    let steps: [Step]
    let promises: SharedPromises
    let disk = InMemoryFileSystem()
    /// What must never happen, and did.
    let violation: @Sendable (String) -> Void
    private struct State {
        var life: SimulatedLife?
        var task: Task<Void, Never>?
        var lives: UInt64 = 0
    }
    // Guards the current life.
    private let state = Mutex(State())

    init(
        _ index: Int,
        _ site: Site,
        _ plan: Plan,
        account: SigningKey,
        promises: SharedPromises,
        violation: @escaping @Sendable (String) -> Void
    ) throws {
        self.index = index
        self.site = site
        self.plan = plan
        self.account = account
        self.promises = promises
        self.violation = violation
        var random = SplitMix64(seed: plan.seed ^ UInt64(index) << 20 ^ 0xC11E)
        steps = (0..<8 + Int(random.below(6))).map { _ in
            let place = Int(random.below(UInt64(plan.contents.count)))
            switch random.below(8) {
            case 0...1: return .publish(place)
            case 2...3: return .store(place)
            case 4: return .delete(place)
            case 5: return .read(place)
            default: return .pause(random.below(8 * Plan.second))
            }
        }
        try disk.makeDirectories("/journal")
    }

    func start(
        ledger: (SimulatedLife) -> any LedgerConnection,
        connect: (SimulatedLife) -> @Sendable (CommitteeMember) -> any StorageNodeConnection,
        notice: @escaping @Sendable (ClientNotice, SimulatedLife) -> Void
    ) {
        guard state.withLock({ $0.life == nil }) else { return }
        let life = SimulatedLife("client-\(index)")
        let (ledger, connect) = (ledger(life), connect(life))
        let entropy = state.withLock { state in
            state.lives += 1
            return SeededEntropy(seed: site.seed ^ state.lives << 8 ^ UInt64(index) << 4)
        }
        let task = site.world.start {
            await self.run(life, ledger, connect, entropy, notice)
        }
        state.withLock { state in
            state.life = life
            state.task = task
        }
        site.record("client-\(index) starts")
    }

    /// The process ends; its journal is on the disk.
    func kill() {
        let task = state.withLock { state in
            state.life?.end()
            state.life = nil
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
        site.record("client-\(index) is killed")
    }

    var isDone: Bool { promises.read { $0.done[index] ?? 0 } == steps.count }

    private func run(
        _ life: SimulatedLife,
        _ ledger: any LedgerConnection,
        _ connect: @escaping @Sendable (CommitteeMember) -> any StorageNodeConnection,
        _ entropy: any Entropy,
        _ notice: @escaping @Sendable (ClientNotice, SimulatedLife) -> Void
    ) async {
        let time = site.time(of: 2000 + index)
        let world = site.world
        while !Task.isCancelled {
            do {
                let client = try await BlobClient.make(
                    ledger: ledger,
                    environment: ClientEnvironment(
                        time: time,
                        entropy: entropy,
                        compute: BlockingPool(threads: 0),
                        spawn: { world.start($0) },
                        notice: { notice($0, life) }
                    ),
                    connect: connect
                )
                let sender = TransactionSender(
                    ledger: ledger,
                    account: account,
                    journal: FileTransactionJournal(
                        directory: "/journal",
                        files: disk,
                        pool: BlockingPool(threads: 0)
                    ),
                    time: time,
                    entropy: entropy
                )
                let session = ClientSession(
                    machine: self,
                    life: life,
                    client: client,
                    sender: sender,
                    time: time
                )
                return try await session.run()
            } catch {
                // Whatever went wrong, a user tries again.
                guard !life.isOver, (try? await time.sleep(for: .seconds(1))) != nil else {
                    return
                }
            }
        }
    }
}

/// Promises that several clients and the checker look at.
final class SharedPromises: Sendable {
    // Guards the promises.
    private let state = Mutex(Promises())

    func read<Value>(_ body: (Promises) -> Value) -> Value { state.withLock { body($0) } }
    func change(_ body: (inout Promises) -> Void) { state.withLock { body(&$0) } }
}

/// One life of a client that has reached the ledger.
struct ClientSession {
    let machine: ClientMachine
    let life: SimulatedLife
    let client: BlobClient
    let sender: TransactionSender
    let time: SimulatedTime

    private var plan: Plan { machine.plan }
    private var mount: PublicKey {
        SigningKey(seed: [UInt8](repeating: UInt8(machine.index + 1), count: 32)).publicKey
    }

    /// Writes down what was promised, unless the process that it was promised to is gone.
    private func promise(_ body: (inout Promises) -> Void) {
        guard !life.isOver else { return }
        machine.promises.change(body)
    }

    func run() async throws {
        let volume = try await volume()
        let loose = try await loosePool()
        let index = machine.index
        while case let place = machine.promises.read({ $0.done[index] ?? 0 }),
            place < machine.steps.count, !life.isOver
        {
            try await perform(machine.steps[place], volume, loose)
            promise { $0.done[index] = place + 1 }
            machine.site.record("client-\(index) has done step \(place)")
        }
    }

    private func volume() async throws -> VolumeState {
        if let known = machine.promises.read({ $0.volume }) { return known }
        // One client makes the volume, the other waits for it, as for a recovery key.
        while machine.index > 0 {
            if let known = machine.promises.read({ $0.volume }) { return known }
            try await time.sleep(for: .seconds(1))
        }
        let volume = try await VolumeRegistrar(sender: sender).create(
            nameHash: [UInt8](repeating: 7, count: 32),
            capacity: 1 << 40
        )
        promise { $0.volume = volume }
        return volume
    }

    private func loosePool() async throws -> ObjectID {
        let index = machine.index
        if let known = machine.promises.read({ $0.loosePools[index] }) { return known }
        let receipt = try await sender.execute(
            [.createPool(capacity: 1 << 40, epochs: 50, funds: 0)],
            label: "pool-\(index)"
        )
        let pool = ObjectID(of: receipt.transaction.digest, command: 0)
        promise { $0.loosePools[index] = pool }
        return pool
    }

    private func perform(
        _ step: ClientMachine.Step,
        _ volume: VolumeState,
        _ loose: ObjectID
    ) async throws {
        switch step {
        case .store(let place): try await store(place, in: loose)
        case .publish(let place):
            try await store(place, in: volume.pool)
            try await publish(plan.blobs[place], volume)
        case .delete(let place): try await delete(place, from: loose)
        case .read(let place): try await read(place)
        case .pause(let pause): try await time.sleep(for: .nanoseconds(pause))
        }
    }

    private func store(_ place: Int, in pool: ObjectID) async throws {
        let store = NativeBlobStore(client: client, pool: pool, sender: sender)
        let stored = try await store.store(plan.contents[place])
        guard stored.blob == plan.blobs[place] else {
            return machine.violation("blob \(place) was stored as \(stored.blob)")
        }
        promise { _ = $0.stored[pool, default: []].insert(place) }
    }

    private func delete(_ place: Int, from pool: ObjectID) async throws {
        // From before the deletion is sent nobody counts on the blob any more.
        machine.promises.change { _ = $0.stored[pool, default: []].remove(place) }
        guard let record = try await client.ledger.blob(plan.blobs[place], inPool: pool) else {
            return
        }
        _ = try await sender.executeVolatile([.deletePooledBlob(.id(record.id))])
    }

    private func publish(_ manifest: BlobID, _ volume: VolumeState) async throws {
        let heads = LedgerHeadStore(volume: volume.id, mount: mount, sender: sender)
        let lease: Lease
        do throws(HeadStoreError) {
            lease = try await heads.acquireLease()
            if lease.holder != mount { throw .leaseLost(lease) }
        } catch {
            // Another mount has it: claim it and take it over when its patience is over.
            try await time.sleep(for: .seconds(4))
            let taken = try await heads.takeOverLease()
            return try await publish(manifest, heads, taken)
        }
        try await publish(manifest, heads, lease)
    }

    private func publish(
        _ manifest: BlobID,
        _ heads: LedgerHeadStore,
        _ lease: Lease
    ) async throws {
        let expected = try await heads.record().head?.sequence ?? 0
        let head = try await heads.publish(
            manifest: manifest,
            expected: expected,
            token: lease.token,
            pins: []
        )
        promise { $0.heads.append(head) }
    }

    /// A read may fail while much is broken; what it gives is right.
    private func read(_ place: Int) async throws {
        let bytes: [UInt8]
        do {
            let length = try await client.metadata(of: plan.blobs[place]).unencodedLength
            bytes = try await client.read(
                plan.blobs[place],
                range: 0..<length,
                authentication: .store
            )
        } catch {
            return promise { $0.readsFailed += 1 }
        }
        guard bytes == plan.contents[place] else {
            return machine.violation("blob \(place) was read wrongly")
        }
        promise { $0.readsGood += 1 }
    }
}
