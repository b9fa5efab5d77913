internal import BlobClient
internal import BlobModel
internal import ErasureCoding
internal import Ledger
internal import Simulation
internal import StorageNode
internal import SystemIO
internal import TestNetwork

/// The changes of epochs in one run.
///
/// One honest node gives up its shards with the first change and wants some again from the second
/// on. Others that lose nothing have more stake than the unlucky ones, so that these never hold
/// more shards than may be faulty.
struct EpochPlan {
    /// When an administrator begins to end an epoch.
    let changes: [UInt64]
    /// The node that goes and comes back.
    let wanderer: Int

    init(seed: UInt64, nodes: Int, unlucky: [Int]) {
        var random = SplitMix64(seed: seed &* 0x6C62_272E &+ 41)
        let count = random.below(3) == 0 ? 2 + random.below(3) : 0
        changes = (0..<count).map { (3 + 9 * $0) * Plan.second + random.below(6 * Plan.second) }
        let lucky = (0..<nodes).filter { !unlucky.contains($0) }
        wanderer = lucky[Int(random.below(UInt64(lucky.count)))]
    }

    var isEmpty: Bool { changes.isEmpty }
}

/// Ends epochs when the plan says so, however long that takes.
struct Administrator: Sendable {
    private let scenario: Scenario
    private let life = SimulatedLife("administrator")
    private let time: SimulatedTime

    init(_ scenario: Scenario) {
        self.scenario = scenario
        time = scenario.site.time(of: 4500)
    }

    func start() {
        let world = scenario.site.world
        for (number, at) in scenario.plan.epochs.changes.enumerated() {
            world.clock.schedule(after: at) { [self] in
                world.start { await change(from: Epoch(number)) }
            }
        }
    }

    func end() { life.end() }

    private func sender(_ key: SigningKey, _ number: UInt64) -> TransactionSender {
        TransactionSender(
            ledger: scenario.ledgerConnection(life),
            account: key,
            journal: MemoryTransactionJournal(),
            time: time,
            entropy: SeededEntropy(seed: scenario.plan.seed ^ 0xAD31 ^ number << 32)
        )
    }

    /// Ends that epoch once the ones before have ended and their shards have come.
    private func change(from epoch: Epoch) async {
        let node = scenario.nodes[scenario.plan.epochs.wanderer]
        let administrator = sender(TestNetwork.administrator, UInt64(epoch))
        let owner = sender(node.key, 100 + UInt64(epoch))
        while !life.isOver {
            do {
                let now = try await administrator.ledger.info().epoch
                if now > epoch { return }
                if now == epoch {
                    let wants = epoch > 0
                    _ = try await owner.executeVolatile([.setCandidacy(node.identity, wants)])
                    _ = try await administrator.executeVolatile([.advanceEpoch(from: epoch)])
                    scenario.site.record("epoch \(epoch) ends")
                    return
                }
            } catch {
                // The change before is not over, or the ledger is away: later.
            }
            guard (try? await time.sleep(for: .seconds(1))) != nil else { return }
        }
    }
}

extension NodeMachine {
    /// How the node changes its shards.
    func migration(
        _ ledger: any LedgerConnection,
        _ entropy: any Entropy,
        connect: @escaping ConnectPeer
    ) -> ShardMigration {
        let identity = identity
        let sender = TransactionSender(
            ledger: ledger,
            account: key,
            journal: MemoryTransactionJournal(),
            time: site.time(of: index),
            entropy: entropy
        )
        return ShardMigration(
            connect: { connect($0) as? any ShardSource },
            peer: connect,
            report: { epoch in
                _ = try await sender.executeVolatile([.reportSync(identity, epoch: epoch)])
            }
        )
    }
}
