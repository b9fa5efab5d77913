internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger
internal import Simulation
internal import SystemIO
internal import TestNetwork

/// What does harm on purpose in a run: a client that encodes wrongly, and liars that try to have
/// right blobs marked as invalid.
struct Malice: Sendable {
    private let scenario: Scenario
    private let life = SimulatedLife("mallory")
    private let time: SimulatedTime

    init(_ scenario: Scenario) {
        self.scenario = scenario
        time = scenario.site.time(of: 4000)
    }

    private var plan: Plan { scenario.plan }

    private func sender(_ key: SigningKey, _ number: UInt64) -> TransactionSender {
        TransactionSender(
            ledger: scenario.ledgerConnection(life),
            account: key,
            journal: MemoryTransactionJournal(),
            time: time,
            entropy: SeededEntropy(seed: plan.seed ^ 0x3A11 ^ number << 32)
        )
    }

    /// Starts all of it; none of it is awaited by anybody.
    func start() {
        let world = scenario.site.world
        for number in plan.liars.misencoded.indices {
            world.start { await self.storeMisencoded(number) }
        }
        for (node, _) in plan.liars.kinds.sorted(by: { $0.key < $1.key }) {
            world.start { await self.accuse(by: node) }
        }
    }

    func end() { life.end() }

    // MARK: A client that encodes wrongly

    private func storeMisencoded(_ number: Int) async {
        let (blob, _, skipped) = plan.liars.misencoded[number]
        let sender = sender(TestNetwork.key("mallory \(number)"), UInt64(number))
        let domain = SigningDomain(network: scenario.site.genesis.networkID, incarnation: 0)
        let nodes = scenario.nodes
        let connect = scenario.connect(life)
        while !life.isOver {
            do {
                let receipt = try await sender.execute(
                    [.createPool(capacity: 1 << 40, epochs: 50, funds: 0)],
                    label: "pool-\(number)"
                )
                let pool = ObjectID(of: receipt.transaction.digest, command: 0)
                while !life.isOver, !(try await isCertified(blob, pool, sender)) {
                    // A certificate that is not enough is refused, and it is tried again.
                    try? await blob.store(
                        in: pool,
                        sender: sender,
                        domain: domain,
                        skipping: Set(skipped.map { nodes[$0].identity }),
                        connect: connect
                    )
                    try await time.sleep(for: .seconds(1))
                }
                scenario.findings.change { $0.misencodedStored.insert(number) }
                scenario.site.record("mallory has stored \(blob.blobID)")
                return await read(blob)
            } catch {
                guard (try? await time.sleep(for: .seconds(1))) != nil else { return }
            }
        }
    }

    private func isCertified(
        _ blob: MisencodedBlob,
        _ pool: ObjectID,
        _ sender: TransactionSender
    ) async throws -> Bool {
        let status = try await sender.ledger.status(of: blob.blobID)
        if status.invalidSince != nil { return true }
        return try await sender.ledger.blob(blob.blobID, inPool: pool)?.certified != nil
    }

    /// Reads it until everything works: whoever gets bytes gets the same ones.
    private func read(_ blob: MisencodedBlob) async {
        while !life.isOver, scenario.site.world.clock.now < Plan.healing {
            await scenario.read(blob, as: life)
            guard (try? await time.sleep(for: .seconds(3))) != nil else { return }
        }
    }

    // MARK: Liars that accuse

    /// Shows everyone proofs that prove nothing, and brings the ledger what is signed of it.
    private func accuse(by node: Int) async {
        let key = scenario.nodes[node].key
        let sender = sender(key, UInt64(100 + node))
        let connect = scenario.connect(life)
        var random = SplitMix64(seed: plan.seed ^ UInt64(node) << 8)
        while !life.isOver, scenario.site.world.clock.now < Plan.healing {
            guard (try? await time.sleep(for: .seconds(4))) != nil else { return }
            let place = Int(random.below(UInt64(plan.blobs.count)))
            let blob = plan.blobs[place]
            guard let committee = try? await sender.ledger.committee(),
                let proof = try? forgery(place, isDamaged: random.below(2) == 0)
            else { continue }
            var signatures: [(member: Int, signature: Signature)] = []
            let message = ProtocolMessage.invalidBlobID(epoch: committee.epoch, blob: blob)
            for (index, member) in committee.members.enumerated() {
                // Most say no, and some nothing.
                let signed = try? await connect(member)
                    .attestation(ofInvalid: blob, shownBy: proof)
                if let signed { signatures.append((index, signed.signature)) }
            }
            let certificate = Certificate(message: message, signatures: signatures)
            _ = try? await sender.executeVolatile([.invalidateBlob(certificate)])
        }
    }

    /// Symbols that give the very sliver that the metadata describes, or one of which is none.
    private func forgery(_ place: Int, isDamaged: Bool) throws -> InconsistencyProof {
        let codec = RedStuffCodec(plan.parameters)
        let encoded = try RedStuffEncoder(codec).encode(plan.contents[place])
        let verifier = SliverVerifier(codec, encoded.metadata)
        let target = SliverIndex(0)
        let needed = plan.parameters.recoverySymbolsNeeded(for: .secondary)
        var symbols = try (0..<needed).map { row in
            try verifier.expand(encoded.sliver(.primary, SliverIndex(UInt16(row))))
                .recoverySymbol(for: target)
        }
        if isDamaged {
            var bytes = symbols[0].symbol.bytes
            bytes[0] ^= 1
            symbols[0] = RecoverySymbol(
                symbol: DecodingSymbol(index: symbols[0].symbol.index, bytes: bytes),
                proof: symbols[0].proof
            )
        }
        return InconsistencyProof(targetAxis: .secondary, targetIndex: target, symbols: symbols)
    }
}
