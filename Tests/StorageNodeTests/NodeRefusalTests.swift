import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import SystemIO
import TestNetwork
import Testing

/// A network with one registered blob, none of which is stored yet.
private struct Scene {
    let network: TestNetwork
    let encoded: EncodedBlob
    let object: ObjectID
    let volume: VolumeState

    init(time: any TimeSource = LinuxTimeSource(), isLagging: Bool = false) async throws {
        network = try TestNetwork(time: time)
        let sender = network.sender()
        volume = try await VolumeRegistrar(sender: sender).create(
            nameHash: [UInt8](repeating: 9, count: 32),
            capacity: 1 << 40
        )
        let parameters = try EncodingParameters(shardCount: 10)
        encoded = try RedStuffEncoder(parameters).encode(TestNetwork.bytes(5000))
        network.ledger.setLagging(isLagging)
        let receipt = try await sender.execute(
            [
                .registerPooledBlob(
                    pool: .id(volume.pool),
                    blob: BlobDescription(
                        blob: encoded.blobID,
                        root: encoded.metadata.metadata.rootHash.bytes,
                        length: 5000
                    )
                )
            ],
            label: "register"
        )
        object = ObjectID(of: receipt.transaction.digest, command: 0)
    }

    var parameters: EncodingParameters { encoded.metadata.parameters }

    /// The pair that node `index` holds.
    func pair(of index: Int) -> SliverPairIndex {
        parameters.pair(on: ShardIndex(UInt16(index)), of: encoded.blobID)
    }

    func name(_ index: Int, _ axis: SliverAxis) -> SliverName {
        SliverName(blob: encoded.blobID, pair: pair(of: index), axis: axis)
    }

    func sliver(_ index: Int, _ axis: SliverAxis) -> VerifiedSliver {
        encoded.pair(pair(of: index))[axis]
    }

    func fill(_ index: Int) async throws {
        let node = network.nodes[index]
        _ = try await node.store(encoded.metadata, height: nil)
        for axis in SliverAxis.allCases {
            _ = try await node.store(
                sliver(index, axis),
                as: name(index, axis),
                height: nil
            )
        }
    }

    func confirm(_ index: Int) async throws(NodeError) -> SignedMessage {
        try await network.nodes[index].confirmation(
            of: encoded.blobID,
            persistence: .deletable(object),
            height: nil
        )
    }
}

/// The reason for which `body` is refused; nil when it is not.
private func refusal(_ body: () async throws -> Void) async -> NodeRefusal? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? NodeError)?.refusal
    }
}

@Suite struct NodeRefusalTests {
    @Test func aNodeConfirmsWhatItHoldsDurably() async throws {
        let scene = try await Scene()
        try await scene.fill(3)
        let before = scene.network.stores[3].synchronizations
        let signed = try await scene.confirm(3)
        #expect(scene.network.stores[3].synchronizations > before)
        let domain = SigningDomain(network: scene.network.genesis.networkID, incarnation: 0)
        let message = signed.verified(by: scene.network.nodeKeys[3].publicKey, in: domain)
        #expect(
            message
                == .storageConfirmation(
                    epoch: 0,
                    blob: scene.encoded.blobID,
                    persistence: .deletable(scene.object)
                )
        )
        // Another network's domain, and another node's key, verify nothing.
        let other = SigningDomain(network: scene.network.genesis.networkID, incarnation: 1)
        #expect(signed.verified(by: scene.network.nodeKeys[3].publicKey, in: other) == nil)
        #expect(signed.verified(by: scene.network.nodeKeys[4].publicKey, in: domain) == nil)
    }

    @Test func storingTwiceIsStoringOnce() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        #expect(try await node.metadataStatus(of: scene.encoded.blobID) == .nonexistent)
        #expect(try await node.store(scene.encoded.metadata, height: nil) == .stored)
        #expect(try await node.store(scene.encoded.metadata, height: nil) == .alreadyStored)
        #expect(try await node.metadataStatus(of: scene.encoded.blobID) == .stored)
        let name = scene.name(0, .primary)
        #expect(try await node.sliverStatus(name) == .nonexistent)
        let sliver = scene.sliver(0, .primary)
        #expect(try await node.store(sliver, as: name, height: nil) == .stored)
        #expect(try await node.store(sliver, as: name, height: nil) == .alreadyStored)
        #expect(try await node.sliverStatus(name) == .stored)
        guard case .verified(let found) = try await node.sliver(name) else {
            Issue.record("not as it was stored")
            return
        }
        #expect(found == sliver)
        let bytes = try await node.sliverBytes(name, range: 3..<40, of: sliver.bytes.count)
        #expect(bytes == Array(sliver.bytes[3..<40]))
        let metadata = try BlobMetadataWithID(
            bcsBytes: try await node.metadata(of: scene.encoded.blobID)
        )
        #expect(metadata == scene.encoded.metadata.withID)
    }

    @Test func unknownThingsAreRefusedByName() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        let unknown = BlobID(bytes: [UInt8](repeating: 7, count: 32))
        #expect(
            await refusal { _ = try await node.metadata(of: unknown) } == .metadataNotFound
        )
        #expect(
            await refusal { _ = try await node.sliver(scene.name(0, .primary)) }
                == .sliverNotFound
        )
        #expect(
            await refusal { _ = try await node.sliver(scene.name(1, .primary)) }
                == .shardNotAssigned
        )
        let beyond = SliverName(
            blob: scene.encoded.blobID,
            pair: SliverPairIndex(10),
            axis: .primary
        )
        #expect(await refusal { _ = try await node.sliver(beyond) } == .indexOutOfRange)
        #expect(await refusal { _ = try await node.sliverStatus(beyond) } == .indexOutOfRange)
        #expect(
            await refusal { _ = try await node.blocks(from: 0, limit: 1) } == .invalidRequest
        )
        #expect(try await node.status(of: unknown) == .nonexistent)
        #expect(try await node.blocks(from: 1000, limit: 5).isEmpty)
    }

    @Test func whatIsNotRegisteredIsNotStored() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        let other = try RedStuffEncoder(scene.parameters).encode([1, 2, 3])
        #expect(
            await refusal { _ = try await node.store(other.metadata, height: nil) }
                == .notRegistered
        )
        let pair = scene.parameters.pair(on: ShardIndex(0), of: other.blobID)
        let name = SliverName(blob: other.blobID, pair: pair, axis: .primary)
        #expect(
            await refusal {
                _ = try await node.store(other.pair(pair).primary, as: name, height: nil)
            } == .notRegistered
        )
        #expect(
            await refusal {
                _ = try await node.confirmation(
                    of: other.blobID,
                    persistence: .permanent,
                    height: nil
                )
            } == .notRegistered
        )
    }

    @Test func sliversOfOthersAreRefused() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        let name = scene.name(0, .primary)
        #expect(
            await refusal {
                _ = try await node.store(scene.sliver(0, .primary), as: name, height: nil)
            } == .metadataNotFound
        )
        _ = try await node.store(scene.encoded.metadata, height: nil)
        // Another pair's, the other axis's, and another blob's sliver of the same place.
        #expect(
            await refusal {
                _ = try await node.store(scene.sliver(1, .primary), as: name, height: nil)
            } == .sliverIndexMismatch
        )
        #expect(
            await refusal {
                _ = try await node.store(scene.sliver(0, .secondary), as: name, height: nil)
            } == .sliverIndexMismatch
        )
        let other = try RedStuffEncoder(scene.parameters).encode([1, 2, 3])
        #expect(
            await refusal {
                _ = try await node.store(
                    other.pair(scene.pair(of: 0)).primary,
                    as: name,
                    height: nil
                )
            } == .sliverIndexMismatch
        )
        #expect(
            await refusal {
                _ = try await node.store(
                    scene.sliver(1, .primary),
                    as: scene.name(1, .primary),
                    height: nil
                )
            } == .shardNotAssigned
        )
        let foreign = try RedStuffEncoder(EncodingParameters(shardCount: 7)).encode([1])
        #expect(
            await refusal { _ = try await node.store(foreign.metadata, height: nil) }
                == .invalidMetadata
        )
    }

    @Test func nothingIsConfirmedThatIsNotAllHere() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        #expect(await refusal { _ = try await scene.confirm(0) } == .missingSlivers)
        _ = try await node.store(scene.encoded.metadata, height: nil)
        #expect(await refusal { _ = try await scene.confirm(0) } == .missingSlivers)
        _ = try await node.store(
            scene.sliver(0, .primary),
            as: scene.name(0, .primary),
            height: nil
        )
        #expect(await refusal { _ = try await scene.confirm(0) } == .missingSlivers)
        _ = try await node.store(
            scene.sliver(0, .secondary),
            as: scene.name(0, .secondary),
            height: nil
        )
        _ = try await scene.confirm(0)
        // Only for the object and the persistence that are registered.
        let blob = scene.encoded.blobID
        #expect(
            await refusal {
                _ = try await node.confirmation(
                    of: blob,
                    persistence: .permanent,
                    height: nil
                )
            } == .notRegistered
        )
        #expect(
            await refusal {
                _ = try await node.confirmation(
                    of: blob,
                    persistence: .deletable(scene.volume.pool),
                    height: nil
                )
            } == .notRegistered
        )
    }

    @Test func rangesOutsideASliverAreRefused() async throws {
        let scene = try await Scene()
        try await scene.fill(0)
        let node = scene.network.nodes[0]
        let name = scene.name(0, .primary)
        let length = scene.encoded.metadata.sliverLength(.primary)
        #expect(try await node.sliverBytes(name, range: 0..<length, of: length).count == length)
        for range in [0..<length + 1, length..<length + 1, 5..<5, -1..<4] {
            #expect(
                await refusal { _ = try await node.sliverBytes(name, range: range, of: length) }
                    == .rangeNotSatisfiable
            )
        }
    }

    @Test func aFullDiskRefusesSliversAndServesOthers() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        _ = try await node.store(scene.encoded.metadata, height: nil)
        _ = try await node.store(
            scene.sliver(0, .primary),
            as: scene.name(0, .primary),
            height: nil
        )
        scene.network.stores[0].setFull(true)
        let late = scene.name(0, .secondary)
        #expect(
            await refusal {
                _ = try await node.store(scene.sliver(0, .secondary), as: late, height: nil)
            } == .storageFull
        )
        #expect(try await node.health().isFull)
        _ = try await node.sliver(scene.name(0, .primary))
        scene.network.stores[0].setFull(false)
        #expect(
            try await node.store(scene.sliver(0, .secondary), as: late, height: nil)
                == .stored
        )
        #expect(try await node.health().isFull == false)
        _ = try await scene.confirm(0)
    }

    @Test func aRottenSliverIsNotServedAndCanBeBroughtAgain() async throws {
        let scene = try await Scene()
        try await scene.fill(2)
        let node = scene.network.nodes[2]
        let name = scene.name(2, .primary)
        scene.network.stores[2].rot(name)
        #expect(await refusal { _ = try await node.sliver(name) } == .sliverNotFound)
        #expect(try await node.sliverStatus(name) == .nonexistent)
        #expect(await refusal { _ = try await scene.confirm(2) } == .missingSlivers)
        #expect(
            try await node.store(scene.sliver(2, .primary), as: name, height: nil) == .stored
        )
        _ = try await node.sliver(name)
        _ = try await scene.confirm(2)
    }

    @Test func aRequestWaitsForTheBlockThatItDependsOn() async throws {
        let time = ManualTimeSource()
        let scene = try await Scene(time: time, isLagging: true)
        let node = scene.network.nodes[0]
        let height = node.cursor.block.height + 1
        async let outcome = node.store(scene.encoded.metadata, height: height)
        while time.sleeperCount == 0 { await Task.yield() }
        try await scene.network.ledger.settle()
        #expect(try await outcome == .stored)
        #expect(time.sleeperCount == 0)
    }

    @Test func aRequestDoesNotWaitForEver() async throws {
        let time = ManualTimeSource()
        let scene = try await Scene(time: time, isLagging: true)
        let node = scene.network.nodes[0]
        let height = node.cursor.block.height + 1
        async let outcome = refusal {
            _ = try await node.store(scene.encoded.metadata, height: height)
        }
        while time.sleeperCount == 0 { await Task.yield() }
        time.advance(by: .seconds(5))
        #expect(await outcome == .notRegistered)
    }

    @Test func everyRefusalHasTheReferencesStatus() {
        for refusal in NodeRefusal.allCases {
            #expect([400, 403, 404, 416, 429, 500, 503].contains(refusal.code))
        }
        #expect(NodeRefusal.notRegistered.status == "FAILED_PRECONDITION")
        #expect(NodeRefusal.metadataNotFound.code == 404)
        #expect(NodeRefusal.metadataNotFound.statusWhenStoring == "FAILED_PRECONDITION")
        #expect(NodeRefusal.invalidSliver.status == "INVALID_ARGUMENT")
        #expect(NodeRefusal.rangeNotSatisfiable.code == 416)
    }
}
