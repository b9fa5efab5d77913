/// The newest checkpoint of a volume, as the ledger has it.
package struct Head: Hashable, Sendable {
    /// 1 for the first checkpoint; a new volume has none.
    package let sequence: UInt64
    /// The blob that holds the manifest.
    package let manifest: BlobID
    /// The fencing token under which it was published.
    package let token: UInt32
    /// Block time of publication, milliseconds since 1970 UTC.
    package let publishedAt: UInt64

    package init(sequence: UInt64, manifest: BlobID, token: UInt32, publishedAt: UInt64) {
        self.sequence = sequence
        self.manifest = manifest
        self.token = token
        self.publishedAt = publishedAt
    }
}

/// The right to publish, and its fencing number.
package struct Lease: Hashable, Sendable {
    /// Grows with every change of holder; fits 24 bits, because slice ids carry it.
    package let token: UInt32
    /// The mount key that holds it; nil when it was released.
    package let holder: PublicKey?
    /// Someone else's wish to take over, with the block time (ms) at which it was recorded.
    package let claim: Claim?

    package struct Claim: Hashable, Sendable {
        package let claimant: PublicKey
        package let recordedAt: UInt64

        package init(claimant: PublicKey, recordedAt: UInt64) {
            self.claimant = claimant
            self.recordedAt = recordedAt
        }
    }

    package init(token: UInt32, holder: PublicKey?, claim: Claim?) {
        self.token = token
        self.holder = holder
        self.claim = claim
    }
}

/// What the ledger says of a volume.
package struct VolumeRecord: Hashable, Sendable {
    package let volume: VolumeID
    package let head: Head?
    package let lease: Lease
    /// Sequences that are kept besides the head.
    package let pins: [UInt64]
    /// The storage pool that pays: capacity and use in encoded bytes, first epoch without it.
    package let poolCapacity: UInt64
    package let poolUsed: UInt64
    package let poolEnd: Epoch
    package let currentEpoch: Epoch

    package init(
        volume: VolumeID,
        head: Head?,
        lease: Lease,
        pins: [UInt64],
        poolCapacity: UInt64,
        poolUsed: UInt64,
        poolEnd: Epoch,
        currentEpoch: Epoch
    ) {
        self.volume = volume
        self.head = head
        self.lease = lease
        self.pins = pins
        self.poolCapacity = poolCapacity
        self.poolUsed = poolUsed
        self.poolEnd = poolEnd
        self.currentEpoch = currentEpoch
    }
}

/// A blob that no checkpoint after some sequence needs.
package struct RetiredBlob: Hashable, Sendable {
    package let blob: BlobID
    /// Bytes that the pool pays for.
    package let encodedLength: UInt64
    /// No checkpoint up to this sequence needs it.
    package let bornAfter: UInt64
    /// No checkpoint after this sequence needs it.
    package let sequence: UInt64
    /// Block time (ms) from which it may be deleted.
    package let deletableFrom: UInt64

    package init(
        blob: BlobID,
        encodedLength: UInt64,
        bornAfter: UInt64,
        sequence: UInt64,
        deletableFrom: UInt64
    ) {
        self.blob = blob
        self.encodedLength = encodedLength
        self.bornAfter = bornAfter
        self.sequence = sequence
        self.deletableFrom = deletableFrom
    }

    /// Whether a checkpoint that is kept may need it.
    package func mayBeNeeded(by kept: UInt64) -> Bool { bornAfter < kept && kept <= sequence }
}

/// Why a lease or a head could not be changed.
package enum HeadStoreError: Error, Equatable, Sendable {
    /// The ledger can not be reached, and nothing was sent.
    case unavailable(String)
    /// The transaction was sent, and whether it took effect is not known: read the head.
    case outcomeUnknown(String)
    /// The head is not what the caller thought.
    case conflict(current: Head?)
    /// Another mount key holds the lease, or the token is no longer the current one.
    case leaseLost(Lease)
    /// The holder may still answer the claim, until this block time (ms).
    case patienceNotOver(until: UInt64)
    /// This mount key does not claim the lease: the holder has answered, or another claims it.
    case notClaimed(Lease)
    /// The ledger does not know the volume.
    case unknownVolume(VolumeID)
    /// The ledger refused for a reason that a retry does not change.
    case rejected(String)
    case cancelled

    package var isTransient: Bool {
        switch self {
        case .unavailable, .outcomeUnknown: true
        case .conflict, .leaseLost, .patienceNotOver, .notClaimed, .unknownVolume, .rejected,
            .cancelled:
            false
        }
    }
}

/// Says which checkpoint of one volume is the newest, and who may publish the next.
///
/// Bound to one volume and one mount key by whoever makes it. Rules: network.md, "Lease", "Head".
package protocol HeadStore: Sendable {
    /// How long the ledger gives a holder to answer a claim; nil while it is not known.
    var patience: Duration? { get }

    func record() async throws(HeadStoreError) -> VolumeRecord

    /// Takes the lease when it is free or this mount key's own, with a token one higher; otherwise
    /// records a claim and returns the lease as it stands, held by another.
    func acquireLease() async throws(HeadStoreError) -> Lease

    /// Takes the lease from another holder whose patience with our claim has run out.
    func takeOverLease() async throws(HeadStoreError) -> Lease

    /// Answers a claim: the holder is alive, and keeps the lease.
    func keepLease(token: UInt32) async throws(HeadStoreError) -> Lease

    func releaseLease(token: UInt32) async throws(HeadStoreError)

    /// Makes `manifest` the head with the sequence `expected + 1`; `expected` is 0 for the first.
    ///
    /// An identical repeat succeeds. `pins` are the sequences kept besides the head.
    func publish(
        manifest: BlobID,
        expected: UInt64,
        token: UInt32,
        pins: [UInt64]
    ) async throws(HeadStoreError) -> Head

    /// Says that no checkpoint after `sequence` needs these blobs; repeats change nothing.
    ///
    /// They stay for the ledger's grace, or, `immediately`, for no time at all.
    func retire(
        _ blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    ) async throws(HeadStoreError)

    /// The blobs of this volume that are retired, and not deleted.
    func retired() async throws(HeadStoreError) -> [RetiredBlob]

    /// Has the storage of retired blobs let go of; those that are gone already are passed over.
    ///
    /// Refused, all of them, while the grace of one is not over, or the head or a pin needs it.
    func deleteRetired(_ blobs: [BlobID], token: UInt32) async throws(HeadStoreError)
}
