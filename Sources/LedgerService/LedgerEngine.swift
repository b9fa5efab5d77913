package import BlobModel
package import Ledger

/// What became of a proposed block.
package enum AppendOutcome: Equatable, Sendable {
    /// It is the chain's newest block, durably.
    case appended
    /// Another proposer was quicker: the tip has moved, execute again. (Never with SQLite.)
    case overtaken
}

/// Puts blocks in order, and keeps them with the state that they lead to.
///
/// SQLite is the engine of a ledger in one process. The interface is made so that several
/// replicas can share an order: an append may find that the place is taken. Calls block, and one
/// thread at a time makes them.
package protocol LedgerEngine: StateReader {
    var genesis: Genesis { get }

    /// The newest block's place in the chain; it moves only by `append`.
    var tip: ChainTip { get }

    /// Makes the block, its rows and its digests durable, all or none.
    func append(_ executed: ExecutedBlock) throws(LedgerStoreError) -> AppendOutcome

    /// Blocks from `height` on: at least one when there is one, then up to `limit`, and while
    /// their bytes together are under `bytesMax`.
    func blocks(
        from height: UInt64,
        limit: Int,
        bytesMax: Int
    ) throws(LedgerStoreError) -> [Block]

    /// What a transaction came to, however long ago.
    func result(of digest: TransactionDigest) throws(LedgerStoreError) -> TransactionResult?
}
