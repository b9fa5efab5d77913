import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import SystemIO
import TestNetwork
import Testing

/// Blobs that a client has encoded wrongly, from the node that finds out to every node's disk.
@Suite struct InvalidityTests {
    /// A network of ten with a misencoded blob that the seventh node has nothing of.
    struct Scene {
        static let victim = 6
        let network: TestNetwork
        let blob: MisencodedBlob
        let pool: ObjectID
        let notices = Notices()
        /// The victim with an ear on what it notices.
        let node: StorageNode

        init(
            _ kind: MisencodedBlob.Kind = .crossed,
            time: any TimeSource = LinuxTimeSource()
        ) async throws {
            network = try TestNetwork(time: time)
            pool = try await network.looseStore(try await network.client()).pool
            var blob = try MisencodedBlob(TestNetwork.bytes(4000), kind, shards: 10)
            // Of a row that nobody can have, its holder is the one without.
            var seed: UInt64 = 8
            while kind == .noRow, !Self.isVictims(blob) {
                blob = try MisencodedBlob(TestNetwork.bytes(4000, seed: seed), kind, shards: 10)
                seed += 1
            }
            self.blob = blob
            let nodes = network.nodes
            let domain = SigningDomain(network: network.genesis.networkID, incarnation: 0)
            try await blob.store(
                in: pool,
                sender: network.sender(),
                domain: domain,
                skipping: [nodes[Self.victim].configuration.node],
                connect: network.connections()
            )
            let notices = notices
            var configuration = nodes[Self.victim].configuration
            configuration.entropy = SeededEntropy(seed: 5)
            node = try StorageNode(
                configuration: configuration,
                store: network.stores[Self.victim],
                pool: BlockingPool(threads: 0),
                time: time
            ) { notices.add("\($0)") }
            network.ledger.add(node)
        }

        private static func isVictims(_ blob: MisencodedBlob) -> Bool {
            let parameters = blob.metadata.parameters
            let pair = parameters.pair(of: SliverIndex(0), .primary)
            return parameters.shard(holding: pair, of: blob.blobID).rawValue == UInt16(victim)
        }

        /// Has the victim recover until `isDone`.
        func recover(
            connect: @escaping TestNetwork.Connect = { $1 },
            invalidate: InvalidateBlob? = nil,
            until isDone: @escaping @Sendable (RecoveryStatus) async throws -> Bool
        ) async throws {
            let (node, peers) = (node, network.connections(connect))
            let sender = network.sender()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await node.recover(
                        connect: peers,
                        invalidate: invalidate ?? { try await sender.invalidate($0) }
                    )
                }
                while try await !isDone(node.recoveryStatus) {
                    try await Task.sleep(for: .milliseconds(1))
                }
                group.cancelAll()
            }
        }

        var isInvalid: Bool {
            get async throws {
                try await network.ledger.status(of: blob.blobID).invalidSince != nil
            }
        }

        func recoverUntilInvalid(connect: @escaping TestNetwork.Connect = { $1 }) async throws {
            try await recover(connect: connect) {
                try await isInvalid && $0.isScanned && $0.blobsIncomplete == 0
            }
        }

        func name(_ index: Int, _ axis: SliverAxis) -> SliverName {
            let pair = blob.metadata.parameters.pair(
                on: ShardIndex(UInt16(index)),
                of: blob.blobID
            )
            return SliverName(blob: blob.blobID, pair: pair, axis: axis)
        }

        /// A proof from what all ten nodes have.
        func proof(_ axis: SliverAxis = .secondary) throws -> InconsistencyProof {
            let codec = RedStuffCodec(blob.metadata.parameters)
            let verifier = SliverVerifier(codec, blob.metadata)
            let target = SliverIndex(2)
            let symbols = try (0..<10 as Range<UInt16>).map { source in
                let sliver = try #require(blob.sliver(axis.orthogonal, SliverIndex(source)))
                return try verifier.expand(sliver).recoverySymbol(for: target)
            }
            do throws(SliverRecoveryError) {
                _ = try SliverRecovery(codec, blob.metadata).recover(axis, target, from: symbols)
            } catch .inconsistent(let proof) {
                return proof
            }
            throw NodeError.malformed("the blob is consistent")
        }
    }

    private func refusal(_ body: () async throws -> Void) async -> NodeRefusal? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? NodeError)?.refusal
        }
    }

    @Test(arguments: MisencodedBlob.Kind.allCases)
    func whoeverCanNotRecoverASliverHasTheBlobInvalidatedEverywhere(
        kind: MisencodedBlob.Kind
    ) async throws {
        // A wrong row or column is not in every way of recovering the others.
        let scene = try await Scene(kind)
        try await scene.recover {
            if try await scene.isInvalid { return true }
            return $0.isScanned && $0.blobsIncomplete == 0
        }
        guard try await scene.isInvalid else {
            #expect(kind != .crossed && kind != .noRow)
            #expect(scene.notices.all.isEmpty)
            return
        }
        let id = scene.blob.blobID
        #expect(scene.notices.all.contains("blob \(id) was encoded inconsistently"))
        #expect(!scene.notices.all.contains { $0.contains("lies") })
        for (index, node) in scene.network.nodes.enumerated() {
            guard case .invalid = try await node.status(of: id) else {
                Issue.record("node \(index) does not know")
                continue
            }
            try await expectRefused(by: node, index, scene)
        }
    }

    /// Every request that is about the blob.
    private func expectRefused(by node: StorageNode, _ index: Int, _ scene: Scene) async throws {
        let id = scene.blob.blobID
        let proof = InconsistencyProof(
            targetAxis: .primary,
            targetIndex: SliverIndex(0),
            symbols: []
        )
        let refusals = [
            await refusal { _ = try await node.metadata(of: id) },
            await refusal { _ = try await node.metadataStatus(of: id) },
            await refusal { _ = try await node.store(scene.blob.metadata, height: nil) },
            await refusal {
                _ = try await node.recoverySymbols(
                    of: id,
                    RecoverySymbolsRequest(.target(.primary, SliverIndex(0)))
                )
            },
            await refusal {
                _ = try await node.decodingSymbols(of: id, for: [SliverIndex(0)], .primary)
            },
            await refusal {
                _ = try await node.confirmation(of: id, persistence: .permanent, height: nil)
            },
            await refusal { _ = try await node.attestation(ofInvalid: id, shownBy: proof) },
        ]
        #expect(refusals == Array(repeating: NodeRefusal.invalidBlob, count: refusals.count))
        for axis in SliverAxis.allCases {
            let name = scene.name(index, axis)
            #expect(await refusal { _ = try await node.sliver(name) } == .invalidBlob)
            #expect(await refusal { _ = try await node.sliverStatus(name) } == .invalidBlob)
            let range = await refusal {
                _ = try await node.sliverBytes(name, range: 0..<1, of: 1000)
            }
            #expect(range == .invalidBlob)
            guard let sliver = scene.blob.sliver(axis, SliverIndex(0)) else { continue }
            let index = scene.blob.metadata.parameters.pair(of: SliverIndex(0), axis)
            guard index == name.pair else { continue }
            let stored = await refusal { _ = try await node.store(sliver, as: name, height: nil) }
            #expect(stored == .invalidBlob)
        }
    }

    @Test func whatIsInvalidIsDeletedAfterTheGrace() async throws {
        let time = ManualTimeSource()
        let scene = try await Scene(time: time)
        try await scene.recoverUntilInvalid()
        let id = scene.blob.blobID
        for (node, store) in zip(scene.network.nodes, scene.network.stores) {
            #expect(try await node.collectGarbage() == 0)
            #expect(store.hasMetadata(of: id))
        }
        time.advance(by: .seconds(601))
        for (index, node) in scene.network.nodes.enumerated() {
            #expect(try await node.collectGarbage() == 1)
            let store = scene.network.stores[index]
            #expect(!store.hasMetadata(of: id))
            for axis in SliverAxis.allCases {
                #expect(!store.hasSliver(scene.name(index, axis)))
            }
            // Gone, and known to be for what reason.
            #expect(await refusal { _ = try await node.metadata(of: id) } == .invalidBlob)
        }
    }

    @Test func nodesThatLieOrAreSilentDoNotKeepABlobValid() async throws {
        for fault in [FaultyNode.Fault.garbage, .stalled, .down] {
            let scene = try await Scene()
            try await scene.recoverUntilInvalid { index, node in
                FaultyNode(node, [1, 4, 8].contains(index) ? fault : .none)
            }
            let liars = scene.notices.all.filter { $0.contains("lies") }
            for line in liars {
                let isOfALiar = [1, 4, 8].contains { index in
                    line.contains("\(scene.network.nodes[index].configuration.node)")
                }
                #expect(isOfALiar, "\(line)")
            }
        }
    }

    /// One less than must be right: nothing is brought to the ledger, and it is tried again.
    @Test func fewerThanOneCorrectNodesInvalidateNothing() async throws {
        let scene = try await Scene()
        let asked = Notices()
        try await scene.recover(
            // Symbols come from all of them, attestations from two and from the victim itself.
            connect: { index, node in FaultyNode(node, index < 2 ? .none : .mute) },
            invalidate: { _ in asked.add("submitted") },
            until: { _ in
                scene.notices.all.contains { $0.contains("3 of 10 shards attest it, 4 are needed") }
            }
        )
        #expect(asked.all.isEmpty)
        #expect(try await !scene.isInvalid)
        #expect(!scene.notices.all.contains { $0.contains("lies") })
    }

    /// Nodes that have nothing to hold the proof against are given it.
    @Test func whoHasNoMetadataIsBroughtItBeforeTheProof() async throws {
        let scene = try await Scene()
        let id = scene.blob.blobID
        let proof = try scene.proof()
        for index in 0..<4 {
            scene.network.stores[index].forgetMetadata(of: id)
            let node = scene.network.nodes[index]
            let refusal = await refusal {
                _ = try await node.attestation(ofInvalid: id, shownBy: proof)
            }
            #expect(refusal == .metadataNotFound)
        }
        try await scene.recoverUntilInvalid { index, node in
            FaultyNode(node, index < 4 ? .none : .mute)
        }
    }

    @Test func proofsThatShowNothingAreNotAttested() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        let id = scene.blob.blobID
        let proof = try scene.proof()
        _ = try await node.attestation(ofInvalid: id, shownBy: proof)
        var damaged = proof.symbols
        var bytes = damaged[0].symbol.bytes
        bytes[0] ^= 1
        damaged[0] = RecoverySymbol(
            symbol: DecodingSymbol(index: damaged[0].symbol.index, bytes: bytes),
            proof: damaged[0].proof
        )
        var repeated = proof.symbols
        repeated[1] = repeated[0]
        let stored = TestNetwork.bytes(3000)
        let honest = try await scene.network.looseStore(scene.network.client()).store
            .store(stored).blob
        let forged: [(BlobID, SliverAxis, SliverIndex, [RecoverySymbol])] = [
            (id, .secondary, proof.targetIndex, damaged),
            (id, .secondary, proof.targetIndex, repeated),
            (id, .secondary, proof.targetIndex, proof.symbols.dropLast()),
            (id, .secondary, proof.targetIndex, []),
            (id, .secondary, SliverIndex(3), proof.symbols),
            (id, .secondary, SliverIndex(999), proof.symbols),
            (id, .primary, proof.targetIndex, proof.symbols),
            (honest, .secondary, proof.targetIndex, proof.symbols),
            (honest, .secondary, proof.targetIndex, try symbols(of: stored, proof.targetIndex)),
        ]
        for (blob, axis, target, symbols) in forged {
            let forgery = InconsistencyProof(
                targetAxis: axis,
                targetIndex: target,
                symbols: symbols
            )
            #expect(
                await refusal { _ = try await node.attestation(ofInvalid: blob, shownBy: forgery) }
                    == .invalidProof
            )
        }
    }

    /// The symbols of a blob that give the column that it has.
    private func symbols(of blob: [UInt8], _ target: SliverIndex) throws -> [RecoverySymbol] {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 10))
        let encoded = try RedStuffEncoder(codec).encode(blob)
        let verifier = SliverVerifier(codec, encoded.metadata)
        return try (0..<4 as Range<UInt16>).map { row in
            try verifier.expand(encoded.sliver(.primary, SliverIndex(row)))
                .recoverySymbol(for: target)
        }
    }
}
