package import BlobModel
package import Ledger

extension TransactionSender {
    /// Has the ledger mark a blob as invalid, because so many nodes attest it that one of them must
    /// be right; again and again is once.
    package func invalidate(_ certificate: Certificate) async throws(LedgerError) {
        _ = try await executeVolatile([.invalidateBlob(certificate)])
    }
}
