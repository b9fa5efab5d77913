// What the filesystem knows of the network: `BlobStore` keeps immutable bytes, `HeadStore` says
// which of them are the newest checkpoint of one volume. Both are bound to one volume and its keys
// by whoever makes them; `BlobClient` implements both over a network, tests implement them over a
// dictionary. `Docs/Architecture.md` says why the arrow points this way.

/// Who checks the bytes that a read returns.
package enum ReadAuthentication: Sendable {
    /// The store verifies whole slivers against the blob's metadata before it returns a byte.
    case store
    /// The caller authenticates the bytes itself (AEAD frames); the store may return just these
    /// bytes from whoever answers first. When they turn out wrong the caller reads again with
    /// `.store`, which fetches verified slivers, names the liar and repairs.
    case caller
}

/// How long a stored blob lives.
package enum BlobLifetime: Hashable, Sendable {
    /// Until an epoch, exclusive.
    case epoch(Epoch)
    /// As long as the storage pool it is in, whose end epoch (exclusive) may move.
    case pool(ObjectID, end: Epoch)
}

/// What `store` returns once the certificate is on the ledger.
package struct StoredBlob: Hashable, Sendable {
    package let blob: BlobID
    package let length: UInt64
    package let lifetime: BlobLifetime

    package init(blob: BlobID, length: UInt64, lifetime: BlobLifetime) {
        self.blob = blob
        self.length = length
        self.lifetime = lifetime
    }
}

/// Why a blob could not be stored or read.
package enum BlobStoreError: Error, Equatable, Sendable {
    /// Too few nodes or no ledger could be reached; the same call may succeed later.
    case unavailable(String)
    /// The network answered, and knows no such blob, or knows it no longer.
    case notFound(BlobID)
    /// Whoever encoded the blob did so inconsistently: its slivers are right and do not fit
    /// together, so that it has no contents. Nobody can mend that, nor read it ever again.
    case inconsistent(BlobID)
    /// What came is not the blob.
    case corrupt(BlobID, String)
    /// The volume's pool is full, expired or out of funds.
    case notFunded(String)
    /// The range is not inside the blob, or the blob is larger than this network takes.
    case invalidRequest(String)
    /// The ledger refused a transaction for a reason that a retry does not change.
    case rejected(String)
    /// The operation was cancelled.
    case cancelled

    /// Whether the same call may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .unavailable: true
        case .notFound, .inconsistent, .corrupt, .notFunded, .invalidRequest, .rejected, .cancelled:
            false
        }
    }
}

extension BlobStore {
    /// Stores `bytes`, and returns when their certificate is on the ledger.
    package func store(_ bytes: [UInt8]) async throws(BlobStoreError) -> StoredBlob {
        try await store(bytes, registered: nil)
    }
}

/// Keeps immutable bytes for one volume.
package protocol BlobStore: Sendable {
    /// The length of a blob of `length` bytes when encoded, all slivers and metadata together;
    /// nil when the network does not take blobs of this length.
    func encodedLength(of length: UInt64) -> UInt64?

    /// The part of `encodedLength` that is metadata: what small blobs pay too much of.
    var metadataLength: UInt64 { get }

    /// Stores `bytes`, and returns when their certificate is on the ledger.
    ///
    /// Idempotent: storing the same bytes again, also after a crash, registers and pays once.
    /// `registered` is told when the ledger knows the blob and none of it is uploaded yet; not
    /// where it was certified before.
    func store(
        _ bytes: [UInt8],
        registered: (@Sendable () -> Void)?
    ) async throws(BlobStoreError) -> StoredBlob

    /// Reads `range` (bytes of the blob), all of it or nothing.
    func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8]

    /// The length of a certified blob, from its verified metadata.
    func length(of blob: BlobID) async throws(BlobStoreError) -> UInt64

    /// Whether the ledger says that the blob is certified and alive in this volume's pool, and
    /// until when.
    func lifetime(of blob: BlobID) async throws(BlobStoreError) -> BlobLifetime?
}
