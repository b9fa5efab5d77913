internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LedgerService
internal import Simulation
internal import StorageNode
internal import Synchronization
internal import SystemIO
internal import TestNetwork

/// What must hold, whatever has happened; and what must come true once everything works.
extension Scenario {
    // MARK: When the faults end

    /// Notes which nodes that lost nothing hold all of a blob, before anything is recovered.
    func countHolders() {
        for blob in plan.blobs {
            let count = nodes.indices.count { index in
                !plan.unlucky.contains(index) && holdsAll(blob, nodes[index])
            }
            findings.change { $0.holders[blob] = count }
        }
        let height = nodes.compactMap { $0.state.withLock { $0.node?.cursor.block.height } }.max()
        findings.change { $0.heightAtHealing = height ?? 0 }
    }

    func holdsAll(_ blob: BlobID, _ machine: NodeMachine) -> Bool {
        let (node, running) = machine.state.withLock { ($0.node, $0.store) }
        guard let node, let store = running else { return false }
        let names = node.shards.flatMap { shard in
            let pair = plan.parameters.pair(on: ShardIndex(shard), of: blob)
            return SliverAxis.allCases.map { SliverName(blob: blob, pair: pair, axis: $0) }
        }
        do {
            return try names.isEmpty
                || store.hasMetadata(of: blob)
                    && names.allSatisfy { try store.sliver($0) != nil }
        } catch {
            return false
        }
    }

    // MARK: Until everything is whole

    func lookWhetherWhole() async {
        guard clients.allSatisfy(\.isDone), let host = ledger.state.withLock({ $0.host }) else {
            return
        }
        // No chain has parted here, so whoever says so is mistaken.
        if let objection = host.objection { violation("\(objection)") }
        do {
            let epoch = try await host.epochState()
            guard epoch.change == nil,
                Int(epoch.committee.epoch) == plan.epochs.changes.count
            else { return }
            let tip = try await host.head()?.header.height ?? 0
            let certified = try await certified(host)
            let stored = findings.read { $0.misencodedStored.count }
            guard stored == plan.liars.misencoded.count else { return }
            for blob in misencoded where try await !isSettled(blob, host) { return }
            for node in nodes where isHonest(node) {
                guard let running = node.state.withLock({ $0.node }),
                    running.cursor.block.height == tip,
                    try await running.health().status == .active,
                    certified.allSatisfy({ holdsAll($0, node) })
                else { return }
            }
            let now = site.world.clock.now
            findings.change { $0.wholeAt = $0.wholeAt ?? now }
            site.record("everything is whole")
        } catch {
            violation("the ledger does not answer: \(error)")
        }
    }

    /// The blobs that the ledger says are certified and alive.
    private func certified(_ host: LedgerHost) async throws -> [BlobID] {
        var certified: [BlobID] = []
        for blob in plan.blobs where try await host.status(of: blob).hasCertified {
            certified.append(blob)
        }
        return certified
    }

    // MARK: At the end

    func checkAll() async {
        if findings.read({ $0.wholeAt }) == nil { await sayWhatIsNotWhole() }
        guard let host = ledger.state.withLock({ $0.host }) else {
            return violation("there is no ledger")
        }
        do {
            var blocks: [Block] = []
            while true {
                let more = try await host.blocks(
                    from: UInt64(blocks.count + 1),
                    limit: 256,
                    waitMilliseconds: 0
                )
                if more.isEmpty { break }
                blocks += more
            }
            checkHeads(blocks)
            try await checkPromises(host)
            try await checkNodes(blocks, host)
            try await checkDeletions(blocks)
            try await checkLiars(host)
            try await checkHolders(blocks)
            try await readEverything(host)
        } catch {
            violation("the end can not be checked: \(error)")
        }
    }

    private func sayWhatIsNotWhole() async {
        for client in clients where !client.isDone {
            let done = promises.read { $0.done[client.index] ?? 0 }
            violation("client-\(client.index) hangs in step \(done) of \(client.steps.count)")
        }
        let stored = findings.read { $0.misencodedStored }
        for (number, blob) in misencoded.enumerated() where !stored.contains(number) {
            violation("mallory hangs with \(blob.blobID)")
        }
        for node in nodes where isHonest(node) {
            guard let running = node.state.withLock({ $0.node }) else {
                violation("\(node.name) is down")
                continue
            }
            let all = plan.blobs + misencoded.map(\.blobID)
            let missing = all.filter { !holdsAll($0, node) }.count
            violation("\(node.name) lacks \(missing) blobs: \(running.recoveryStatus)")
        }
    }

    /// No two heads at one sequence, and none that was promised is missing.
    private func checkHeads(_ blocks: [Block]) {
        var heads: [UInt64: Head] = [:]
        for block in blocks {
            for case (_, .headPublished(_, let head, _)) in block.events {
                if let other = heads.updateValue(head, forKey: head.sequence), other != head {
                    violation("two heads at \(head.sequence): \(head) and \(other)")
                }
            }
        }
        for head in promises.read({ $0.heads }) where heads[head.sequence] != head {
            violation("the head \(head) was promised, and is not in the chain")
        }
    }

    /// What was acknowledged is certified.
    private func checkPromises(_ host: LedgerHost) async throws {
        for (pool, places) in promises.read({ $0.stored }).sorted(by: { $0.key < $1.key }) {
            for place in places.sorted() {
                let record = try await host.blob(plan.blobs[place], inPool: pool)
                if record?.certified == nil {
                    violation("blob \(place) was acknowledged, and is not certified")
                }
            }
        }
    }

    /// Nodes have followed one chain, and call certified what the ledger does.
    private func checkNodes(_ blocks: [Block], _ host: LedgerHost) async throws {
        let certified = Set(try await certified(host))
        for node in nodes {
            guard let running = node.state.withLock({ $0.node }) else { continue }
            let cursor = running.cursor.block
            if cursor.height > 0, Int(cursor.height) <= blocks.count,
                blocks[Int(cursor.height) - 1].reference != cursor
            {
                violation("\(node.name) has followed another chain")
            }
            for blob in plan.blobs {
                let isCertified: Bool
                switch try await running.status(of: blob) {
                case .nonexistent, .invalid: isCertified = false
                case .deletable(let counts, _): isCertified = counts.certified > 0
                case .permanent(_, let isIt, _, _, _): isCertified = isIt
                }
                if isCertified, !certified.contains(blob),
                    Int(running.cursor.block.height) == blocks.count
                {
                    violation("\(node.name) takes \(blob) for certified")
                }
            }
        }
    }

    /// Nothing was deleted that a registration held.
    private func checkDeletions(_ blocks: [Block]) async throws {
        for (index, blob, height) in findings.read({ $0.deletions }) {
            let reference = try await follower(of: Array(blocks.prefix(Int(height))))
            switch try await reference.status(of: blob) {
            case .nonexistent, .invalid: break
            case .deletable, .permanent:
                violation("node-\(index) deleted \(blob) at \(height), which is registered")
            }
        }
    }

    /// Of what was certified when the faults ended, enough was left, and more: each confirmation of
    /// a node that lost nothing was the truth.
    private func checkHolders(_ blocks: [Block]) async throws {
        // While shards move, who holds what was confirmed is not who holds the shard.
        guard plan.epochs.isEmpty else { return }
        let (holders, height) = findings.read { ($0.holders, $0.heightAtHealing) }
        let reference = try await follower(of: Array(blocks.prefix(Int(height))))
        for blob in plan.blobs {
            guard case .deletable(let counts, _) = try await reference.status(of: blob),
                counts.certified > 0
            else { continue }
            let needed = plan.nodes - plan.faulty - plan.unlucky.count
            if (holders[blob] ?? 0) < needed {
                violation("\(blob) is certified, and \(holders[blob] ?? 0) nodes held it")
            }
        }
    }

    /// A node in memory that has followed just these blocks.
    private func follower(of blocks: [Block]) async throws -> StorageNode {
        let node = try StorageNode(
            configuration: NodeConfiguration(
                genesis: site.genesis,
                node: nodes[0].identity,
                protocolKey: nodes[0].key
            ),
            store: MemoryNodeStore(network: site.genesis.networkID),
            pool: BlockingPool(threads: 0),
            time: site.time(of: 0)
        )
        try await node.apply(blocks)
        return node
    }

    /// Every certified blob reads back.
    private func readEverything(_ host: LedgerHost) async throws {
        let client = try await reader(SimulatedLife("reader"), number: 3000)
        for blob in try await certified(host) {
            guard let place = plan.blobs.firstIndex(of: blob) else { continue }
            do {
                let bytes = try await client.read(
                    blob,
                    range: 0..<UInt64(plan.contents[place].count),
                    authentication: .store
                )
                if bytes != plan.contents[place] { violation("blob \(place) reads wrongly") }
            } catch {
                violation("blob \(place) does not read: \(error)")
            }
        }
    }
}

extension BlobStatusRecord {
    var hasCertified: Bool {
        holdings.contains { holding in
            switch holding {
            case .blob(let record): record.certified != nil
            case .pooled(let record, _): record.certified != nil
            }
        }
    }
}
