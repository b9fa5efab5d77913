internal import BlobModel
internal import ErasureCoding
internal import Simulation
internal import SystemIO

/// What happens in one run, all of it from its seed.
///
/// The plan keeps to the fault model: bits rot, and disks are lost or put back older, on at most f
/// nodes, the *unlucky* ones. Everything else, crashes of any kind at any step among it, may
/// happen to everybody, and to many at a time, until the network heals.
struct Plan {
    enum Fault: Sendable, Equatable {
        /// The process ends; what it wrote is there.
        case kill(Int)
        /// The disk keeps what was synced, and some of the rest.
        case powerCut(Int, seed: UInt64)
        /// The power goes so many writes later.
        case powerCutAtStep(Int, steps: Int)
        /// The disk is lost.
        case wipe(Int)
        /// The disk is kept as it is, for `older`.
        case save(Int)
        /// The disk that was kept comes back.
        case older(Int)
        case rot(Int)
        case ledger(seed: UInt64, isKill: Bool)
        /// The ledger's disk is kept as it is, for `olderLedger`.
        case saveLedger
        /// The disk that was kept comes back, as a backup does.
        case olderLedger
        case client(Int)
    }

    struct Event: Sendable {
        let time: UInt64
        let fault: Fault
        /// How long the machine is down.
        let pause: UInt64
    }

    static let second: UInt64 = 1_000_000_000
    /// From here on everything works.
    static let healing = 45 * second
    /// By then every node must be whole.
    static let end = 900 * second

    /// A fault outside of the model, which the checks must notice: who watches the watchmen.
    enum Sabotage: Sendable {
        case none
        /// Syncs of all nodes' disks do nothing.
        case lyingDisks
        /// Nodes recover nothing.
        case noRecovery
        /// All nodes but one confirm what they do not store.
        case tooManyLiars
        /// Nodes tell the ledger of no inconsistent blob.
        case noInvalidation
    }

    let seed: UInt64
    let sabotage: Sabotage
    /// Whether the power goes everywhere at once in the moment in which the network heals.
    let endsInDarkness: Bool
    let nodes: Int
    let faulty: Int
    /// Nodes that may lose what they have stored.
    let unlucky: [Int]
    let liars: LiarPlan
    let epochs: EpochPlan
    let network: NetworkFaults
    let events: [Event]
    /// Whether an older copy of the ledger comes back.
    ///
    /// Nodes do not sync each block that they get, so the power goes nowhere in such a run
    /// (Docs/Decisions/0192-followers-keep-blocks-first.md).
    let restoresLedger: Bool
    /// What is stored, and the blob ids that it will have.
    let contents: [[UInt8]]
    let blobs: [BlobID]
    let parameters: EncodingParameters

    init(seed: UInt64, sabotage: Sabotage = .none) throws {
        self.seed = seed
        self.sabotage = sabotage
        var random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 11)
        let nodes = [4, 4, 7][Int(random.below(3))]
        self.nodes = nodes
        faulty = (nodes - 1) / 3
        var order = Array(0..<nodes)
        for index in order.indices.dropFirst() {
            order.swapAt(index, Int(random.below(UInt64(index) + 1)))
        }
        unlucky = Array(order.prefix(faulty))
        liars = try LiarPlan(seed: seed, nodes: nodes, unlucky: unlucky, sabotage)
        epochs = EpochPlan(seed: seed, nodes: nodes, unlucky: unlucky)
        network = Self.network(&random, nodes: nodes)
        let planned = Self.events(&random, nodes: nodes, unlucky: unlucky)
        restoresLedger = seed % 4 == 3 && sabotage == .none
        events = restoresLedger ? Self.restoring(planned, seed) : planned
        contents = (0..<4 + Int(random.below(4))).map { index in
            SeededEntropy(seed: seed ^ UInt64(index) << 40)
                .bytes(count: Int(random.below(1500)))
        }
        let isDark = random.below(3) == 0 || sabotage == .lyingDisks
        endsInDarkness = isDark && !restoresLedger
        let parameters = try EncodingParameters(shardCount: nodes)
        self.parameters = parameters
        let encoder = RedStuffEncoder(parameters)
        blobs = try contents.map { try encoder.encode($0).blobID }
    }

    private static func network(_ random: inout SplitMix64, nodes: Int) -> NetworkFaults {
        var faults = NetworkFaults()
        let isRough = random.below(3) > 0
        faults.lostPerMille = isRough ? random.below(120) : 0
        faults.doubledPerMille = isRough ? random.below(80) : 0
        faults.delay = 100_000...(1_000_000 + random.below(isRough ? 300_000_000 : 5_000_000))
        faults.quietFrom = healing
        for _ in 0..<random.below(3) {
            let start = random.below(healing * 3 / 4)
            let length = random.below(12 * second)
            var isolated = ["ledger", "client-0", "client-1"].filter { _ in
                random.below(4) == 0
            }
            isolated += (0..<nodes).filter { _ in random.below(3) == 0 }.map { "node-\($0)" }
            faults.partitions.append(
                .init(time: start..<min(start + length, healing), isolated: isolated)
            )
        }
        return faults
    }

    /// The events with kills in the place of power cuts, and an older copy of the ledger.
    private static func restoring(_ events: [Event], _ seed: UInt64) -> [Event] {
        var random = SplitMix64(seed: seed ^ 0x01DE)
        let saved = second + random.below(healing / 2)
        let restored = saved + random.below(healing - 2 * second - saved)
        let copies = [(saved, Fault.saveLedger), (restored, .olderLedger)].map { time, fault in
            Event(time: time, fault: fault, pause: random.below(3 * second))
        }
        let milder = events.map { event in
            switch event.fault {
            case .powerCut(let node, _), .powerCutAtStep(let node, _):
                Event(time: event.time, fault: .kill(node), pause: event.pause)
            case .ledger(let seed, _):
                Event(
                    time: event.time,
                    fault: .ledger(seed: seed, isKill: true),
                    pause: event.pause
                )
            default: event
            }
        }
        return (milder + copies).sorted { $0.time < $1.time }
    }

    private static func events(
        _ random: inout SplitMix64,
        nodes: Int,
        unlucky: [Int]
    ) -> [Event] {
        var events: [Event] = []
        func add(_ fault: Fault) {
            events.append(
                Event(
                    time: second + random.below(healing - 2 * second),
                    fault: fault,
                    pause: random.below(10 * second)
                )
            )
        }
        for _ in 0..<random.below(7) {
            let node = Int(random.below(UInt64(nodes)))
            switch random.below(3) {
            case 0: add(.kill(node))
            case 1: add(.powerCut(node, seed: random.below(5) == 0 ? 0 : random.next()))
            default: add(.powerCutAtStep(node, steps: 1 + Int(random.below(40))))
            }
        }
        for node in unlucky {
            switch random.below(4) {
            case 0: add(.wipe(node))
            case 1:
                add(.save(node))
                add(.older(node))
            case 2:
                for _ in 0..<1 + random.below(4) { add(.rot(node)) }
            default: break
            }
        }
        if random.below(3) == 0 {
            add(.ledger(seed: random.next(), isKill: random.below(2) == 0))
        }
        for _ in 0..<random.below(3) { add(.client(Int(random.below(2)))) }
        return events.sorted { $0.time < $1.time }
    }
}
