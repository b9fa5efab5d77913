internal import BlobClient
internal import BlobModel
internal import Ledger
internal import StorageNode
internal import SystemIO

/// How a node that is a process of its own tells the ledger of blobs that are inconsistent: its
/// account signs.
enum NodeInvalidation {
    static func make(_ keys: ServiceKeys, _ ledger: any LedgerConnection) -> InvalidateBlob {
        let sender = TransactionSender(
            ledger: ledger,
            account: keys.account,
            journal: MemoryTransactionJournal(),
            time: LinuxTimeSource(),
            entropy: LinuxEntropy()
        )
        return { try await sender.invalidate($0) }
    }
}
