internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LedgerService
internal import Simulation
internal import StorageNode
internal import Synchronization
internal import SystemIO
internal import TestNetwork

/// What must hold although some lie.
extension Scenario {
    var misencoded: [MisencodedBlob] { plan.liars.misencoded.map(\.blob) }

    func isHonest(_ node: NodeMachine) -> Bool { plan.liars.kinds[node.index] == nil }

    /// Somebody was called a liar.
    func accused(_ node: NodeID, by who: String, _ what: String) {
        guard let machine = nodes.first(where: { $0.identity == node }), !isHonest(machine) else {
            return violation("\(who) calls \(node) a liar: \(what)")
        }
        findings.change { $0.lies += 1 }
    }

    func foundInconsistent(_ blob: BlobID, by index: Int) {
        guard misencoded.contains(where: { $0.blobID == blob }) else {
            return violation("node-\(index) finds \(blob) inconsistent, which is not")
        }
        findings.change { $0.inconsistencies += 1 }
    }

    /// A client in a life of its own that tells whom it takes for a liar.
    func reader(_ life: SimulatedLife, number: Int) async throws -> BlobClient {
        let world = site.world
        return try await BlobClient.make(
            ledger: ledgerConnection(life),
            environment: ClientEnvironment(
                time: site.time(of: number),
                entropy: SeededEntropy(seed: plan.seed ^ UInt64(number)),
                compute: BlockingPool(threads: 0),
                spawn: { world.start($0) },
                notice: { self.noticed($0, by: life) }
            ),
            connect: connect(life)
        )
    }

    func noticed(_ notice: ClientNotice, by life: SimulatedLife) {
        guard !life.isOver, case .lie(let node, let what) = notice else { return }
        accused(node, by: life.name, what)
    }

    /// Reads a blob that was encoded wrongly, which fails or gives what its source rows say.
    func read(_ blob: MisencodedBlob, as life: SimulatedLife) async {
        let bytes: [UInt8]
        do {
            let client = try await reader(life, number: 5000)
            bytes = try await client.read(
                blob.blobID,
                range: 0..<blob.metadata.unencodedLength,
                authentication: .store
            )
        } catch {
            return
        }
        if bytes != blob.bytes { violation("\(blob.blobID) was read in another way") }
    }

    // MARK: In the end

    /// Whether honest nodes hold what was encoded wrongly, or know that it is invalid.
    func isSettled(_ blob: MisencodedBlob, _ host: LedgerHost) async throws -> Bool {
        let status = try await host.status(of: blob.blobID)
        let isInvalid = status.invalidSince != nil
        guard isInvalid || status.hasCertified else { return false }
        for node in nodes where isHonest(node) {
            guard let running = node.state.withLock({ $0.node }) else { return false }
            let says: Bool
            if case .invalid = try await running.status(of: blob.blobID) {
                says = true
            } else {
                says = false
            }
            guard says == isInvalid, isInvalid || holdsAll(blob.blobID, node) else { return false }
        }
        return true
    }

    /// Right blobs are not invalid, and wrong ones are so everywhere, or give everyone the same.
    func checkLiars(_ host: LedgerHost) async throws {
        for blob in plan.blobs where try await host.status(of: blob).invalidSince != nil {
            violation("\(blob) was encoded rightly, and is invalid")
        }
        for (blob, kind, skipped) in plan.liars.misencoded {
            let isInvalid = try await host.status(of: blob.blobID).invalidSince != nil
            if isInvalid { findings.change { $0.invalidated += 1 } }
            if !isInvalid, kind == .crossed, !skipped.isEmpty {
                violation("\(blob.blobID) had to be recovered, and is not invalid")
            }
            let life = SimulatedLife("judge")
            let client = try await reader(life, number: 6000)
            do throws(BlobStoreError) {
                let bytes = try await client.read(
                    blob.blobID,
                    range: 0..<blob.metadata.unencodedLength,
                    authentication: .store
                )
                if isInvalid || bytes != blob.bytes { violation("\(blob.blobID) was read") }
            } catch {
                guard error == .inconsistent(blob.blobID) else {
                    violation("\(blob.blobID) does not read, because of \(error)")
                    continue
                }
            }
            if isInvalid { try await checkRefused(blob) }
        }
    }

    private func checkRefused(_ blob: MisencodedBlob) async throws {
        for node in nodes where isHonest(node) {
            guard let running = node.state.withLock({ $0.node }) else { continue }
            do throws(NodeError) {
                _ = try await running.metadata(of: blob.blobID)
                violation("\(node.name) serves \(blob.blobID), which is invalid")
            } catch {
                if error.refusal != .invalidBlob {
                    violation("\(node.name) says of an invalid blob: \(error)")
                }
            }
        }
    }
}
