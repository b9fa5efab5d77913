// What a storage node does with a block, decided without a disk: `NodeState.apply` reads the rows
// that a block touches and returns what they become. The shell around it (`StorageNode`) writes
// the block to its log first, then the rows and the cursor together, so that every block takes
// effect exactly once and in order.

package import BlobModel
package import Ledger

/// What a node has counted so far, as `NodeState.apply` reads it.
package protocol NodeStateReader {
    func info(of blob: BlobID) throws(NodeStoreError) -> BlobInfo?
    func end(ofPool pool: ObjectID) throws(NodeStoreError) -> Epoch?
}

/// What one block changes.
package struct NodeStateChanges: Equatable {
    package var infos: [BlobID: BlobInfo] = [:]
    package var pools: [ObjectID: Epoch] = [:]
    /// Blobs that a deletion or an invalidation has left without a live registration; their data
    /// may go after the grace.
    package var released: Set<BlobID> = []
    /// Blobs that were certified, which the node should therefore hold.
    package var certified: Set<BlobID> = []
    /// The current epoch after the block.
    package var epoch: Epoch
    /// Who holds which shard after the block, if it says anything of that.
    package var committees: NodeCommittees?
}

/// Why a block is not the next one.
package enum ChainError: Error, Equatable, Sendable {
    case wrongNetwork(NetworkID)
    case wrongIncarnation(UInt32)
    /// The block is of another height than the one after the cursor.
    case wrongHeight(UInt64, expected: UInt64)
    /// The block's parent is not the block at the cursor: two chains.
    case wrongParent(at: UInt64)
    /// Its producer is not the one that the genesis names, or did not sign it.
    case badSignature(height: UInt64)
    /// Its roots are not those of its contents.
    case inconsistent(height: UInt64)
}

/// The rules of a node's bookkeeping.
package enum NodeState {
    /// Checks that `block` is the child of the block at `cursor`, made by the producer.
    package static func check(
        _ block: Block,
        after cursor: BlockReference,
        in domain: SigningDomain,
        producer: PublicKey
    ) throws(ChainError) {
        let header = block.header
        guard header.network == domain.network else { throw .wrongNetwork(header.network) }
        guard header.incarnation == domain.incarnation else {
            throw .wrongIncarnation(header.incarnation)
        }
        guard header.height == cursor.height + 1 else {
            throw .wrongHeight(header.height, expected: cursor.height + 1)
        }
        guard header.parent == cursor.hash else { throw .wrongParent(at: cursor.height) }
        guard header.producer == producer, block.signedHeader.isSigned else {
            throw .badSignature(height: header.height)
        }
        guard block.isConsistent else { throw .inconsistent(height: header.height) }
    }

    /// What the events of `block` change, read on the state before it, whose epoch is `epoch`.
    package static func apply(
        _ block: Block,
        epoch: Epoch,
        committees: NodeCommittees,
        to state: some NodeStateReader
    ) throws(NodeStoreError) -> NodeStateChanges {
        var application = Application(
            state: state,
            committees: committees,
            changes: NodeStateChanges(epoch: epoch)
        )
        for (id, event) in block.events {
            try application.apply(
                event,
                StatusEvent(transaction: id.transaction, index: id.index)
            )
        }
        if application.committees != committees {
            application.changes.committees = application.committees
        }
        return application.changes
    }
}

private struct Application<State: NodeStateReader> {
    let state: State
    var committees: NodeCommittees
    var changes: NodeStateChanges

    mutating func apply(_ event: Event, _ name: StatusEvent) throws(NodeStoreError) {
        if committees.apply(event) { changes.epoch = max(changes.epoch, committees.current.epoch) }
        switch event {
        case .blobRegistered(_, let blob, let length, _, let end, let deletable, let object):
            try register(
                blob,
                length: length,
                object,
                deletable ? .deletable : .permanent,
                end: end,
                name
            )
        case .pooledBlobRegistered(_, let pool, let blob, let length, _, let end, let object):
            try register(blob, length: length, object, .pooled(pool), end: end, name)
        case .blobCertified(let epoch, let blob, let end, _, let object, _):
            try certify(blob, object, end: end, epoch: epoch, name)
        case .pooledBlobCertified(let epoch, _, let blob, let end, let object):
            try certify(blob, object, end: end, epoch: epoch, name)
        case .blobDeleted(_, let blob, _, let object, _),
            .pooledBlobDeleted(_, _, let blob, let object, _):
            try release(blob) { $0.delete(object) }
        case .invalidBlobID(_, let blob):
            try release(blob) { $0.invalidate(name) }
        case .poolCreated(_, let pool, _, _, let end), .poolChanged(_, let pool, _, let end):
            changes.pools[pool] = end
        case .epochChangeStart, .epochChangeDone, .epochParametersSelected, .nodeUpdated,
            .nodeRegistered, .shardsReceived, .volumeCreated, .leaseChanged, .headPublished,
            .blobsRetired:
            break
        }
    }

    private func info(of blob: BlobID) throws(NodeStoreError) -> BlobInfo? {
        if let changed = changes.infos[blob] { return changed }
        return try state.info(of: blob)
    }

    private mutating func register(
        _ blob: BlobID,
        length: UInt64,
        _ object: ObjectID,
        _ kind: BlobRegistration.Kind,
        end: Epoch,
        _ name: StatusEvent
    ) throws(NodeStoreError) {
        var info = try info(of: blob) ?? BlobInfo(length: length)
        guard info.invalidated == nil else { return }
        info.register(
            BlobRegistration(object: object, kind: kind, end: end, isCertified: false, event: name)
        )
        changes.infos[blob] = info
        changes.released.remove(blob)
    }

    private mutating func certify(
        _ blob: BlobID,
        _ object: ObjectID,
        end: Epoch,
        epoch: Epoch,
        _ name: StatusEvent
    ) throws(NodeStoreError) {
        guard var info = try info(of: blob), info.invalidated == nil else { return }
        info.certify(object, end: end, epoch: epoch, event: name)
        changes.infos[blob] = info
        changes.certified.insert(blob)
    }

    /// Takes registrations away, and releases the blob when none that is alive is left.
    private mutating func release(
        _ blob: BlobID,
        _ change: (inout BlobInfo) -> Void
    ) throws(NodeStoreError) {
        guard var info = try info(of: blob) else { return }
        change(&info)
        changes.infos[blob] = info
        let pools = try poolEnds(of: info)
        if info.live(at: changes.epoch, poolEnd: { pools[$0] }).isEmpty {
            changes.released.insert(blob)
            changes.certified.remove(blob)
        }
    }

    private func poolEnds(
        of info: BlobInfo
    ) throws(NodeStoreError) -> [ObjectID: Epoch] {
        var ends: [ObjectID: Epoch] = [:]
        for case .pooled(let pool) in info.registrations.map(\.kind) {
            if let changed = changes.pools[pool] {
                ends[pool] = changed
            } else {
                ends[pool] = try state.end(ofPool: pool)
            }
        }
        return ends
    }
}
