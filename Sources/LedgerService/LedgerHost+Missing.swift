internal import BlobModel
internal import Ledger
internal import Synchronization

/// A ledger that was put back from an old backup gets its blocks from those who have followed it.
extension LedgerHost {
    /// Whether somebody has, or says to have, a chain that goes on after this one.
    ///
    /// Never once two chains are proven: there is nothing to take then.
    package var isSaidToBeBehind: Bool {
        state.withLock { state in
            switch state.objection() {
            case .forked: false
            case .ahead: true
            case nil: state.claimed > state.tip.reference.height
            }
        }
    }

    /// What somebody has shown against this chain; no transactions are taken then.
    package var objection: ChainObjection? { state.withLock { $0.objection() } }

    /// Why no transactions are taken, for people; nil when they are.
    package var fault: String? { objection?.description }

    /// Takes the blocks that `sources` have after this ledger's newest, and returns how many.
    ///
    /// Throws `diverged` when they have another chain, and not outvoted. Then two blocks of one
    /// height bear the ledger's signature, and it takes no more transactions: somebody must choose.
    package func takeMissing(
        from sources: [any BlockSource]
    ) async throws(LedgerStoreError) -> UInt64 {
        // What is claimed now is answered by this; later claims are new.
        let claimed = state.withLock { $0.claimed }
        let count: UInt64
        do throws(LedgerStoreError) {
            count = try await LedgerRestore.catchUp(engine, from: sources, answersMin: 0)
        } catch {
            if case .diverged(let height, _, _) = error {
                // Without a committee nobody is outvoted.
                let committee = try? await committee()
                state.withLock { $0.claims.hasParted(at: height, committee) }
            }
            throw error
        }
        if count > 0 { state.withLock { $0.claims.hasCaughtUp() } }
        announce(await engine.run { $0.tip })
        state.withLock { if $0.claimed <= claimed { $0.claimed = 0 } }
        return count
    }

    /// What the nodes have, held against this chain; nothing is taken.
    package func compare(
        with sources: [any BlockSource]
    ) async throws(LedgerStoreError) -> ChainComparison {
        try await LedgerRestore.compare(engine, with: sources)
    }

    /// Ends the waiting of those who wait for blocks, now and from now on: the ledger is about to
    /// stop.
    package func endPolls() {
        for poll in state.withLock({ $0.stopPolls() }) {
            poll.continuation.resume(returning: false)
        }
    }
}
