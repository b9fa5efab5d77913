package import BlobModel

/// What a node notices, for the log.
package enum NodeNotice: Sendable, CustomStringConvertible {
    case damagedSliver(SliverName, String)
    case diskFull
    case diskFailed(String)
    /// The ledger's chain is not the one that the node has followed.
    case diverged(String)
    case ledgerUnavailable(String)
    case deleted(BlobID)
    /// The node has all of its shards of that epoch; of these it has fetched so many slivers.
    case synced(Epoch, slivers: Int)
    /// Not yet; it is tried again.
    case syncFailed(Epoch, String)
    /// Slivers of a shard that moved away are gone.
    case dropped(pairs: Int)
    case damagedMetadata(BlobID, String)
    /// Something of a blob is still missing; it is tried again later.
    case notRecovered(BlobID, String)
    /// A peer sent something that is not what it says it is.
    case lie(NodeID, BlobID, String)
    /// Proven symbols of a blob give another sliver than its metadata describes.
    case inconsistent(BlobID)
    /// The ledger says so from now on, because of proofs of this node or another.
    case invalidated(BlobID)

    package var description: String {
        switch self {
        case .damagedSliver(let name, let what): "sliver \(name) is damaged: \(what)"
        case .diskFull: "the disk is full; no more slivers are taken"
        case .diskFailed(let what): "the disk failed: \(what)"
        case .diverged(let what): "the ledger's chain is another than ours: \(what)"
        case .ledgerUnavailable(let what): "the ledger does not answer: \(what)"
        case .deleted(let blob): "blob \(blob) was deleted"
        case .synced(let epoch, let count):
            "all shards of epoch \(epoch) are here, \(count) slivers were fetched"
        case .syncFailed(let epoch, let what):
            "the shards of epoch \(epoch) are not all here yet: \(what)"
        case .dropped(let pairs): "\(pairs) pairs of slivers of moved shards were dropped"
        case .damagedMetadata(let blob, let what): "the metadata of \(blob) is damaged: \(what)"
        case .notRecovered(let blob, let what): "blob \(blob) is not recovered yet: \(what)"
        case .lie(let node, let blob, let what): "node \(node) lies about blob \(blob): \(what)"
        case .inconsistent(let blob): "blob \(blob) was encoded inconsistently"
        case .invalidated(let blob): "blob \(blob) is invalid, and is not served any more"
        }
    }
}

extension NodeNotice {
    /// What kind of event it is: a word for counters, and for alarms that look for it in the log.
    package var name: String {
        switch self {
        case .damagedSliver: "damaged_sliver"
        case .diskFull: "disk_full"
        case .diskFailed: "disk_failed"
        case .diverged: "diverged"
        case .ledgerUnavailable: "ledger_unavailable"
        case .deleted: "deleted"
        case .synced: "synced"
        case .syncFailed: "sync_failed"
        case .dropped: "dropped"
        case .damagedMetadata: "damaged_metadata"
        case .notRecovered: "not_recovered"
        case .lie: "lie"
        case .inconsistent: "inconsistent"
        case .invalidated: "invalidated"
        }
    }

    /// Every name, for counters that begin with zero.
    static let names = [
        "damaged_sliver", "disk_full", "disk_failed", "diverged", "ledger_unavailable", "deleted",
        "synced", "sync_failed", "dropped", "damaged_metadata", "not_recovered", "lie",
        "inconsistent", "invalidated",
    ]
}
