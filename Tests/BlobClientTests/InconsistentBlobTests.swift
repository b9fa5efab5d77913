import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import SystemIO
import TestNetwork
import Testing

/// What a client tells of blobs that were encoded inconsistently.
@Suite struct InconsistentBlobTests {
    /// A network that has certified a misencoded blob, and nobody has noticed yet.
    private struct Scene {
        let network: TestNetwork
        let blob: MisencodedBlob
        let faults: [FaultyNode]

        init(_ kind: MisencodedBlob.Kind) async throws {
            network = try TestNetwork()
            blob = try MisencodedBlob(TestNetwork.bytes(4000), kind, shards: 10)
            faults = network.nodes.map { FaultyNode($0) }
            let pool = try await network.looseStore(network.client()).pool
            try await blob.store(
                in: pool,
                sender: network.sender(),
                domain: SigningDomain(network: network.genesis.networkID, incarnation: 0),
                skipping: [],
                connect: network.connections()
            )
        }

        func client() async throws -> BlobClient {
            let faults = faults
            return try await network.client { index, _ in faults[index] }
        }

        func read(
            _ client: BlobClient,
            _ range: Range<UInt64> = 0..<4000
        ) async throws -> [UInt8] {
            try await client.read(blob.blobID, range: range, authentication: .store)
        }

        /// The node that holds the first row.
        var holder: Int {
            let parameters = blob.metadata.parameters
            let pair = parameters.pair(of: SliverIndex(0), .primary)
            return Int(parameters.shard(holding: pair, of: blob.blobID).rawValue)
        }

        func invalidate() async throws { try await network.invalidate(blob.blobID) }
    }

    @Test func whatIsReadIsTheSameForEveryoneOrNothing() async throws {
        let scene = try await Scene(.row)
        let client = try await scene.client()
        // Every row from its holder: what the metadata describes.
        #expect(try await scene.read(client) == scene.blob.bytes)
        // The first one from others, who say something else.
        scene.faults[scene.holder].set(.down)
        let id = scene.blob.blobID
        let other = try await scene.client()
        await #expect(throws: BlobStoreError.inconsistent(id)) { try await scene.read(other) }
        await #expect(throws: BlobStoreError.inconsistent(id)) {
            try await scene.read(other, 0..<1)
        }
        let row = UInt64(scene.blob.metadata.sliverLength(.primary))
        #expect(
            try await scene.read(other, row..<row + 9)
                == Array(scene.blob.bytes[Int(row)..<Int(row) + 9])
        )
        // Nobody is to blame but who encoded it.
        #expect(!scene.network.notices.all.contains { $0.contains("wrongly") })
    }

    @Test(arguments: [MisencodedBlob.Kind.row, .parityRow, .column, .crossed])
    func aStrictReadAlwaysFindsOut(kind: MisencodedBlob.Kind) async throws {
        let scene = try await Scene(kind)
        let client = try await scene.client()
        let id = scene.blob.blobID
        #expect(try await scene.read(client) == scene.blob.bytes)
        await #expect(throws: BlobStoreError.inconsistent(id)) {
            try await client.readStrictly(id)
        }
    }

    @Test func aStrictReadOfARightBlobGivesItsBytes() async throws {
        let network = try TestNetwork()
        let client = try await network.client()
        for count in [0, 1, 4000] {
            let bytes = TestNetwork.bytes(count)
            let blob = try await network.volume(client).store.store(bytes).blob
            #expect(try await client.readStrictly(blob) == bytes)
        }
    }

    @Test func anInvalidBlobSaysSoToEveryReader() async throws {
        let scene = try await Scene(.crossed)
        let id = scene.blob.blobID
        let old = try await scene.client()
        // Its metadata is known from before.
        _ = try await scene.read(old)
        try await scene.invalidate()
        for client in [old, try await scene.client()] {
            await #expect(throws: BlobStoreError.inconsistent(id)) { try await scene.read(client) }
            await #expect(throws: BlobStoreError.inconsistent(id)) {
                try await client.metadata(of: id)
            }
            let status = try await client.status(of: id, patience: .seconds(60))
            guard case .invalid = status.status, status.isEventBelieved else {
                Issue.record("\(status)")
                return
            }
        }
        // Also while as many nodes are down as may be, or all that are left but those that must be.
        for down in [[0, 1, 2], [0, 1, 2, 3, 4, 5]] {
            for index in down { scene.faults[index].set(.down) }
            let client = try await scene.client()
            await #expect(throws: BlobStoreError.inconsistent(id)) { try await scene.read(client) }
        }
    }

    /// Three of ten that say so decide nothing.
    @Test func fewWhoCallABlobInvalidAreNotBelieved() async throws {
        let network = try TestNetwork()
        let bytes = TestNetwork.bytes(4000)
        let stored = try await network.volume(network.client()).store.store(bytes)
        let liars = [2, 5, 9]
        let client = try await network.client { index, node in
            FaultyNode(node, liars.contains(index) ? .slander : .none)
        }
        let read = try await client.read(stored.blob, range: 0..<4000, authentication: .store)
        #expect(read == bytes)
        let other = TestNetwork.bytes(3000, seed: 99)
        let (_, store) = try await network.volume(client)
        _ = try await store.store(other)
    }

    @Test func storingAnInvalidBlobSaysThatItIs() async throws {
        let network = try TestNetwork()
        let client = try await network.client()
        let store = try await network.volume(client).store
        let bytes = TestNetwork.bytes(700)
        let stored = try await store.store(bytes)
        try await network.invalidate(stored.blob)
        let error = BlobStoreError.inconsistent(stored.blob)
        // Registered and certified before, and in vain.
        await #expect(throws: error) { try await store.store(bytes) }
        #expect(try await store.lifetime(of: stored.blob) == nil)
        let plain = PlainBlobStore(client: client, sender: network.sender())
        let submissions = network.ledger.submissions
        await #expect(throws: error) { try await plain.store(bytes, epochs: 1, deletable: true) }
        #expect(network.ledger.submissions == submissions)
        // And in another pool, where the ledger does not take it.
        let loose = try await network.looseStore(client).store
        await #expect(throws: error) { try await loose.store(bytes) }
    }

    /// Registered when it was valid still.
    @Test func anUploadThatIsRefusedAsInvalidSaysSo() async throws {
        let network = try TestNetwork()
        let (volume, store) = try await network.volume(network.client())
        let encoded = try RedStuffEncoder(EncodingParameters(shardCount: 10))
            .encode(TestNetwork.bytes(700))
        let description = BlobDescription(
            blob: encoded.blobID,
            root: encoded.metadata.metadata.rootHash.bytes,
            length: 700
        )
        _ = try await network.sender().executeVolatile([
            .registerPooledBlob(pool: .id(volume.pool), blob: description)
        ])
        try await network.invalidate(encoded.blobID)
        await #expect(throws: BlobStoreError.inconsistent(encoded.blobID)) {
            try await store.store(TestNetwork.bytes(700))
        }
    }
}
