import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import Synchronization
import SystemIO
import TestNetwork
import Testing

@Suite struct NodeLedgerTests {
    private func store(
        _ bytes: [UInt8],
        in network: TestNetwork
    ) async throws -> (blob: StoredBlob, pool: ObjectID) {
        let client = try await network.client()
        let (pool, store) = try await network.looseStore(client)
        let blob = try await store.store(bytes)
        // A quorum has it; which nodes are to have it after the upload's end is no matter of luck.
        try await network.complete(bytes)
        return (blob, pool)
    }

    @Test func blocksAreAppliedOnceAndInOrder() async throws {
        let network = try TestNetwork()
        _ = try await store([1, 2, 3], in: network)
        let blocks = try await network.ledger.memory.blocks(
            from: 1,
            limit: 100,
            waitMilliseconds: 0
        )
        #expect(blocks.count >= 3)
        let store = MemoryNodeStore(network: network.genesis.networkID)
        let node = try StorageNode(
            configuration: network.nodes[0].configuration,
            store: store,
            pool: BlockingPool(threads: 0),
            time: network.time
        )
        await #expect(throws: ChainError.wrongHeight(2, expected: 1)) {
            try await node.apply(Array(blocks[1...]))
        }
        try await node.apply([blocks[0]])
        try await node.apply(blocks)
        try await node.apply(blocks)
        #expect(node.cursor.block == blocks.last?.reference)
        #expect(node.cursor == network.nodes[0].cursor)
        let served = try await node.blocks(from: 2, limit: 100)
        #expect(served == blocks[1...].map(\.bcsBytes))
    }

    @Test func blocksOfAnotherChainAreRefused() async throws {
        let network = try TestNetwork()
        _ = try await store([1, 2, 3], in: network)
        let fork = try TestNetwork()
        _ = try await store([4, 5, 6], in: fork)
        let ours = try await network.ledger.memory.blocks(
            from: 1,
            limit: 100,
            waitMilliseconds: 0
        )
        let theirs = try await fork.ledger.memory.blocks(
            from: 1,
            limit: 100,
            waitMilliseconds: 0
        )
        let node = try StorageNode(
            configuration: network.nodes[0].configuration,
            store: MemoryNodeStore(network: network.genesis.networkID),
            pool: BlockingPool(threads: 0),
            time: network.time
        )
        try await node.apply([ours[0]])
        await #expect(throws: ChainError.wrongParent(at: 1)) {
            try await node.apply([theirs[1]])
        }
        // A block whose contents are not what its header says.
        let forged = Block(
            signedHeader: ours[1].signedHeader,
            transactions: ours[2].transactions,
            effects: ours[2].effects
        )
        await #expect(throws: ChainError.inconsistent(height: 2)) {
            try await node.apply([forged])
        }
        #expect(node.cursor.block == ours[0].reference)
    }

    /// The ledger is restored from an old backup: its chain is shorter than what was applied.
    @Test func whileTheLedgerIsBehindANodeServesAndTakesAndDeletesNothing() async throws {
        let network = try TestNetwork()
        let (blob, _) = try await store(TestNetwork.bytes(3000), in: network)
        let node = network.nodes[0]
        let old = try MemoryLedger(genesis: network.genesis, key: TestNetwork.key("block")) {
            TestNetwork.start
        }
        let following = Task { await node.follow(old) }
        defer { following.cancel() }
        for _ in 0..<10_000 {
            if try await node.health().status == .standby { break }
            await Task.yield()
        }
        #expect(try await node.health().status == .standby)
        let metadata = try BlobMetadataWithID(bcsBytes: try await node.metadata(of: blob.blob))
        let verified = try metadata.verify(EncodingParameters(shardCount: 10))
        await #expect {
            try await node.store(verified, height: nil)
        } throws: { error in
            (error as? NodeError)?.refusal == .ledgerBehind
        }
        #expect(try await node.collectGarbage() == 0)
        // It goes on when the ledger has its blocks back.
        following.cancel()
        let again = Task { await node.follow(network.ledger) }
        defer { again.cancel() }
        _ = try await network.sender().executeVolatile([.reserveSpace(size: 1, epochs: 1)])
        for _ in 0..<100_000 {
            if try await node.health().status == .active { break }
            await Task.yield()
        }
        #expect(try await node.store(verified, height: nil) == .alreadyStored)
    }

    /// The answer to a question that waits for a block would come up to 20 s after it is back.
    @Test func aLedgerThatIsBackIsAskedWithoutWaiting() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let node = network.nodes[0]
        let ledger = RestartedLedger(network.ledger.memory, time: time)
        let following = Task { await node.follow(ledger) }
        defer { following.cancel() }
        var silent: [Bool] = []
        while ledger.waits.count < 5 {
            silent.append(try await node.health().isLedgerSilent)
            await Task.yield()
        }
        // It was there, then away twice, then there again.
        let waits = ledger.waits
        #expect(waits[0] == 0)
        #expect(waits[1] > 0)
        #expect(waits[2] == 0 && waits[3] == 0)
        #expect(waits[4] > 0)
        #expect(silent.contains(true))
        #expect(try await !node.health().isLedgerSilent)
    }

    @Test func aDeletedBlobGoesAfterTheGraceAndNotBefore() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let (blob, pool) = try await store(TestNetwork.bytes(3000), in: network)
        let record = try #require(try await network.ledger.blob(blob.blob, inPool: pool))
        let node = network.nodes[0]
        #expect(try await node.metadataStatus(of: blob.blob) == .stored)
        _ = try await network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        #expect(try await node.status(of: blob.blob) == .nonexistent)
        try await node.collectGarbage()
        #expect(try await node.metadataStatus(of: blob.blob) == .stored)
        time.advance(by: .seconds(599))
        try await node.collectGarbage()
        #expect(try await node.metadataStatus(of: blob.blob) == .stored)
        time.advance(by: .seconds(2))
        try await node.collectGarbage()
        #expect(try await node.metadataStatus(of: blob.blob) == .nonexistent)
    }

    @Test func aBlobThatIsRegisteredAgainWithinTheGraceStays() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let client = try await network.client()
        let (pool, store) = try await network.looseStore(client)
        let bytes = TestNetwork.bytes(3000)
        let blob = try await store.store(bytes)
        try await network.complete(bytes)
        let record = try #require(try await network.ledger.blob(blob.blob, inPool: pool))
        _ = try await network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        time.advance(by: .seconds(300))
        _ = try await store.store(bytes)
        try await network.complete(bytes)
        time.advance(by: .seconds(3000))
        for node in network.nodes {
            try await node.collectGarbage()
            #expect(try await node.metadataStatus(of: blob.blob) == .stored)
        }
    }

    @Test func oneOwnersDeletionTakesNothingFromAnother() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let bytes = TestNetwork.bytes(3000)
        let (blob, pool) = try await store(bytes, in: network)
        let client = try await network.client()
        let plain = PlainBlobStore(client: client, sender: network.sender())
        _ = try await plain.store(bytes, epochs: 5, deletable: false)
        let record = try #require(try await network.ledger.blob(blob.blob, inPool: pool))
        _ = try await network.sender().executeVolatile([.deletePooledBlob(.id(record.id))])
        time.advance(by: .seconds(3000))
        let node = network.nodes[0]
        try await node.collectGarbage()
        #expect(try await node.metadataStatus(of: blob.blob) == .stored)
        guard
            case .permanent(let end, true, _, let counts, _) =
                try await node.status(of: blob.blob)
        else {
            Issue.record("the blob is not permanent")
            return
        }
        #expect(end == 5)
        #expect(counts == NodeBlobStatus.DeletableCounts(total: 0, certified: 0))
    }

    @Test func whatExpiresGoesAfterTheGraceAndWhatIsExtendedLivesOn() async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let client = try await network.client()
        let plain = PlainBlobStore(client: client, sender: network.sender())
        func pool(epochs: UInt32) async throws -> (id: ObjectID, store: NativeBlobStore) {
            let sender = network.sender()
            let made = try await sender.executeVolatile([
                .createPool(capacity: 1 << 30, epochs: epochs, funds: 0)
            ])
            let id = ObjectID(of: made.transaction.digest, command: 0)
            return (id, NativeBlobStore(client: client, pool: id, sender: sender))
        }
        let (short, long, extended) = (
            try await pool(epochs: 2), try await pool(epochs: 9), try await pool(epochs: 2)
        )
        let bytes = (0..<4).map { TestNetwork.bytes(2000, seed: $0 + 20) }
        let expiring = try await short.store.store(bytes[0]).blob
        let inTwo = try await short.store.store(bytes[1]).blob
        _ = try await long.store.store(bytes[1])
        let stretched = try await extended.store.store(bytes[2]).blob
        let single = try RedStuffEncoder(client.parameters).encode(bytes[3]).blobID
        _ = try await plain.store(bytes[3], epochs: 2, deletable: true)
        _ = try await network.sender().executeVolatile([
            .extendPool(.id(extended.id), epochs: 3, payer: .sender)
        ])
        for bytes in bytes { try await network.complete(bytes) }
        let node = network.nodes[4]
        func stored() async throws -> [StoredStatus] {
            var statuses: [StoredStatus] = []
            for blob in [expiring, inTwo, stretched, single] {
                statuses.append(try await node.metadataStatus(of: blob))
            }
            return statuses
        }
        try await network.execute(.advanceEpoch(from: 0))
        time.advance(by: .seconds(3000))
        try await node.collectGarbage()
        #expect(try await stored() == [.stored, .stored, .stored, .stored])
        try await network.execute(.advanceEpoch(from: 1))
        time.advance(by: .seconds(599))
        try await node.collectGarbage()
        #expect(try await stored() == [.stored, .stored, .stored, .stored])
        time.advance(by: .seconds(2))
        try await node.collectGarbage()
        #expect(try await stored() == [.nonexistent, .stored, .stored, .nonexistent])
        for (blob, bytes) in [(inTwo, bytes[1]), (stretched, bytes[2])] {
            let read = try await client.read(blob, range: 0..<2000, authentication: .store)
            #expect(read == bytes)
        }
    }
}

@Suite struct BlobInfoTests {
    private func object(_ number: UInt8) -> ObjectID {
        ObjectID(bytes: [UInt8](repeating: number, count: 32))
    }

    private let event = StatusEvent(
        transaction: TransactionDigest(bytes: [UInt8](repeating: 1, count: 32)),
        index: 0
    )

    private func registration(
        _ number: UInt8,
        _ kind: BlobRegistration.Kind,
        end: Epoch
    ) -> BlobRegistration {
        BlobRegistration(
            object: object(number),
            kind: kind,
            end: end,
            isCertified: false,
            event: event
        )
    }

    @Test func registrationsAreCountedOverObjects() {
        var info = BlobInfo(length: 10)
        #expect(info.status(at: 0, poolEnd: { _ in nil }) == .nonexistent)
        info.register(registration(1, .deletable, end: 5))
        info.register(registration(1, .deletable, end: 5))
        info.register(registration(2, .pooled(object(9)), end: 5))
        #expect(
            info.status(at: 0, poolEnd: { _ in nil })
                == .deletable(.init(total: 2, certified: 0), initialCertifiedEpoch: nil)
        )
        info.certify(object(2), end: 5, epoch: 3, event: event)
        #expect(
            info.status(at: 3, poolEnd: { _ in nil })
                == .deletable(.init(total: 2, certified: 1), initialCertifiedEpoch: 3)
        )
        info.delete(object(2))
        #expect(
            info.status(at: 3, poolEnd: { _ in nil })
                == .deletable(.init(total: 1, certified: 0), initialCertifiedEpoch: nil)
        )
        #expect(info.live(at: 5, poolEnd: { _ in nil }).isEmpty)
    }

    @Test func aPooledBlobLivesAsLongAsItsPool() {
        var info = BlobInfo(length: 10)
        info.register(registration(2, .pooled(object(9)), end: 5))
        #expect(info.live(at: 4, poolEnd: { _ in 5 }).count == 1)
        #expect(info.live(at: 5, poolEnd: { _ in 5 }).isEmpty)
        #expect(info.live(at: 5, poolEnd: { _ in 6 }).count == 1)
    }

    @Test func invalidIsForEver() throws {
        var info = BlobInfo(length: 10)
        info.register(registration(1, .permanent, end: 5))
        info.invalidate(event)
        #expect(info.status(at: 0, poolEnd: { _ in nil }) == .invalid(event))
        #expect(info.live(at: 0, poolEnd: { _ in nil }).isEmpty)
        #expect(try BlobInfo(bcsBytes: info.bcsBytes) == info)
    }
}

/// A ledger that is away for its second and third question for blocks, and waits for none.
private final class RestartedLedger: LedgerConnection {
    private let ledger: MemoryLedger
    private let time: ManualTimeSource
    // Guards how long each question was ready to wait, in milliseconds.
    private let asked = Mutex<[UInt64]>([])

    init(_ ledger: MemoryLedger, time: ManualTimeSource) {
        self.ledger = ledger
        self.time = time
    }

    var waits: [UInt64] { asked.withLock { $0 } }

    func genesis() async throws(LedgerError) -> Genesis { try await ledger.genesis() }
    func head() async throws(LedgerError) -> SignedBlockHeader? { try await ledger.head() }

    func submit(_ transaction: SignedTransaction) async throws(LedgerError) -> TransactionResult {
        try await ledger.submit(transaction)
    }

    func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try await ledger.query(query)
    }

    func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        let count = asked.withLock { asked in
            asked.append(waitMilliseconds)
            return asked.count
        }
        if (2...3).contains(count) {
            // The node pauses before it asks again.
            Task { [time] in
                while time.sleeperCount == 0 { await Task.yield() }
                time.advance(by: .seconds(1))
            }
            throw .unavailable("restarting")
        }
        if count >= 5 {
            // Nobody asks any more; a cancelled sleep is the end of it.
            try? await time.sleep(for: .seconds(1_000_000))
        }
        return try await ledger.blocks(from: height, limit: limit, waitMilliseconds: 0)
    }
}
