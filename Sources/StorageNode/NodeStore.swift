package import BlobModel
package import Ledger

/// Why a node's store did not do what it was asked.
package enum NodeStoreError: Error, Equatable, Sendable {
    /// No room on the disk; what is there can still be read.
    case full
    /// A record is there and its checksum is wrong: bits have rotted, or something wrote over them.
    case damaged(String)
    /// The disk or the database failed.
    case failed(String)
}

/// What a node keeps: blocks, what they say, metadata and slivers.
///
/// Calls block, and may come from several threads at once. What was stored is durable after the
/// next `synchronize`; what is committed of the ledger's events is never ahead of the blocks.
package protocol NodeStore: NodeStateReader, AnyObject, Sendable {
    /// Runs `body`, which applies blocks, alone: two such never overlap.
    func serially<Value>(_ body: () throws -> Value) rethrows -> Value

    func cursor() throws(NodeStoreError) -> NodeCursor

    /// Who holds which shard; nil before a block has said anything of that.
    func committees() throws(NodeStoreError) -> NodeCommittees?

    /// Keeps a block, before anything is done that follows from it.
    func append(_ block: Block) throws(NodeStoreError)

    /// Records what a block changed, all of it or nothing, with the cursor that stands after it.
    ///
    /// Released blobs are due to be deleted at `garbageDue`, milliseconds since 1970.
    func commit(
        _ changes: NodeStateChanges,
        cursor: NodeCursor,
        garbageDue: UInt64
    ) throws(NodeStoreError)

    /// Blocks in BCS from `height` on; none when the node has not so many.
    func blocks(from height: UInt64, limit: Int) throws(NodeStoreError) -> [[UInt8]]

    func info(of blob: BlobID) throws(NodeStoreError) -> BlobInfo?
    func end(ofPool pool: ObjectID) throws(NodeStoreError) -> Epoch?

    func metadata(of blob: BlobID) throws(NodeStoreError) -> BlobMetadata?
    func hasMetadata(of blob: BlobID) throws(NodeStoreError) -> Bool
    func store(_ metadata: VerifiedBlobMetadata) throws(NodeStoreError)

    func sliver(_ name: SliverName) throws(NodeStoreError) -> VerifiedSliver?
    /// Bytes of a sliver's symbols; nil when there is no such sliver, fewer when it ends earlier.
    func sliverBytes(
        _ name: SliverName,
        range: Range<Int>
    ) throws(NodeStoreError) -> [UInt8]?
    func hasSliver(_ name: SliverName) throws(NodeStoreError) -> Bool
    func store(_ sliver: VerifiedSliver, as name: SliverName) throws(NodeStoreError)
    /// Blobs that the ledger has told of, in the order of their ids, after `blob`.
    func blobs(
        after blob: BlobID?,
        limit: Int
    ) throws(NodeStoreError) -> [(blob: BlobID, info: BlobInfo)]

    /// The pairs of which slivers of a blob are here, ascending.
    func pairs(of blob: BlobID) throws(NodeStoreError) -> [SliverPairIndex]
    /// Deletes the slivers of pairs that belong to shards that moved away.
    func drop(
        _ pairs: [(blob: BlobID, pair: SliverPairIndex)]
    ) throws(NodeStoreError)
    /// Forgets metadata whose record is damaged, so that it can be brought again.
    func forgetMetadata(of blob: BlobID) throws(NodeStoreError)
    /// Forgets a sliver whose record is damaged, so that it can be brought again.
    func forget(_ name: SliverName) throws(NodeStoreError)

    /// Makes metadata and slivers that were stored before survive a power cut; shared by those who
    /// wait.
    func synchronize() throws(NodeStoreError)

    /// Likewise the blocks that were appended before.
    func synchronizeBlocks() throws(NodeStoreError)

    /// Released blobs that are due at `now`, at most `limit`.
    func garbage(dueAt now: UInt64, limit: Int) throws(NodeStoreError) -> [BlobID]
    /// Deletes metadata and slivers of a blob, and takes it off the list of garbage.
    func deleteData(of blob: BlobID) throws(NodeStoreError)
    /// Takes a blob off the list of garbage: it is wanted again.
    func keep(_ blob: BlobID) throws(NodeStoreError)
    /// Puts blobs whose registrations have all run out on the list of garbage, due at `due`.
    func releaseExpired(at epoch: Epoch, due: UInt64) throws(NodeStoreError)

    /// How much of the disk is used; a store without one uses nothing.
    func usage() throws(NodeStoreError) -> NodeStoreUsage

    func close()
}

extension NodeStore {
    package func usage() throws(NodeStoreError) -> NodeStoreUsage { NodeStoreUsage() }
}
