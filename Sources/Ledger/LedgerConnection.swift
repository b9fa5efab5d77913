package import BlobModel

/// A way to the ledger: in the same process, or over HTTP.
///
/// Implementations check what they can: a remote one checks that the genesis hashes to the
/// network id it was given, and pins the TLS key in it.
package protocol LedgerConnection: Sendable {
    func genesis() async throws(LedgerError) -> Genesis

    /// The newest block's header; nil when there is no block yet.
    func head() async throws(LedgerError) -> SignedBlockHeader?

    /// Sends a transaction, and returns once it is in a durable block.
    ///
    /// Idempotent: the same bytes again return the recorded result. Also a failed execution is
    /// returned, not thrown; see ``execute(_:)``. Throws `rejected` when it can not be included,
    /// `outcomeUnknown` when the connection broke after it was sent.
    func submit(_ transaction: SignedTransaction) async throws(LedgerError) -> TransactionResult

    /// Blocks from `height` (at least 1) on, in order: up to `limit` of them, at least one when
    /// there is one. When there is none yet, waits up to `waitMilliseconds` and then returns
    /// none. Throws `behind` when the chain ends more than one block before `height`.
    func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block]

    /// The same, asked by a node that says what it has: a ``FollowerClaim`` with its signature.
    ///
    /// A ledger that listens to nobody takes it for any other request.
    func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block]

    /// Answers from the newest state.
    func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer

    /// Why the ledger takes no transactions; nil when it does, or does not say.
    func obstacle() async throws(LedgerError) -> String?
}

extension LedgerConnection {
    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block] {
        try await blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds)
    }

    package func obstacle() async throws(LedgerError) -> String? { nil }

    /// Sends a transaction, and returns what each command did; throws `executionFailed` when one
    /// undid it.
    package func execute(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> (results: [CommandResult], height: UInt64) {
        let result = try await submit(transaction)
        switch result.outcome {
        case .succeeded(let results): return (results, result.height)
        case .failed(let command, let failure):
            throw .executionFailed(command: command, failure)
        }
    }

    package func info() async throws(LedgerError) -> LedgerInfo {
        guard case .info(let info) = try await query(.info) else { throw .mismatch }
        return info
    }

    package func committee() async throws(LedgerError) -> Committee {
        guard case .committee(let committee) = try await query(.committee) else {
            throw .mismatch
        }
        return committee
    }

    /// The committees of the moment: the current one, and those before and after it where there
    /// are any.
    package func epochState() async throws(LedgerError) -> EpochState {
        guard case .epochState(let state) = try await query(.epochState) else {
            throw .mismatch
        }
        return state
    }

    package func standing(of node: NodeID) async throws(LedgerError) -> NodeStanding {
        guard case .standing(let standing) = try await query(.standing(node)) else {
            throw .mismatch
        }
        return standing
    }

    package func node(_ id: NodeID) async throws(LedgerError) -> NodeRecord? {
        guard case .node(let record) = try await query(.node(id)) else { throw .mismatch }
        return record
    }

    package func nodes() async throws(LedgerError) -> [NodeRecord] {
        guard case .nodes(let records) = try await query(.nodes) else { throw .mismatch }
        return records
    }

    package func balance(of address: Address) async throws(LedgerError) -> Frost {
        guard case .balance(let balance) = try await query(.balance(address)) else {
            throw .mismatch
        }
        return balance
    }

    package func blob(_ id: ObjectID) async throws(LedgerError) -> BlobRecord? {
        guard case .blob(let record) = try await query(.blob(id)) else { throw .mismatch }
        return record
    }

    package func status(of blob: BlobID) async throws(LedgerError) -> BlobStatusRecord {
        guard case .blobStatus(let record) = try await query(.blobStatus(blob)) else {
            throw .mismatch
        }
        return record
    }

    package func pool(_ id: ObjectID) async throws(LedgerError) -> PoolRecord? {
        guard case .pool(let record) = try await query(.pool(id)) else { throw .mismatch }
        return record
    }

    package func pooledBlob(_ id: ObjectID) async throws(LedgerError) -> PooledBlobRecord? {
        guard case .pooledBlob(let record) = try await query(.pooledBlob(id)) else {
            throw .mismatch
        }
        return record
    }

    package func blob(
        _ blob: BlobID,
        inPool pool: ObjectID
    ) async throws(LedgerError) -> PooledBlobRecord? {
        guard case .pooledBlob(let record) = try await query(.blobInPool(pool, blob)) else {
            throw .mismatch
        }
        return record
    }

    package func volume(_ id: VolumeID) async throws(LedgerError) -> VolumeState? {
        guard case .volume(let record) = try await query(.volume(id)) else { throw .mismatch }
        return record
    }

    package func volumeRecord(_ id: VolumeID) async throws(LedgerError) -> VolumeRecord? {
        guard case .volumeRecord(let record) = try await query(.volumeRecord(id)) else {
            throw .mismatch
        }
        return record
    }

    package func retired(
        inPool pool: ObjectID,
        after: BlobID?
    ) async throws(LedgerError) -> [PooledBlobRecord] {
        guard case .retired(let records) = try await query(.retired(pool: pool, after: after))
        else { throw .mismatch }
        return records
    }

    package func result(
        of digest: TransactionDigest
    ) async throws(LedgerError) -> TransactionResult? {
        guard case .result(let result) = try await query(.result(digest)) else {
            throw .mismatch
        }
        return result
    }
}

extension LedgerError {
    /// The answer was of another kind than the question.
    package static var mismatch: LedgerError {
        .notThisLedger("The answer does not fit the query.")
    }
}
