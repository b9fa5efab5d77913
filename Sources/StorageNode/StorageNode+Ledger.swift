package import BlobModel
package import Ledger
internal import Synchronization
internal import SystemIO
internal import Telemetry

/// Following the ledger, and what follows from it later.
extension StorageNode {
    /// Blocks fetched at one time.
    private static let batch = 64
    private static let waitMilliseconds: UInt64 = 20_000
    private static let pause = Duration.seconds(1)
    private static let garbagePause = Duration.seconds(30)
    private static let garbageBatch = 256

    /// Applies blocks in order; those that are applied already are passed over.
    ///
    /// Each is in the node's own log before anything follows from it. Throws `ChainError` at a
    /// block that is not the child of the last one, and applies nothing from there on.
    package func apply(_ blocks: [Block]) async throws {
        let due = time.nowMilliseconds + UInt64(configuration.grace / .milliseconds(1))
        let domain = domain
        let producer = configuration.genesis.blockKey
        let store = store
        let first = committees
        let (counters, time) = (counters, time)
        let applied = try await pool.run { () throws -> Applied in
            try Self.apply(
                blocks,
                { counters.applied($0.events.count, in: time.uptime - $1) },
                since: { time.uptime },
                to: store,
                in: domain,
                producer: producer,
                due: due,
                committees: first
            )
        }
        let cursor = applied.cursor
        var isNewEpoch = false
        let height = status.withLock { status in
            // Calls may overtake each other on their way here; the store went in order.
            if cursor.block.height > status.cursor.block.height {
                counters.blocksApplied.add(cursor.block.height - status.cursor.block.height)
                isNewEpoch = cursor.epoch != status.cursor.epoch
                status.cursor = cursor
                status.newest = applied.newest
                status.committees = applied.committees
            }
            status.hasHeard = true
            status.ledgerHeight = max(status.ledgerHeight, cursor.block.height)
            return status.cursor.block.height
        }
        if isNewEpoch {
            let gained = applied.committees.gained(by: configuration.node)
            recovery.shardsHaveChanged(gained: gained)
        }
        waiters.reached(height)
        wereCertified(applied.certified)
        wereInvalidated(applied.invalidated)
    }

    private struct Applied {
        var cursor: NodeCursor
        /// The block at the cursor, when it was one of those.
        var newest: SignedBlockHeader?
        var committees: NodeCommittees
        /// The blobs that were certified.
        var certified: [BlobID: Certified] = [:]
        var invalidated: [BlobID] = []
    }

    /// A blob that was certified by a block of this time.
    struct Certified {
        let length: UInt64
        let milliseconds: UInt64
    }

    /// `applied` is told of each block, with the time before it.
    private static func apply(
        _ blocks: [Block],
        _ applied: (Block, Duration) -> Void,
        since now: () -> Duration,
        to store: any NodeStore,
        in domain: SigningDomain,
        producer: PublicKey,
        due: UInt64,
        committees: NodeCommittees
    ) throws -> Applied {
        try store.serially {
            // Another call may have been here since; without a row there is nothing newer.
            var state = Applied(
                cursor: try store.cursor(),
                committees: try store.committees() ?? committees
            )
            for block in blocks where block.height > state.cursor.block.height {
                let start = now()
                let cursor = state.cursor
                try NodeState.check(
                    block,
                    after: cursor.block,
                    in: domain,
                    producer: producer
                )
                try store.append(block)
                let changes = try NodeState.apply(
                    block,
                    epoch: cursor.epoch,
                    committees: state.committees,
                    to: store
                )
                let next = NodeCursor(block: block.reference, epoch: changes.epoch)
                try store.commit(changes, cursor: next, garbageDue: due)
                if changes.epoch != cursor.epoch {
                    try store.releaseExpired(at: changes.epoch, due: due)
                }
                for case (_, .invalidBlobID(_, let blob)) in block.events {
                    state.invalidated.append(blob)
                }
                for blob in changes.certified {
                    state.certified[blob] = changes.infos[blob].map {
                        Certified(length: $0.length, milliseconds: block.header.milliseconds)
                    }
                }
                state.cursor = next
                state.newest = block.signedHeader
                state.committees = changes.committees ?? state.committees
                applied(block, start)
            }
            // All of them were applied by another call.
            if state.newest == nil { state.newest = try newest(state.cursor.block, store) }
            return state
        }
    }

    /// Says that the node has applied what the ledger has; from now on, what is certified may
    /// still be on its way here.
    package func hasCaughtUp() { status.withLock { $0.hasCaughtUp = true } }

    /// Applies blocks and makes them durable: how an embedded network keeps every block in
    /// several places before a transaction is acknowledged.
    package func keep(_ blocks: [Block]) async throws {
        try await apply(blocks)
        let store = store
        try await pool.run { () throws(NodeStoreError) in try store.synchronizeBlocks() }
    }

    /// Follows the ledger, deletes what is due, recovers what is missing, reads over what is here
    /// and, with a `migration`, fetches the shards that the node gets, until the task is cancelled.
    ///
    /// What it can prove inconsistent it brings to the ledger by `invalidate`.
    package func run(
        _ ledger: any LedgerConnection,
        connect: @escaping ConnectPeer,
        migration: ShardMigration? = nil,
        invalidate: InvalidateBlob? = nil
    ) async {
        if migration != nil { expectShards() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.follow(ledger) }
            if let migration {
                group.addTask { await self.followEpochs(migration, invalidate: invalidate) }
            }
            group.addTask { await self.collectGarbageForEver() }
            group.addTask { await self.recover(connect: connect, invalidate: invalidate) }
            group.addTask { await self.scrubForEver() }
        }
    }

    /// Fetches and applies blocks until the task is cancelled.
    package func follow(_ ledger: any LedgerConnection) async {
        while !Task.isCancelled {
            do {
                try await followOnce(ledger)
            } catch {
                // Each failure was noticed where it is understood; trying again is all there is.
                try? await time.sleep(for: Self.pause)
            }
        }
    }

    private func followOnce(_ ledger: any LedgerConnection) async throws {
        // The first answer says how far the ledger is, and whether a divergence or a silence is
        // over: nobody is told otherwise for as long as that answer waits for a block.
        let (status, wait) = status.withLock { status in
            let isUnsure = status.isDiverged || !status.hasHeard || status.isLedgerSilent
            return (status, isUnsure ? 0 : Self.waitMilliseconds)
        }
        let next = status.cursor.block.height + 1
        do {
            let blocks = try await ledger.blocks(
                from: next,
                limit: Self.batch,
                waitMilliseconds: wait,
                claim: claim(status)
            )
            if let last = blocks.last {
                self.status.withLock { $0.ledgerHeight = max($0.ledgerHeight, last.height) }
                try await apply(blocks)
            }
            self.status.withLock { status in
                status.hasHeard = true
                if blocks.count < Self.batch { status.hasCaughtUp = true }
            }
            setDiverged(nil)
            setLedgerAnswers(true)
        } catch let error as ChainError {
            setDiverged("\(error)")
            throw error
        } catch LedgerError.behind(let height) {
            setDiverged("it ends at \(height), and we have applied \(next - 1)")
            throw LedgerError.behind(height: height)
        } catch let error as LedgerError {
            if error != .cancelled, setLedgerAnswers(false) {
                notice(.ledgerUnavailable("\(error)"))
            }
            throw error
        } catch let error as NodeStoreError {
            notice(.diskFailed("\(error)"))
            throw error
        }
    }

    /// What the node tells the ledger that it has.
    private func claim(_ status: Status) -> SignedMessage {
        // A node that is no member yet has no other key that the ledger could know.
        let key = protocolKey(in: status.committees.current) ?? configuration.protocolKey
        return FollowerClaim(node: configuration.node, newest: status.newest)
            .signed(by: key, in: domain)
    }

    /// Remembers whether the ledger answers, and returns whether that is news.
    @discardableResult private func setLedgerAnswers(_ answers: Bool) -> Bool {
        status.withLock { status in
            defer { status.isLedgerSilent = !answers }
            return status.isLedgerSilent == answers
        }
    }

    private func setDiverged(_ reason: String?) {
        let isNews = status.withLock { status in
            defer { status.divergence = reason }
            return reason != nil && !status.isDiverged
        }
        if isNews, let reason { notice(.diverged(reason)) }
    }

    private func collectGarbageForEver() async {
        while !Task.isCancelled {
            do {
                let deleted = try await collectGarbage()
                if deleted < Self.garbageBatch {
                    try await time.sleep(for: Self.garbagePause)
                }
            } catch {
                // What is not deleted now is deleted later.
                try? await time.sleep(for: Self.garbagePause)
            }
        }
    }

    /// Deletes a batch of blobs that were released longer than the grace ago, and says how many
    /// it looked at.
    ///
    /// Only on a chain that is the ledger's, and only what is still without a registration.
    @discardableResult package func collectGarbage() async throws(NodeError) -> Int {
        let (cursor, isDiverged) = status.withLock { ($0.cursor, $0.isDiverged) }
        if isDiverged { return 0 }
        let now = time.nowMilliseconds
        let notice = notice
        let deleted = counters.blobsDeleted
        return try await reading { store throws(NodeStoreError) in
            let blobs = try store.garbage(dueAt: now, limit: Self.garbageBatch)
            for blob in blobs {
                let info = try store.info(of: blob)
                guard let info, try store.live(info, at: cursor.epoch).isEmpty else {
                    try store.keep(blob)
                    continue
                }
                try store.deleteData(of: blob)
                deleted.add()
                notice(.deleted(blob))
            }
            return blobs.count
        }
    }
}
