// A network of real services, ledger, nodes and clients, on simulated machines: everything that may
// break in the fault model (Docs/FaultModel.md) breaks for 45 seconds, and then it heals. What must
// hold always is checked (`Scenario+Safety.swift`), and that every node ends whole.

internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Simulation
internal import StorageNode
internal import Synchronization
internal import SystemIO
internal import TestNetwork

/// What came of a run.
struct Outcome: Sendable {
    var digest = ""
    /// What must never happen, and did.
    var violations: [String] = []
    var blocks = 0
    var blobsCertified = 0
    var sliversRecovered = 0
    /// When every node was whole, in seconds of the run.
    var wholeAt = 0
    var calls = SimulatedCalls.Counts()
    var readsGood = 0
    var heads = 0
    var deletions = 0
    /// Answers of liars that were taken for what they are.
    var lies = 0
    var liars = 0
    /// Blobs that were encoded wrongly, and what became of them.
    var misencoded = 0
    var invalidated = 0
    var epochs = 0
    /// Blocks that a ledger that was put back took from the nodes.
    var restored = 0
}

/// One run.
final class Scenario: Sendable {
    /// 2026-01-01, as genesis has it.
    static let start = TestNetwork.start

    struct Findings {
        var violations: [String] = []
        /// Blobs that nodes deleted, with how far the node had followed.
        var deletions: [(node: Int, blob: BlobID, height: UInt64)] = []
        /// Which nodes that lost nothing held all of a blob when the faults ended.
        var holders: [BlobID: Int] = [:]
        var heightAtHealing: UInt64 = 0
        var lies = 0
        var inconsistencies = 0
        /// Places of blobs in the plan of the liars.
        var misencodedStored: Set<Int> = []
        var invalidated = 0
        var wholeAt: UInt64?
    }

    let plan: Plan
    let site: Site
    let nodes: [NodeMachine]
    let ledger: LedgerMachine
    let clients: [ClientMachine]
    let promises = SharedPromises()
    // Guards what was found.
    let findings: Shared<Findings>

    init(seed: UInt64, sabotage: Plan.Sabotage = .none) throws {
        let plan = try Plan(seed: seed, sabotage: sabotage)
        self.plan = plan
        let keys = (0..<plan.nodes).map { TestNetwork.key("node \($0)") }
        let account = TestNetwork.key("alice")
        let genesis = try TestNetwork.genesis(
            keys,
            shards: plan.nodes,
            rules: GenesisRules(patienceMilliseconds: 3000),
            account: account,
            balance: 1_000_000_000,
            stake: { plan.unlucky.contains($0) ? 100 : 110 }
        )
        let world = SimulatedWorld(seed: seed)
        let site = Site(
            world: world,
            calls: SimulatedCalls(world, seed: seed ^ 0xFA17, faults: plan.network),
            genesis: genesis,
            seed: seed,
            sabotage: sabotage
        )
        self.site = site
        nodes = try (0..<plan.nodes).map {
            try NodeMachine($0, keys[$0], site, lies: plan.liars.kinds[$0])
        }
        ledger = LedgerMachine(
            TestNetwork.key("block"),
            site,
            mayBeRestored: plan.restoresLedger,
            liars: plan.liars.kinds.count
        )
        let findings = Shared(Findings())
        self.findings = findings
        let promises = promises
        clients = try (0..<2).map { index in
            try ClientMachine(
                index,
                site,
                plan,
                account: account,
                promises: promises
            ) { what in findings.change { $0.violations.append(what) } }
        }
    }

    func violation(_ what: String) {
        site.record("VIOLATION \(what)")
        findings.change { $0.violations.append(what) }
    }

    // MARK: Connections

    func ledgerConnection(_ life: SimulatedLife) -> any LedgerConnection {
        let ledger = ledger
        return SimulatedLedgerConnection(site.calls, from: life, to: "ledger") { ledger.target }
    }

    func connect(
        _ life: SimulatedLife
    ) -> @Sendable (CommitteeMember) -> any StorageNodeConnection {
        let (nodes, calls) = (nodes, site.calls)
        return { member in
            guard let node = nodes.first(where: { $0.identity == member.node }) else {
                return UnreachableNode(reason: "unknown")
            }
            return SimulatedNodeConnection(calls, from: life, to: node.name) {
                node.target(facing: life.name)
            }
        }
    }

    // MARK: Running

    func run() -> Outcome {
        site.world.start {
            do {
                try await self.ledger.start(connect: self.connect)
            } catch {
                self.violation("the ledger can not be made: \(error)")
            }
        }
        for node in nodes { start(node) }
        for client in clients { start(client) }
        let malice = Malice(self)
        malice.start()
        let administrator = Administrator(self)
        administrator.start()
        for event in plan.events {
            site.world.clock.schedule(after: event.time) { self.perform(event) }
        }
        watchPower()
        site.world.clock.schedule(after: Plan.healing) { self.heal() }
        var limit = Plan.healing
        site.world.run(upTo: limit)
        while limit < Plan.end, findings.read({ $0.wholeAt }) == nil {
            limit += 5 * Plan.second
            site.world.start { await self.lookWhetherWhole() }
            site.world.run(upTo: limit)
        }
        site.world.start { await self.checkAll() }
        site.world.run(upTo: limit + 60 * Plan.second)
        let outcome = outcome()
        malice.end()
        administrator.end()
        shutDown(at: limit + 60 * Plan.second)
        return outcome
    }

    /// Ends everything that still runs, so that nothing waits for ever for what never comes.
    private func shutDown(at now: UInt64) {
        for node in nodes { node.crash("ends") { $0 } }
        for client in clients { client.kill() }
        ledger.crash("ends") { $0 }
        site.world.run(upTo: now + 3600 * Plan.second)
    }

    func start(_ node: NodeMachine) {
        guard !node.isUp else { return }
        do {
            try node.start(ledger: ledgerConnection, connect: connect) { notice in
                self.noticed(notice, node.index)
            }
        } catch {
            if node.state.withLock({ $0.disk.faults.stepsUntilPowerCut == 0 }) {
                node.crash("lost power while it opened") { $0.crash(seed: self.plan.seed) }
                site.world.clock.schedule(after: Plan.second) { self.start(node) }
                return
            }
            // Rot in the newest segment keeps a node from opening: its operator replaces the disk.
            guard plan.unlucky.contains(node.index) else {
                return violation("\(node.name) does not open: \(error)")
            }
            site.record("\(node.name) does not open")
            do {
                try node.replaceDisk()
                try node.start(ledger: ledgerConnection, connect: connect) { notice in
                    self.noticed(notice, node.index)
                }
            } catch {
                violation("\(node.name) does not open on an empty disk: \(error)")
            }
        }
    }

    func start(_ client: ClientMachine) {
        client.start(ledger: ledgerConnection, connect: connect, notice: noticed)
    }

    private func noticed(_ notice: NodeNotice, _ index: Int) {
        site.record("node-\(index) notices: \(notice)")
        switch notice {
        case .deleted(let blob):
            guard let store = nodes[index].state.withLock({ $0.store }) else { return }
            do {
                let height = try store.cursor().block.height
                findings.change { $0.deletions.append((index, blob, height)) }
            } catch {
                violation("node-\(index) deleted \(blob), and does not know its height: \(error)")
            }
        case .inconsistent(let blob): foundInconsistent(blob, by: index)
        case .lie(let node, _, let what): accused(node, by: "node-\(index)", what)
        default: break
        }
    }

    private func perform(_ event: Plan.Event) {
        func later(_ body: @escaping @Sendable () -> Void) {
            // What is down when the network heals is started then.
            guard site.world.clock.now + event.pause < Plan.healing else { return }
            site.world.clock.schedule(after: event.pause) { body() }
        }
        func crash(
            _ index: Int,
            _ what: String,
            _ after: (InMemoryFileSystem) -> InMemoryFileSystem
        ) {
            nodes[index].crash(what, after)
            later { self.start(self.nodes[index]) }
        }
        switch event.fault {
        case .kill(let node): crash(node, "is killed") { $0.kill() }
        case .powerCut(let node, let seed): crash(node, "loses power") { $0.crash(seed: seed) }
        case .powerCutAtStep(let node, let steps):
            nodes[node].state.withLock { $0.disk.faults.stepsUntilPowerCut = steps }
        case .save(let node):
            nodes[node].state.withLock { $0.saved = $0.disk.frozen() }
        case .older(let node):
            guard let saved = nodes[node].state.withLock({ $0.saved }) else { return }
            crash(node, "gets an older disk") { _ in saved.kill() }
        case .wipe(let node):
            nodes[node].crash("loses its disk") { $0 }
            do {
                try nodes[node].replaceDisk()
            } catch {
                violation("no empty disk can be made: \(error)")
            }
            later { self.start(self.nodes[node]) }
        case .rot(let node):
            var random = SplitMix64(seed: plan.seed ^ event.time)
            nodes[node].rot(&random)
        case .ledger(let seed, let isKill):
            guard ledger.state.withLock({ $0.host != nil }) else { return }
            ledger.crash(isKill ? "is killed" : "loses power") {
                isKill ? $0.kill() : $0.crash(seed: seed)
            }
            later { self.startLedger() }
        case .saveLedger: ledger.save()
        case .olderLedger: if ledger.restore() { later { self.startLedger() } }
        case .client(let index):
            clients[index].kill()
            later { self.start(self.clients[index]) }
        }
    }

    private func startLedger() {
        guard ledger.state.withLock({ $0.life == nil }) else { return }
        site.world.start {
            do {
                try await self.ledger.start(connect: self.connect)
            } catch {
                self.violation("the ledger does not open: \(error)")
            }
        }
    }

    /// Notices machines whose power went in the middle of a write, and starts them again.
    private func watchPower() {
        for node in nodes where hasLostPower(node) {
            site.world.clock.schedule(after: Plan.second) { self.start(node) }
        }
        if site.world.clock.now < Plan.healing {
            site.world.clock.schedule(after: Plan.second / 10) { self.watchPower() }
        }
    }

    /// Whether the power has gone in the middle of a write; if so, the machine is down from now on.
    private func hasLostPower(_ node: NodeMachine) -> Bool {
        let isOff = node.state.withLock { state in
            state.life != nil && state.disk.faults.stepsUntilPowerCut == 0
        }
        let seed = plan.seed ^ site.world.clock.now
        if isOff { node.crash("lost power in a write") { $0.crash(seed: seed) } }
        return isOff
    }

    /// Everything works from here on: what is down comes back.
    private func heal() {
        site.record("heals")
        for node in nodes {
            if !hasLostPower(node), plan.endsInDarkness, node.isUp {
                // Of a disk that lies nothing is left that was not synced, and that is all.
                let seed = plan.sabotage == .lyingDisks ? 0 : plan.seed
                node.crash("loses power") { $0.crash(seed: seed) }
            }
            node.state.withLock { $0.disk.faults.stepsUntilPowerCut = nil }
            start(node)
        }
        startLedger()
        for client in clients {
            client.kill()
            start(client)
        }
        countHolders()
    }

    private func outcome() -> Outcome {
        var outcome = Outcome()
        findings.read { findings in
            outcome.violations = findings.violations
            outcome.wholeAt = Int((findings.wholeAt ?? 0) / Plan.second)
            outcome.deletions = findings.deletions.count
            outcome.lies = findings.lies
            outcome.misencoded = findings.misencodedStored.count
            outcome.invalidated = findings.invalidated
            outcome.blobsCertified = findings.holders.count
        }
        for node in nodes {
            guard let running = node.state.withLock({ $0.node }) else { continue }
            outcome.sliversRecovered += running.recoveryStatus.sliversRecovered
            outcome.blocks = max(outcome.blocks, Int(running.cursor.block.height))
            site.record("\(node.name) ends at \(running.cursor.block)")
        }
        promises.read { promises in
            outcome.readsGood = promises.readsGood
            outcome.heads = promises.heads.count
        }
        outcome.epochs = plan.epochs.changes.count
        outcome.liars = plan.liars.kinds.count
        outcome.restored = ledger.state.withLock { $0.blocksRestored }
        outcome.calls = site.calls.counts
        outcome.digest = site.world.trace.digest
        return outcome
    }
}

/// A value that tasks of one run share.
final class Shared<Value: Sendable>: Sendable {
    // Guards the value.
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    func read<Result>(_ body: (Value) -> Result) -> Result { state.withLock { body($0) } }
    func change(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}
