internal import BlobModel
internal import Codec
package import Ledger
internal import Synchronization
internal import SystemIO
internal import Telemetry

extension LedgerHost {
    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        // Through its bytes, so that what was made in this process is held to the same bounds.
        let bytes = transaction.bcsBytes
        guard bytes.count <= Transaction.lengthMax else {
            throw .rejected(.tooLarge(limit: UInt64(Transaction.lengthMax)))
        }
        let checked: SignedTransaction
        do throws(CodecError) {
            checked = try SignedTransaction(bcsBytes: bytes)
        } catch {
            throw .rejected(.malformed("\(error)"))
        }
        return try await turn(for: checked, length: bytes.count).get()
    }

    /// Leads at once when nobody does; otherwise waits for its result or for the lead.
    private func turn(
        for transaction: SignedTransaction,
        length: Int
    ) async -> Result<TransactionResult, LedgerError> {
        if state.withLock({ $0.takeLead() }) {
            return await lead(transaction, length: length)
        }
        let turn = await withCheckedContinuation {
            (continuation: CheckedContinuation<HostState.Turn, Never>) in
            let answer: HostState.Turn? = state.withLock { state in
                // The leader may have left since; then this caller leads after all.
                if state.takeLead() { return .lead }
                let caller = HostState.Waiting(
                    id: state.newID(),
                    transaction: transaction,
                    length: length,
                    continuation: continuation
                )
                if state.enqueue(caller) { return nil }
                return .done(.failure(.unavailable("too many transactions are waiting")))
            }
            if let answer { continuation.resume(returning: answer) }
        }
        switch turn {
        case .done(let result): return result
        case .lead: return await lead(transaction, length: length)
        }
    }

    /// Carries one batch, its first transaction the leader's own, and passes the lead on.
    private func lead(
        _ own: SignedTransaction,
        length: Int
    ) async -> Result<TransactionResult, LedgerError> {
        let batch = state.withLock { $0.takeBatch(after: length) }
        let results = await carry([own] + batch.map(\.transaction))
        counters.count(results)
        for (caller, result) in zip(batch, results.dropFirst()) {
            caller.continuation.resume(returning: .done(result))
        }
        state.withLock { $0.passLead() }?.continuation.resume(returning: .lead)
        return results[0]
    }

    /// One result for each transaction, in order.
    private func carry(
        _ transactions: [SignedTransaction]
    ) async -> [Result<TransactionResult, LedgerError>] {
        do throws(LedgerError) {
            if let fault { throw .unavailable(fault) }
            // What an earlier batch could not hand to the sink goes first; nothing new is
            // proposed before, so never more than one block is missing there.
            try await fillSink()
        } catch {
            return transactions.map { _ in .failure(error) }
        }
        let now = time.nowMilliseconds
        let key = self.key
        let results: [Result<TransactionResult, LedgerError>]
        let tip: ChainTip
        let start = time.uptime
        do throws(LedgerError) {
            (results, tip) = try await onEngine { engine throws(LedgerStoreError) in
                (
                    try Self.include(transactions, now: now, key: key, in: engine),
                    engine.tip
                )
            }
        } catch {
            return transactions.map { _ in .failure(error) }
        }
        if tip.reference.height > state.withLock({ $0.tip.reference.height }) {
            counters.blocks.add()
            counters.applying.observe(time.uptime - start, "block")
        }
        do throws(LedgerError) {
            announce(tip)
            try await fillSink()
            // Whoever was waited for may have another chain.
            if let fault { throw .unavailable(fault) }
        } catch {
            // It is in a block here, but may be lost with this directory.
            return results.map { result in
                if case .success = result { return .failure(.outcomeUnknown("\(error)")) }
                return result
            }
        }
        return results
    }

    /// Executes what is new, and looks up what is in a block already.
    private static func include(
        _ transactions: [SignedTransaction],
        now: UInt64,
        key: SigningKey,
        in engine: any LedgerEngine
    ) throws(LedgerStoreError) -> [Result<TransactionResult, LedgerError>] {
        var results: [Result<TransactionResult, LedgerError>?] = []
        for transaction in transactions {
            results.append(try engine.result(of: transaction.digest).map { .success($0) })
        }
        let fresh = transactions.indices.filter { results[$0] == nil }
        if !fresh.isEmpty {
            let made = try propose(
                fresh.map { transactions[$0] },
                now: now,
                key: key,
                in: engine
            )
            for (index, result) in zip(fresh, made) { results[index] = result }
        }
        return results.map { result in
            guard let result else { preconditionFailure("Every transaction has its result.") }
            return result
        }
    }

    private static func propose(
        _ transactions: [SignedTransaction],
        now: UInt64,
        key: SigningKey,
        in engine: any LedgerEngine
    ) throws(LedgerStoreError) -> [Result<TransactionResult, LedgerError>] {
        while true {
            let tip = engine.tip
            let executed: ExecutedBlock?
            let proposals: [Proposal]
            do throws(StateError) {
                (executed, proposals) = try BlockExecutor.propose(
                    transactions,
                    after: tip,
                    incarnation: tip.incarnation,
                    now: now,
                    network: engine.genesis.networkID,
                    key: key,
                    over: engine
                )
            } catch {
                throw .failed("\(error)")
            }
            if let executed, try engine.append(executed) == .overtaken { continue }
            return proposals.map { proposal in
                switch proposal {
                case .included(let index): .success(result(index, of: executed))
                case .duplicate(let result): .success(result)
                case .rejected(let reason): .failure(.rejected(reason))
                }
            }
        }
    }

    private static func result(_ index: Int, of executed: ExecutedBlock?) -> TransactionResult {
        guard let block = executed?.block else {
            preconditionFailure("What is included is in a block.")
        }
        let effects = block.effects[index]
        return TransactionResult(
            digest: effects.digest,
            height: block.height,
            milliseconds: block.header.milliseconds,
            outcome: effects.outcome
        )
    }

    /// Hands the sink every block that it may lack.
    ///
    /// After a start that is the newest only: no block was proposed before its predecessor was
    /// in the sink.
    private func fillSink() async throws(LedgerError) {
        guard let sink else { return }
        let (tip, sunk) = state.withLock { ($0.tip.reference.height, $0.sunk) }
        var next = sunk.map { $0 + 1 } ?? max(tip, 1)
        while next <= tip {
            let height = next
            let block = try await onEngine { engine throws(LedgerStoreError) in
                try engine.blocks(from: height, limit: 1, bytesMax: .max).first
            }
            guard let block else { throw .unavailable("block \(height) is missing") }
            do {
                try await sink.store(block)
            } catch {
                throw .unavailable("block \(height) is not in enough places: \(error)")
            }
            state.withLock { $0.sunk = height }
            next += 1
        }
    }
}
