// A storage node: it follows the ledger's blocks, keeps what is registered for its shards, proves
// by its signature that it does, and gives it back.
//
// The rules are `NodeState`'s, the bytes are the `NodeStore`'s; this is the shell that checks who
// may store what, waits where waiting helps, and keeps blocking calls off Swift's threads.

package import BlobModel
internal import Codec
internal import ErasureCoding
package import Ledger
internal import Synchronization
package import SystemIO
internal import Telemetry

/// What a node needs besides its store.
package struct NodeConfiguration: Sendable {
    package var genesis: Genesis
    package var incarnation: UInt32 = 0
    package var node: NodeID
    /// Whether the node was registered after the network's start, so that the genesis has not
    /// heard of it.
    package var joins = false
    /// Signs confirmations.
    package var protocolKey: SigningKey
    /// The node's protocol keys that came after it, by their public halves: a committee has the
    /// one that the ledger knew when it was selected.
    package var laterKeys: @Sendable (PublicKey) -> SigningKey? = { _ in nil }
    /// How long released data is kept.
    package var grace = standardGrace
    /// Ten minutes: whoever has read an older head of a volume has read on by then.
    package static let standardGrace = Duration.seconds(600)

    /// The grace that a person wrote, in whole seconds up to a year; nil when it is none.
    package static func grace(_ text: String) -> Duration? {
        guard let seconds = UInt32(text), seconds <= 366 * 86_400 else { return nil }
        return .seconds(Int64(seconds))
    }
    /// How long a request may wait for the block that it depends on.
    package var waitMax: Duration = .seconds(5)
    /// Chooses whom to ask first, and how long to wait before the next try.
    package var entropy: any Entropy = LinuxEntropy()
    package var scrub = ScrubSettings()

    package init(genesis: Genesis, node: NodeID, protocolKey: SigningKey) {
        self.genesis = genesis
        self.node = node
        self.protocolKey = protocolKey
    }
}

/// Why a node cannot start.
package enum StorageNodeError: Error, Equatable, Sendable {
    case directory(NodeDirectoryError)
    case store(NodeStoreError)
    /// The genesis has no such node, or it has another key.
    case notAMember(NodeID)
}

/// One storage node.
package final class StorageNode: StorageNodeConnection {
    struct Status {
        var cursor: NodeCursor
        /// The block at the cursor, as the ledger signed it; nil before the first.
        var newest: SignedBlockHeader?
        /// As of the cursor.
        var committees: NodeCommittees
        var isDiverged: Bool { divergence != nil }
        /// Why the node's chain is not the ledger's, in words.
        var divergence: String?
        var isFull = false
        var isLedgerSilent = false
        /// Whether the ledger has said since the start how far it is.
        var hasHeard = false
        /// Whether the node was at the ledger's newest block once since the start.
        var hasCaughtUp = false
        /// The newest block that the ledger is known to have.
        var ledgerHeight: UInt64 = 0
    }

    /// Requests for symbols that are answered at one time; more are refused.
    private static let symbolRequestsMax = 64

    package let configuration: NodeConfiguration
    let store: any NodeStore
    let pool: BlockingPool
    let time: any TimeSource
    let parameters: EncodingParameters
    let notice: @Sendable (NodeNotice) -> Void
    let codec: RedStuffCodec
    let recovery = Recovery()
    let scrubbing = Scrubbing()
    let expansions = ExpansionCache()
    let symbolPermits = SymbolPermits(symbolRequestsMax)
    let counters = NodeCounters()
    let started: Duration
    // Guards the few words that requests look at; held for no I/O.
    let status: Mutex<Status>
    let waiters = HeightWaiters()
    // Guards how far new shards are.
    let syncing = Mutex(ShardSyncProgress())

    /// Runs a node over its store, whose blocking calls `pool` makes.
    package init(
        configuration: NodeConfiguration,
        store: any NodeStore,
        pool: BlockingPool,
        time: any TimeSource,
        notice: @escaping @Sendable (NodeNotice) -> Void = { _ in }
    ) throws(StorageNodeError) {
        guard let committee = try? configuration.genesis.committee(),
            let parameters = try? EncodingParameters(shardCount: committee.shardCount)
        else {
            // A genesis that was read has a committee, whose shards can be encoded for.
            throw .notAMember(configuration.node)
        }
        let index = committee.index(of: configuration.node)
        let key = index.map { committee.members[$0].protocolKey }
        guard configuration.joins ? key == nil : key == configuration.protocolKey.publicKey else {
            throw .notAMember(configuration.node)
        }
        let cursor: NodeCursor
        let committees: NodeCommittees
        let newest: SignedBlockHeader?
        do throws(NodeStoreError) {
            cursor = try store.cursor()
            newest = try Self.newest(cursor.block, store)
            committees =
                try store.committees() ?? NodeCommittees(committee.moved(to: cursor.epoch))
        } catch {
            throw .store(error)
        }
        self.configuration = configuration
        self.store = store
        self.pool = pool
        self.time = time
        self.parameters = parameters
        codec = RedStuffCodec(parameters)
        self.notice = { [counters] in
            counters.notices.add($0.name)
            notice($0)
        }
        started = time.uptime
        status = Mutex(Status(cursor: cursor, newest: newest, committees: committees))
    }

    /// The signed header of the block at `place`; nil before the first.
    static func newest(
        _ place: BlockReference,
        _ store: any NodeStore
    ) throws(NodeStoreError) -> SignedBlockHeader? {
        guard place.height > 0 else { return nil }
        let bytes = try store.blocks(from: place.height, limit: 1).first
        // A log that has lost its end says nothing of it to the ledger.
        guard let bytes, let block = try? Block(bcsBytes: bytes), block.reference == place else {
            return nil
        }
        return block.signedHeader
    }

    var domain: SigningDomain {
        SigningDomain(
            network: configuration.genesis.networkID,
            incarnation: configuration.incarnation
        )
    }

    /// Who holds which shard, as of the last block applied.
    package var committees: NodeCommittees { status.withLock { $0.committees } }

    /// The shards that the node holds in this epoch.
    package var shards: [UInt16] { committees.shards(of: configuration.node) }

    /// The key by which the node is a member of a committee; nil when it is none, or the key is
    /// not here.
    func protocolKey(in committee: Committee) -> SigningKey? {
        guard let index = committee.index(of: configuration.node) else { return nil }
        let key = committee.members[index].protocolKey
        let own = configuration.protocolKey
        return key == own.publicKey ? own : configuration.laterKeys(key)
    }

    /// The last block that the node has applied.
    package var cursor: NodeCursor { status.withLock { $0.cursor } }

    /// Lets go of the store; nothing may be asked any more.
    package func close() async {
        await pool.run { [store] in store.close() }
    }

    // MARK: The store, off Swift's threads

    func reading<Value: Sendable>(
        _ body: @escaping @Sendable (any NodeStore) throws(NodeStoreError) -> Value
    ) async throws(NodeError) -> Value {
        let store = store
        do throws(NodeStoreError) {
            return try await pool.run { () throws(NodeStoreError) -> Value in try body(store) }
        } catch {
            throw refusal(for: error)
        }
    }

    /// Like `reading`, and remembers whether there is room.
    func writing<Value: Sendable>(
        _ body: @escaping @Sendable (any NodeStore) throws(NodeStoreError) -> Value
    ) async throws(NodeError) -> Value {
        let value = try await reading(body)
        status.withLock { $0.isFull = false }
        return value
    }

    private func refusal(for error: NodeStoreError) -> NodeError {
        switch error {
        case .full:
            let isNews = status.withLock { status in
                defer { status.isFull = true }
                return !status.isFull
            }
            if isNews { notice(.diskFull) }
            return .refused(.storageFull, "The node's disk is full.")
        case .damaged(let what), .failed(let what):
            notice(.diskFailed(what))
            return .refused(.internalError, "The node's disk failed.")
        }
    }

    // MARK: StorageNodeConnection, serving

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        let metadata = try await readingValid(blob) { [self] store throws(NodeStoreError) in
            do throws(NodeStoreError) {
                return try store.metadata(of: blob)
            } catch {
                guard case .damaged(let what) = error else { throw error }
                try dropMetadata(of: blob, what, store)
                return BlobMetadata?.none
            }
        }
        guard let metadata else {
            throw .refused(.metadataNotFound, "There is no metadata of \(blob) here.")
        }
        counters.metadataRetrieved.add()
        return BlobMetadataWithID(blobID: blob, metadata: metadata).bcsBytes
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try await readingValid(blob) { store throws(NodeStoreError) in
            try store.hasMetadata(of: blob) ? .stored : .nonexistent
        }
    }

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        let sliver = try await serving(name) { store throws(NodeStoreError) in
            try store.sliver(name)
        }
        counters.sliverRetrieved(name.axis)
        return .verified(sliver)
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        guard range.lowerBound >= 0, !range.isEmpty else {
            throw .refused(.rangeNotSatisfiable, "The range is empty.")
        }
        let bytes = try await serving(name) { store throws(NodeStoreError) in
            try store.sliverBytes(name, range: range)
        }
        guard bytes.count == range.count else {
            throw .refused(.rangeNotSatisfiable, "The sliver ends before \(range.upperBound).")
        }
        counters.sliverRetrieved(name.axis)
        return bytes
    }

    /// Reads a sliver; one whose bits have rotted is as good as missing, and is forgotten so that
    /// it can be brought again.
    private func serving<Value: Sendable>(
        _ name: SliverName,
        _ read: @escaping @Sendable (any NodeStore) throws(NodeStoreError) -> Value?
    ) async throws(NodeError) -> Value {
        try checkAssigned(name)
        let notice = notice
        let found = try await readingValid(name.blob) {
            [self] store throws(NodeStoreError) -> Value? in
            do throws(NodeStoreError) {
                return try read(store)
            } catch {
                guard case .damaged(let what) = error else { throw error }
                notice(.damagedSliver(name, what))
                try store.forget(name)
                wasDamaged(name.blob)
                return nil
            }
        }
        guard let found else { throw .refused(.sliverNotFound, "There is no sliver \(name).") }
        return found
    }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        try checkAssigned(name)
        return try await readingValid(name.blob) { store throws(NodeStoreError) in
            try store.hasSliver(name) ? .stored : .nonexistent
        }
    }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        let epoch = cursor.epoch
        return try await reading { store throws(NodeStoreError) in
            guard let info = try store.info(of: blob) else { return .nonexistent }
            let ends = try store.poolEnds(of: info)
            return info.status(at: epoch, poolEnd: { ends[$0] })
        }
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        guard height >= 1, limit >= 1 else {
            throw .refused(.invalidRequest, "Blocks are counted from 1.")
        }
        return try await reading { store throws(NodeStoreError) in
            try store.blocks(from: height, limit: min(limit, 1024))
        }
    }
}

extension NodeStore {
    func poolEnds(of info: BlobInfo) throws(NodeStoreError) -> [ObjectID: Epoch] {
        var ends: [ObjectID: Epoch] = [:]
        for case .pooled(let pool) in info.registrations.map(\.kind) {
            ends[pool] = try end(ofPool: pool)
        }
        return ends
    }

    /// The registrations of a blob that are alive in `epoch`.
    func live(
        _ info: BlobInfo?,
        at epoch: Epoch
    ) throws(NodeStoreError) -> [BlobRegistration] {
        guard let info else { return [] }
        let ends = try poolEnds(of: info)
        return info.live(at: epoch, poolEnd: { ends[$0] })
    }
}
