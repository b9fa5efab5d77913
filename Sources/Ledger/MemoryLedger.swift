package import BlobModel
internal import Synchronization

/// A whole ledger in memory, with the real rules: for tests of what stands on a ledger.
///
/// Every transaction gets a block of its own. Time is what the closure says.
package final class MemoryLedger: LedgerConnection {
    private struct Chain {
        var state = MemoryState()
        var tip: ChainTip
        var blocks: [Block] = []
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var waiterCount: UInt64 = 0
    }

    private let fixed: Genesis
    private let key: SigningKey
    private let now: @Sendable () -> UInt64
    /// Guards the chain and who waits for its next block.
    private let chain: Mutex<Chain>

    /// - Precondition: `key` is the genesis's block key.
    package init(
        genesis: Genesis,
        key: SigningKey,
        now: @escaping @Sendable () -> UInt64
    ) throws {
        precondition(genesis.blockKey == key.publicKey)
        fixed = genesis
        self.key = key
        self.now = now
        var start = Chain(tip: ChainTip(of: genesis))
        start.state.apply(try LedgerMachine.rows(of: genesis))
        chain = Mutex(start)
    }

    package func genesis() async throws(LedgerError) -> Genesis { fixed }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        chain.withLock { $0.blocks.last?.signedHeader }
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        let result: Result<TransactionResult, LedgerError> = chain.withLock { chain in
            do throws(StateError) {
                return try include(transaction, in: &chain)
            } catch {
                return .failure(.unavailable("\(error)"))
            }
        }
        return try result.get()
    }

    private func include(
        _ transaction: SignedTransaction,
        in chain: inout Chain
    ) throws(StateError) -> Result<TransactionResult, LedgerError> {
        let (executed, proposals) = try BlockExecutor.propose(
            [transaction],
            after: chain.tip,
            incarnation: chain.tip.incarnation,
            now: now(),
            network: fixed.networkID,
            key: key,
            over: chain.state
        )
        switch proposals[0] {
        case .duplicate(let result): return .success(result)
        case .rejected(let reason): return .failure(.rejected(reason))
        case .included:
            guard let executed else {
                preconditionFailure("A block with a transaction in it is a block.")
            }
            chain.state.apply(executed.writes)
            chain.blocks.append(executed.block)
            chain.tip = ChainTip(after: executed.block.header)
            for waiter in chain.waiters { waiter.continuation.resume() }
            chain.waiters = []
            return .success(
                TransactionResult(
                    digest: transaction.digest,
                    height: executed.block.height,
                    milliseconds: executed.block.header.milliseconds,
                    outcome: executed.block.effects[0].outcome
                )
            )
        }
    }

    /// Waits for as long as it takes when it may wait at all; a cancelled task gets no blocks.
    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        precondition(height >= 1)
        while true {
            let (found, head) = chain.withLock { chain in
                let index = Int(clamping: height - 1)
                return (Array(chain.blocks.dropFirst(index).prefix(limit)), chain.blocks.count)
            }
            guard found.isEmpty else { return found }
            guard height <= UInt64(head) + 1 else { throw .behind(height: UInt64(head)) }
            guard waitMilliseconds > 0, !Task.isCancelled else { return [] }
            await nextBlock(after: head)
        }
    }

    private func nextBlock(after count: Int) async {
        let id = chain.withLock { chain in
            chain.waiterCount += 1
            return chain.waiterCount
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isLate = chain.withLock { chain in
                    guard chain.blocks.count == count, !Task.isCancelled else { return true }
                    chain.waiters.append((id, continuation))
                    return false
                }
                if isLate { continuation.resume() }
            }
        } onCancel: {
            let waiter = chain.withLock { chain in
                chain.waiters.firstIndex { $0.id == id }.map { chain.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume()
        }
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        let result: Result<LedgerAnswer, LedgerError> = chain.withLock { chain in
            do throws(StateError) {
                return .success(try LedgerState.answer(query, at: chain.tip, from: chain.state))
            } catch {
                return .failure(.unavailable("\(error)"))
            }
        }
        return try result.get()
    }
}
