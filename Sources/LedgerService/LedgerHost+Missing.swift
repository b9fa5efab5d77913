internal import BlobModel
internal import Ledger
internal import Synchronization

/// A ledger that was put back from an old backup gets its blocks from those who have followed it.
extension LedgerHost {
    /// Whether somebody follows a chain that is longer than this one: by their word only.
    package var isSaidToBeBehind: Bool {
        state.withLock { $0.claimed > $0.tip.reference.height }
    }

    /// Why no transactions are taken; nil when they are.
    package var fault: String? { state.withLock { $0.fault } }

    /// Takes the blocks that `sources` have after this ledger's newest, and returns how many.
    ///
    /// Throws `diverged` when they have another chain. Then two blocks of one height bear the
    /// ledger's signature, and it takes no more transactions: somebody must choose.
    package func takeMissing(
        from sources: [any BlockSource]
    ) async throws(LedgerStoreError) -> UInt64 {
        // What is claimed now is answered by this; later claims are new.
        let claimed = state.withLock { $0.claimed }
        let count: UInt64
        do throws(LedgerStoreError) {
            count = try await LedgerRestore.catchUp(engine, from: sources)
        } catch {
            if case .diverged(let height, _, _) = error {
                state.withLock {
                    $0.fault = "the nodes have another block at height \(height)"
                }
            }
            throw error
        }
        announce(await engine.run { $0.tip })
        state.withLock { if $0.claimed <= claimed { $0.claimed = 0 } }
        return count
    }

    /// Ends the waiting of those who wait for blocks, now and from now on: the ledger is about to
    /// stop.
    package func endPolls() {
        for poll in state.withLock({ $0.stopPolls() }) {
            poll.continuation.resume(returning: false)
        }
    }
}
