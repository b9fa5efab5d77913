package import BlobModel
package import Ledger

/// Why a ledger's directory can not be used.
package enum LedgerStoreError: Error, Equatable, Sendable {
    /// There is no ledger here, or one that was never finished.
    case missing(path: String)
    /// There is a ledger here already.
    case exists(path: String)
    /// Another process has it open.
    case locked(path: String)
    /// The directory belongs to something else, or to another network.
    case foreign(path: String, found: String)
    /// It was written by a newer program.
    case newer(path: String, needs: Int)
    /// It is not as a ledger leaves it; restore it from the nodes.
    case damaged(path: String, String)
    /// The machine failed: a full disk, a device error.
    case failed(String)
    /// A block does not follow or does not execute to what it says.
    case invalidChain(BlockError)
    /// Two chains, both signed, have different blocks at this height. Somebody must choose.
    case diverged(height: UInt64, BlockHash, BlockHash)
    /// The key is not the one that signs this network's blocks.
    case wrongKey
    /// No source of blocks answered.
    case noSource(String)
}
