internal import BlobModel
internal import Ledger

/// What stands in for the engine of a host that was closed: the chain's end, and refusals.
struct ClosedLedger: LedgerEngine {
    let genesis: Genesis
    let tip: ChainTip

    private static let reason = "the ledger was closed"

    func append(_ executed: ExecutedBlock) throws(LedgerStoreError) -> AppendOutcome {
        throw .failed(Self.reason)
    }

    func blocks(
        from height: UInt64,
        limit: Int,
        bytesMax: Int
    ) throws(LedgerStoreError) -> [Block] {
        throw .failed(Self.reason)
    }

    func result(of digest: TransactionDigest) throws(LedgerStoreError) -> TransactionResult? {
        throw .failed(Self.reason)
    }

    func value(_ key: [UInt8]) throws(StateError) -> [UInt8]? {
        throw .unavailable(Self.reason)
    }

    func rows(
        prefix: [UInt8],
        after: [UInt8]?,
        limit: Int
    ) throws(StateError) -> [StateRow] {
        throw .unavailable(Self.reason)
    }
}
