import BlobClient
import BlobModel
import Codec
import Ledger
import Synchronization
import SystemIO
import TestNetwork
import Testing

/// Nodes in front of which faults can be put.
private struct Faults {
    let nodes: [FaultyNode]

    init(_ network: TestNetwork) { nodes = network.nodes.map { FaultyNode($0) } }

    func set(_ fault: FaultyNode.Fault, _ indexes: some Sequence<Int>) {
        for index in indexes { nodes[index].set(fault) }
    }

    func client(_ network: TestNetwork, time: (any TimeSource)? = nil) async throws -> BlobClient {
        let nodes = nodes
        return try await network.client(time: time) { index, _ in nodes[index] }
    }
}

@Suite struct FaultTests {
    private static let bytes = TestNetwork.bytes(40_000)

    @Test func theNativeStoreIsABlobStore() async throws {
        try await BlobStoreSuite {
            let network = try TestNetwork()
            return try await network.volume(network.client()).store
        }.runAll()
    }

    @Test(arguments: [[0, 1, 2], [7, 8, 9], [1, 4, 6]])
    func withThreeOfTenDownBlobsAreStoredAndRead(down: [Int]) async throws {
        let network = try TestNetwork()
        let faults = Faults(network)
        faults.set(.down, down)
        let client = try await faults.client(network)
        let (_, store) = try await network.volume(client)
        let stored = try await store.store(Self.bytes)
        let fresh = try await network.volume(faults.client(network)).store
        for way in [ReadAuthentication.store, .caller] {
            let read = try await fresh.read(
                stored.blob,
                range: 0..<40_000,
                authentication: way
            )
            #expect(read == Self.bytes)
            let part = try await fresh.read(
                stored.blob,
                range: 9_999..<10_100,
                authentication: way
            )
            #expect(part == Array(Self.bytes[9_999..<10_100]))
        }
    }

    @Test func everyCertifiedBlobReadsFromAnyFourNodes() async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        for first in 0..<10 {
            let faults = Faults(network)
            faults.set(.down, (0..<6).map { ($0 + first) % 10 })
            let client = try await faults.client(network)
            for way in [ReadAuthentication.store, .caller] {
                let read = try await client.read(
                    stored.blob,
                    range: 0..<40_000,
                    authentication: way
                )
                #expect(read == Self.bytes)
            }
        }
    }

    /// Nodes that hold several shards each, unequally many; weights are shards, never nodes.
    @Test(arguments: [(4, 4), (4, 10), (5, 13), (3, 7), (7, 31)])
    func nodesWithManyShardsStoreAndServe(nodes: Int, shards: Int) async throws {
        let network = try TestNetwork(nodes: nodes, shards: shards)
        let committee = try network.genesis.committee()
        let faults = Faults(network)
        let (_, store) = try await network.volume(faults.client(network))
        // As many nodes are down as shards may be faulty.
        var weight = 0
        let down = committee.members.indices.filter { member in
            let added = weight + committee.members[member].weight
            guard added <= committee.faultyMax else { return false }
            weight = added
            return true
        }
        faults.set(.down, down)
        let stored = try await store.store(Self.bytes)
        for way in [ReadAuthentication.store, .caller] {
            let client = try await faults.client(network)
            let read = try await client.read(
                stored.blob,
                range: 0..<40_000,
                authentication: way
            )
            #expect(read == Self.bytes)
        }
    }

    @Test func withSevenDownAReadSaysSo() async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        let faults = Faults(network)
        faults.set(.down, 0..<7)
        let client = try await faults.client(network)
        await #expect {
            try await client.read(stored.blob, range: 0..<40_000, authentication: .store)
        } throws: { error in
            guard case BlobStoreError.unavailable? = error as? BlobStoreError else { return false }
            return true
        }
    }

    @Test(arguments: [FaultyNode.Fault.garbage, .truncated])
    func aLiarIsFoundOutAndNamed(fault: FaultyNode.Fault) async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        // Whichever rows the liar holds, the bytes are right.
        for liar in 0..<10 {
            let faults = Faults(network)
            faults.set(fault, [liar])
            let client = try await faults.client(network)
            let read = try await client.read(
                stored.blob,
                range: 0..<40_000,
                authentication: .store
            )
            #expect(read == Self.bytes)
        }
        #expect(network.notices.all.contains { $0.contains("answered wrongly") })
    }

    @Test func aLyingConfirmationDoesNotCount() async throws {
        let network = try TestNetwork()
        let faults = Faults(network)
        faults.set(.garbage, 0..<3)
        let client = try await faults.client(network)
        let (volume, store) = try await network.volume(client)
        let stored = try await store.store(Self.bytes)
        let record = try await network.ledger.blob(stored.blob, inPool: volume.pool)
        #expect(record?.certified == 0)
        #expect(network.notices.all.contains { $0.contains("not its own") })
    }

    /// Reads while time passes as far as hedging needs.
    ///
    /// A stalled node never answers, however long one waits, so that this returns says that it
    /// was not waited for; on a busy machine more time passes, and that changes nothing.
    private func readHedged(
        _ client: BlobClient,
        _ blob: BlobID,
        _ time: ManualTimeSource
    ) async throws -> [UInt8] {
        let isOver = Mutex(false)
        let read = Task {
            defer { isOver.withLock { $0 = true } }
            return try await client.read(blob, range: 0..<40_000, authentication: .caller)
        }
        while !isOver.withLock({ $0 }), !Task.isCancelled {
            await Task.yield()
            time.advance(by: .milliseconds(10))
        }
        if Task.isCancelled { read.cancel() }
        return try await read.value
    }

    @Test(.timeLimit(.minutes(5))) func slowNodesAreNotWaitedFor() async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        for first in 0..<10 {
            let time = ManualTimeSource()
            let faults = Faults(network)
            let slow = [first, (first + 3) % 10, (first + 4) % 10]
            faults.set(.stalled, slow)
            let client = try await faults.client(network, time: time)
            #expect(try await readHedged(client, stored.blob, time) == Self.bytes)
        }
    }

    @Test(.timeLimit(.minutes(5))) func aNodeThatStaysSlowIsLeftAlone() async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        let time = ManualTimeSource()
        let faults = Faults(network)
        let client = try await faults.client(network, time: time)
        _ = try await client.read(stored.blob, range: 0..<1, authentication: .caller)
        let parameters = client.parameters
        // The holder of the blob's first row.
        let slow = parameters.shard(holding: SliverPairIndex(0), of: stored.blob).value
        faults.set(.stalled, [slow])
        // After a few reads that it has kept waiting, one does not ask it at all. (How many is the
        // machine's business: while it is busy the clock runs on, and the node is tried again.)
        var asked = true
        while asked, !Task.isCancelled {
            let before = faults.nodes[slow].requests
            #expect(try await readHedged(client, stored.blob, time) == Self.bytes)
            asked = faults.nodes[slow].requests > before
        }
        #expect(!asked)
    }

    @Test func aNodeThatIsDownIsSoonLeftAlone() async throws {
        let network = try TestNetwork()
        let stored = try await network.volume(network.client()).store.store(Self.bytes)
        let faults = Faults(network)
        faults.set(.down, [3])
        // Time that passed would let the node be tried again.
        let client = try await faults.client(network, time: ManualTimeSource())
        for _ in 0..<20 {
            _ = try await client.read(stored.blob, range: 0..<40_000, authentication: .caller)
        }
        #expect(faults.nodes[3].requests <= 4)
    }

    @Test func anUploadThatCannotSucceedFailsAndLaterSucceeds() async throws {
        let network = try TestNetwork()
        let faults = Faults(network)
        let client = try await faults.client(network)
        let journal = MemoryTransactionJournal()
        let (volume, store) = try await network.volume(client, journal: journal)
        faults.set(.down, 0..<4)
        await #expect {
            try await store.store(Self.bytes)
        } throws: { error in
            (error as? BlobStoreError)?.isTransient == true
        }
        faults.set(.none, 0..<4)
        let stored = try await store.store(Self.bytes)
        let record = try await network.ledger.blob(stored.blob, inPool: volume.pool)
        #expect(record?.certified == 0)
        #expect(journal.labels.isEmpty)
    }
}

@Suite struct RetryTests {
    private static let bytes = TestNetwork.bytes(2000)
    private static let rules = GenesisRules(storagePrice: 1000, writePrice: 500)

    @Test func lostAnswersPayOnce() async throws {
        let plain = try TestNetwork(rules: Self.rules)
        let address = Address(of: plain.account.publicKey)
        let once = PlainBlobStore(client: try await plain.client(), sender: plain.sender())
        _ = try await once.store(Self.bytes, epochs: 3, deletable: true)
        let expected = try await plain.ledger.balance(of: address)
        #expect(expected < 1_000_000_000)

        let lossy = try TestNetwork(rules: Self.rules)
        let store = PlainBlobStore(client: try await lossy.client(), sender: lossy.sender())
        lossy.ledger.loseAnswers(2)
        let first = try await store.store(Self.bytes, epochs: 3, deletable: true)
        let second = try await store.store(Self.bytes, epochs: 3, deletable: true)
        #expect(!first.wasCertified)
        #expect(second.wasCertified)
        #expect(first.blob.id == second.blob.id)
        #expect(try await lossy.ledger.balance(of: address) == expected)
    }

    /// The client dies after its registration was sent; the next one finds the journal.
    @Test func aClientThatDiesBetweenSendingAndHearingPaysOnce() async throws {
        let network = try TestNetwork(rules: Self.rules)
        let address = Address(of: network.account.publicKey)
        let journal = MemoryTransactionJournal()
        let command = Command.reserveSpace(size: 1 << 20, epochs: 2)
        let sender = network.sender(journal)
        network.ledger.loseAnswers(1000)
        let task = Task { try await sender.execute([command], label: "reserve") }
        while network.ledger.submissions == 0 { await Task.yield() }
        task.cancel()
        await #expect(throws: LedgerError.self) { try await task.value }
        #expect(journal.labels == ["reserve"])
        let balance = try await network.ledger.balance(of: address)
        network.ledger.loseAnswers(0)
        _ = try await network.sender(journal).execute([command], label: "reserve")
        #expect(try await network.ledger.balance(of: address) == balance)
        #expect(journal.labels.isEmpty)
    }

    @Test func aJournalOnDiskKeepsWhatWasSavedAndNothingTorn() async throws {
        let files = InMemoryFileSystem()
        try files.makeDirectories("/journal")
        let journal = FileTransactionJournal(
            directory: "/journal",
            files: files,
            pool: BlockingPool(threads: 0)
        )
        #expect(try await journal.load("a") == nil)
        try await journal.save([1, 2, 3], as: "a")
        #expect(try await journal.load("a") == [1, 2, 3])
        let file = try files.open("/journal/a.tx", .readWrite)
        try file.truncate(to: 34)
        #expect(try await journal.load("a") == nil)
        try await journal.remove("a")
        try await journal.remove("a")
        #expect(try files.list("/journal").isEmpty)
    }

    @Test func anOverfullPoolIsNotFunded() async throws {
        let network = try TestNetwork()
        let (_, store) = try await network.volume(network.client(), capacity: 20_000)
        _ = try await store.store([1])
        await #expect {
            try await store.store(TestNetwork.bytes(100_000))
        } throws: { error in
            guard case BlobStoreError.notFunded? = error as? BlobStoreError else { return false }
            return true
        }
    }

    @Test func aBlobThatIsTooLongIsRefusedAtOnce() async throws {
        let network = try TestNetwork(nodes: 4)
        let (_, store) = try await network.volume(network.client())
        let longest = try EncodingParameters(shardCount: 4).blobLengthMax
        await #expect {
            try await store.store([UInt8](repeating: 0, count: Int(longest) + 1))
        } throws: { error in
            guard case BlobStoreError.invalidRequest? = error as? BlobStoreError else {
                return false
            }
            return true
        }
    }

    @Test func withoutALedgerNothingIsStored() async throws {
        let network = try TestNetwork()
        let (_, store) = try await network.volume(network.client())
        network.ledger.setDown(true)
        let task = Task { try await store.store(Self.bytes) }
        await #expect {
            try await task.value
        } throws: { error in
            (error as? BlobStoreError)?.isTransient == true
        }
    }
}

@Suite struct HeadStoreTests {
    @Test func leaseAndHeadGoThroughTheLedger() async throws {
        let network = try TestNetwork()
        let (volume, blobs) = try await network.volume(network.client())
        let mine = TestNetwork.key("mount 1").publicKey
        let theirs = TestNetwork.key("mount 2").publicKey
        let first = LedgerHeadStore(volume: volume.id, mount: mine, sender: network.sender())
        let second = LedgerHeadStore(volume: volume.id, mount: theirs, sender: network.sender())
        let lease = try await first.acquireLease()
        #expect(lease.holder == mine)
        let seen = try await second.acquireLease()
        #expect(seen.holder == mine)
        #expect(seen.claim?.claimant == theirs)

        let manifest = try await blobs.store([1, 2, 3]).blob
        let head = try await first.publish(
            manifest: manifest,
            expected: 0,
            token: lease.token,
            pins: []
        )
        #expect(head.sequence == 1)
        let again = try await first.publish(
            manifest: manifest,
            expected: 0,
            token: lease.token,
            pins: []
        )
        #expect(again == head)
        let other = try await blobs.store([4, 5, 6]).blob
        await #expect(throws: HeadStoreError.conflict(current: head)) {
            try await first.publish(
                manifest: other,
                expected: 0,
                token: lease.token,
                pins: []
            )
        }
        await #expect {
            try await second.publish(
                manifest: other,
                expected: 1,
                token: lease.token &+ 1,
                pins: []
            )
        } throws: { error in
            guard case HeadStoreError.leaseLost? = error as? HeadStoreError else { return false }
            return true
        }
        let record = try await second.record()
        #expect(record.head == head)
        #expect(record.poolUsed > 0)
        try await first.releaseLease(token: lease.token)
        #expect(try await second.acquireLease().holder == theirs)
    }

    /// Whether the holder answered, or may still, is told apart.
    @Test func whyALeaseIsNotTakenOverIsTold() async throws {
        let network = try TestNetwork()
        let (volume, _) = try await network.volume(network.client())
        let mine = TestNetwork.key("mount 1").publicKey
        let theirs = TestNetwork.key("mount 2").publicKey
        let first = LedgerHeadStore(volume: volume.id, mount: mine, sender: network.sender())
        let second = LedgerHeadStore(volume: volume.id, mount: theirs, sender: network.sender())
        let lease = try await first.acquireLease()
        await #expect(throws: HeadStoreError.notClaimed(lease)) {
            try await second.takeOverLease()
        }
        let claim = try #require(try await second.acquireLease().claim)
        let patience = network.genesis.rules.patienceMilliseconds
        let until = claim.recordedAt + patience
        await #expect(throws: HeadStoreError.patienceNotOver(until: until)) {
            try await second.takeOverLease()
        }
        let kept = try await first.keepLease(token: lease.token)
        await #expect(throws: HeadStoreError.notClaimed(kept)) {
            try await second.takeOverLease()
        }
    }

    @Test func anUnknownVolumeIsSaidToBeUnknown() async throws {
        let network = try TestNetwork()
        let unknown = VolumeID(bytes: [UInt8](repeating: 3, count: 32))
        let key = TestNetwork.key("mount 1").publicKey
        let store = LedgerHeadStore(volume: unknown, mount: key, sender: network.sender())
        await #expect(throws: HeadStoreError.unknownVolume(unknown)) {
            try await store.record()
        }
        await #expect(throws: HeadStoreError.unknownVolume(unknown)) {
            try await store.acquireLease()
        }
        let registrar = VolumeRegistrar(sender: network.sender())
        #expect(try await registrar.find(unknown) == nil)
    }
}
