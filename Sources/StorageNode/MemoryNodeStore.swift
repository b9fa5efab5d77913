package import BlobModel
internal import Codec
package import Ledger
internal import Synchronization

/// A node's store in memory: the reference that the one on disk is compared with, and what tests
/// stand on that are not about disks.
package final class MemoryNodeStore: NodeStore {
    private struct Contents {
        var cursor: NodeCursor
        var committees: NodeCommittees?
        var blocks: [[UInt8]] = []
        var infos: [BlobID: BlobInfo] = [:]
        var pools: [ObjectID: Epoch] = [:]
        var metadata: [BlobID: BlobMetadata] = [:]
        var slivers: [SliverName: VerifiedSliver] = [:]
        var garbage: [BlobID: UInt64] = [:]
        var isFull = false
        var rotten: Set<SliverName> = []
        var synchronizations = 0
    }

    // Guards everything.
    private let contents: Mutex<Contents>

    // Held while blocks are applied; taken before `contents`.
    private let applying = Mutex(())

    package init(network: NetworkID) {
        contents = Mutex(
            Contents(
                cursor: NodeCursor(block: BlockReference(genesisOf: network), epoch: 0)
            )
        )
    }

    // MARK: Faults, for tests

    /// Makes every further write fail as a full disk does, until told otherwise.
    package func setFull(_ isFull: Bool) { contents.withLock { $0.isFull = isFull } }

    /// Makes reads of a sliver fail as a wrong checksum does.
    package func rot(_ name: SliverName) {
        contents.withLock { contents in _ = contents.rotten.insert(name) }
    }

    /// How often stored data was made durable.
    package var synchronizations: Int { contents.withLock { $0.synchronizations } }

    private func writing<Value>(
        _ body: (inout Contents) -> Value
    ) throws(NodeStoreError) -> Value {
        try contents.withLock { (contents) throws(NodeStoreError) in
            if contents.isFull { throw .full }
            return body(&contents)
        }
    }

    // MARK: NodeStore

    package func serially<Value>(_ body: () throws -> Value) rethrows -> Value {
        try applying.withLock { _ in try body() }
    }

    package func cursor() -> NodeCursor { contents.withLock { $0.cursor } }

    package func append(_ block: Block) throws(NodeStoreError) {
        try writing { contents in
            precondition(Int(block.height) <= contents.blocks.count + 1)
            guard Int(block.height) == contents.blocks.count + 1 else { return }
            contents.blocks.append(block.bcsBytes)
        }
    }

    package func commit(
        _ changes: NodeStateChanges,
        cursor: NodeCursor,
        garbageDue: UInt64
    ) throws(NodeStoreError) {
        try writing { contents in
            contents.infos.merge(changes.infos) { $1 }
            contents.pools.merge(changes.pools) { $1 }
            for blob in changes.infos.keys { contents.garbage[blob] = nil }
            for blob in changes.released { contents.garbage[blob] = garbageDue }
            contents.cursor = cursor
            contents.committees = changes.committees ?? contents.committees
        }
    }

    package func blocks(from height: UInt64, limit: Int) -> [[UInt8]] {
        contents.withLock { contents in
            guard height >= 1, height <= contents.blocks.count else { return [] }
            return Array(contents.blocks[Int(height - 1)...].prefix(limit))
        }
    }

    package func info(of blob: BlobID) -> BlobInfo? { contents.withLock { $0.infos[blob] } }

    package func committees() -> NodeCommittees? { contents.withLock { $0.committees } }

    package func blobs(after blob: BlobID?, limit: Int) -> [(blob: BlobID, info: BlobInfo)] {
        contents.withLock { contents in
            contents.infos.filter { entry in blob.map { entry.key > $0 } ?? true }
                .sorted { $0.key < $1.key }.prefix(limit).map { ($0.key, $0.value) }
        }
    }

    package func pairs(of blob: BlobID) -> [SliverPairIndex] {
        contents.withLock { contents in
            Set(contents.slivers.keys.filter { $0.blob == blob }.map(\.pair)).sorted()
        }
    }

    package func drop(_ pairs: [(blob: BlobID, pair: SliverPairIndex)]) {
        for (blob, pair) in pairs {
            for axis in SliverAxis.allCases {
                forget(SliverName(blob: blob, pair: pair, axis: axis))
            }
        }
    }

    package func end(ofPool pool: ObjectID) -> Epoch? { contents.withLock { $0.pools[pool] } }

    package func metadata(of blob: BlobID) -> BlobMetadata? {
        contents.withLock { $0.metadata[blob] }
    }

    package func hasMetadata(of blob: BlobID) -> Bool { metadata(of: blob) != nil }

    package func store(_ metadata: VerifiedBlobMetadata) throws(NodeStoreError) {
        try writing { $0.metadata[metadata.blobID] = metadata.metadata }
    }

    package func sliver(_ name: SliverName) throws(NodeStoreError) -> VerifiedSliver? {
        try contents.withLock { (contents) throws(NodeStoreError) in
            if contents.rotten.contains(name) { throw .damaged("\(name)") }
            return contents.slivers[name]
        }
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>
    ) throws(NodeStoreError) -> [UInt8]? {
        try sliver(name).map { Array($0.bytes[range.clamped(to: 0..<$0.bytes.count)]) }
    }

    package func hasSliver(_ name: SliverName) -> Bool {
        contents.withLock { $0.slivers[name] != nil }
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName
    ) throws(NodeStoreError) {
        try writing { contents in
            contents.slivers[name] = sliver
            contents.rotten.remove(name)
        }
    }

    package func forgetMetadata(of blob: BlobID) {
        contents.withLock { $0.metadata[blob] = nil }
    }

    package func forget(_ name: SliverName) {
        contents.withLock { contents in
            contents.slivers[name] = nil
            contents.rotten.remove(name)
        }
    }

    package func synchronize() throws(NodeStoreError) {
        try writing { $0.synchronizations += 1 }
    }

    package func synchronizeBlocks() throws(NodeStoreError) { try writing { _ in } }

    package func garbage(dueAt now: UInt64, limit: Int) -> [BlobID] {
        contents.withLock { contents in
            Array(contents.garbage.filter { $0.value <= now }.keys.sorted().prefix(limit))
        }
    }

    package func usage() -> NodeStoreUsage {
        contents.withLock { contents in
            var usage = NodeStoreUsage()
            usage.garbageBlobs = UInt64(contents.garbage.count)
            for (name, sliver) in contents.slivers where contents.garbage[name.blob] != nil {
                usage.garbageBytes += UInt64(sliver.sliver.dataBytes.count)
            }
            return usage
        }
    }

    package func deleteData(of blob: BlobID) {
        contents.withLock { contents in
            contents.metadata[blob] = nil
            contents.slivers = contents.slivers.filter { $0.key.blob != blob }
            contents.garbage[blob] = nil
        }
    }

    package func keep(_ blob: BlobID) {
        contents.withLock { $0.garbage[blob] = nil }
    }

    package func releaseExpired(at epoch: Epoch, due: UInt64) {
        contents.withLock { contents in
            let pools = contents.pools
            for (blob, info) in contents.infos
            where info.live(at: epoch, poolEnd: { pools[$0] }).isEmpty {
                contents.garbage[blob] = contents.garbage[blob] ?? due
            }
        }
    }

    package func close() {}
}
