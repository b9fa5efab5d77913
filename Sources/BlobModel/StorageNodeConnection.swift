// How a storage node is spoken to, whoever carries the words: a node in the same process answers
// itself (`StorageNode`), one elsewhere through HTTP (`Docs/Formats/node-api.md` says how each of
// these becomes a request of the reference's REST API).
//
// In process nothing is copied or verified twice: what the encoder made is a `VerifiedSliver` and
// is taken as such. Whatever comes out of a node is unverified (`FetchedSliver.bytes`) unless its
// type says otherwise; whoever asks verifies.

/// What a node did with something that it was to keep.
package enum StoreOutcome: Hashable, Sendable {
    /// HTTP 201.
    case stored
    /// It was here before; HTTP 200.
    case alreadyStored
}

/// Whether a node has something; the raw value is the JSON.
package enum StoredStatus: String, Hashable, Sendable {
    case nonexistent
    case buffered
    case stored
}

/// A sliver that came from a node.
package enum FetchedSliver: Sendable {
    /// BCS of the sliver without its axis, as it came from a socket or a disk.
    case bytes([UInt8])
    case verified(VerifiedSliver)
}

/// Which sliver of a blob: HTTP paths name slivers by pair and axis.
package struct SliverName: Hashable, Sendable, CustomStringConvertible {
    package let blob: BlobID
    package let pair: SliverPairIndex
    package let axis: SliverAxis

    package init(blob: BlobID, pair: SliverPairIndex, axis: SliverAxis) {
        self.blob = blob
        self.pair = pair
        self.axis = axis
    }

    package var description: String { "\(blob)/\(pair)/\(axis.name)" }
}

/// The event that a blob's status follows from.
package struct StatusEvent: Hashable, Sendable {
    package let transaction: TransactionDigest
    package let index: UInt32

    package init(transaction: TransactionDigest, index: UInt32) {
        self.transaction = transaction
        self.index = index
    }
}

/// What a node knows of a blob from the ledger's events; precedence as the cases stand, upwards.
package enum NodeBlobStatus: Hashable, Sendable {
    case nonexistent
    /// Deletable objects only, those in storage pools among them.
    case deletable(DeletableCounts, initialCertifiedEpoch: Epoch?)
    case permanent(
        end: Epoch,
        isCertified: Bool,
        event: StatusEvent,
        DeletableCounts,
        initialCertifiedEpoch: Epoch?
    )
    case invalid(StatusEvent)

    package struct DeletableCounts: Hashable, Sendable {
        package let total: UInt32
        package let certified: UInt32

        package init(total: UInt32, certified: UInt32) {
            self.total = total
            self.certified = certified
        }
    }
}

/// How a node says that it is.
package struct NodeHealth: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable {
        case active = "Active"
        /// Follows blocks that are not the newest.
        case catchingUp = "RecoveryCatchUp"
        /// Its chain is not the ledger's: it serves, accepts nothing and deletes nothing.
        case standby = "Standby"
        /// It lacks something of blobs that it should hold.
        case recovering = "RecoveryInProgress"
    }

    /// What reading over what is stored has found since the node started.
    package struct Scrub: Hashable, Sendable {
        package let passes: UInt64
        package let sliversChecked: UInt64
        package let damaged: UInt64

        package init(passes: UInt64, sliversChecked: UInt64, damaged: UInt64) {
            self.passes = passes
            self.sliversChecked = sliversChecked
            self.damaged = damaged
        }
    }

    package let uptimeSeconds: UInt64
    package let epoch: Epoch
    package let publicKey: PublicKey
    package let node: NodeID
    package let status: Status
    package let shards: [UInt16]
    /// The last block that it has applied.
    package let height: UInt64
    /// The newest block that it knows of.
    package let ledgerHeight: UInt64
    package let blockHash: BlockHash
    /// Whether its disk is full, so that it takes no more slivers.
    package let isFull: Bool
    /// Those of its shards of which something is missing.
    package let recovering: [UInt16]
    /// How many blobs something is missing of.
    package let blobsIncomplete: UInt64
    package let scrub: Scrub
    /// Those of its shards that are on their way from their former holders.
    package let inTransfer: [UInt16]
    /// Shards that it has given up and still serves.
    package let readOnly: [UInt16]
    /// Why its chain is not the ledger's; nil when it is.
    package let divergence: String?
    /// Whether the ledger does not answer it.
    package let isLedgerSilent: Bool

    package init(
        uptimeSeconds: UInt64,
        epoch: Epoch,
        publicKey: PublicKey,
        node: NodeID,
        status: Status,
        shards: [UInt16],
        height: UInt64,
        ledgerHeight: UInt64,
        blockHash: BlockHash,
        isFull: Bool,
        recovering: [UInt16] = [],
        blobsIncomplete: UInt64 = 0,
        scrub: Scrub = Scrub(passes: 0, sliversChecked: 0, damaged: 0),
        inTransfer: [UInt16] = [],
        readOnly: [UInt16] = [],
        divergence: String? = nil,
        isLedgerSilent: Bool = false
    ) {
        self.inTransfer = inTransfer
        self.readOnly = readOnly
        self.divergence = divergence
        self.isLedgerSilent = isLedgerSilent
        self.recovering = recovering
        self.blobsIncomplete = blobsIncomplete
        self.scrub = scrub
        self.uptimeSeconds = uptimeSeconds
        self.epoch = epoch
        self.publicKey = publicKey
        self.node = node
        self.status = status
        self.shards = shards
        self.height = height
        self.ledgerHeight = ledgerHeight
        self.blockHash = blockHash
        self.isFull = isFull
    }

    /// What keeps the node from taking slivers now, in words; empty when it is ready.
    package var obstacles: [String] {
        var obstacles: [String] = []
        if let divergence {
            obstacles.append("its chain is not the ledger's: \(divergence)")
        } else if isLedgerSilent {
            obstacles.append("the ledger does not answer")
        } else if status == .catchingUp {
            obstacles.append("it has \(height) of at least \(ledgerHeight) blocks")
        }
        if isFull { obstacles.append("its disk is full") }
        return obstacles
    }
}

/// A storage node, as its clients and peers see it.
///
/// `height` is the height of the ledger that a request depends on: the node waits, at most 5
/// seconds, until it has applied that block, instead of answering `NOT_REGISTERED`.
package protocol StorageNodeConnection: SymbolSource, InvalidityWitness {
    /// The metadata with its blob id in BCS, unverified.
    func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8]

    func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome

    func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus

    func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver

    /// Part of a sliver's symbols, unverified: `range` counts the bytes of the symbols alone,
    /// without the sliver's length, symbol size and index. There are `length` of them, as the
    /// metadata says.
    func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8]

    /// - Precondition: `sliver` is the one that `name` names.
    func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome

    func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus

    /// The node's signature that it holds both slivers of all its shards of this blob, durably.
    ///
    /// A blob that is not registered so may be registered within `patience`; that is waited for.
    func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage

    func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus

    func health() async throws(NodeError) -> NodeHealth

    /// Up to `limit` blocks of the ledger from `height` on, each in BCS, as the node keeps them.
    func blocks(from height: UInt64, limit: Int) async throws(NodeError) -> [[UInt8]]
}

extension StorageNodeConnection {
    /// A confirmation, or a refusal at once.
    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?
    ) async throws(NodeError) -> SignedMessage {
        try await confirmation(
            of: blob,
            persistence: persistence,
            height: height,
            patience: .zero
        )
    }
}
