/// Why a storage node refuses a request: the reference's reasons, word for word.
///
/// The raw value is the `reason` of the error's JSON; ``status`` and ``code`` go with it
/// (`Docs/Formats/node-api.md` has the table).
package enum NodeRefusal: String, Hashable, Sendable, CaseIterable {
    /// The ledger, as far as the node has followed it, knows no live registration of the blob.
    case notRegistered = "NOT_REGISTERED"
    case metadataNotFound = "METADATA_NOT_FOUND"
    case sliverNotFound = "SLIVER_NOT_FOUND"
    /// The bytes are no metadata, or not of this blob.
    case invalidMetadata = "INVALID_METADATA"
    /// The ledger says that the blob was encoded inconsistently.
    case invalidBlob = "INVALID_BLOB"
    case unsupportedEncodingType = "UNSUPPORTED_ENCODING_TYPE"
    /// The bytes are no sliver, or its symbols do not hash to what the metadata says.
    case invalidSliver = "INVALID_SLIVER"
    /// The bytes are no inconsistency proof, or show nothing.
    case invalidProof = "INVALID_PROOF"
    /// The sliver is another one than the path says.
    case sliverIndexMismatch = "SLIVER_INDEX_MISMATCH"
    case sliverTooLarge = "SLIVER_TOO_LARGE"
    /// The pair belongs to a shard that this node does not hold.
    case shardNotAssigned = "SHARD_NOT_ASSIGNED"
    case indexOutOfRange = "INDEX_OUT_OF_RANGE"
    /// A confirmation was asked for before all slivers were here.
    case missingSlivers = "MISSING_SLIVERS"
    case rangeNotSatisfiable = "RANGE_NOT_SATISFIABLE"
    /// Symbols were asked for, and none was named.
    case noSymbolsSpecified = "NO_SYMBOLS_SPECIFIED"
    /// The symbol is in no sliver of this node's shards.
    case symbolNotPresent = "SYMBOL_NOT_PRESENT_AT_SHARDS"
    /// The node computes as many symbols as it can; later it may have time.
    case unavailable = "UNAVAILABLE"
    /// The request is malformed in a way that no other reason names.
    case invalidRequest = "INVALID_REQUEST"
    /// There is no room to keep what is not registered yet.
    case cacheSaturated = "CACHE_SATURATED"
    /// The node's disk is full; it keeps serving what it has.
    case storageFull = "STORAGE_FULL"
    /// The node has not caught up with the ledger, or its chain is not the ledger's.
    case ledgerBehind = "LEDGER_BEHIND"
    /// A block was asked for that the node does not have.
    case blockNotFound = "BLOCK_NOT_FOUND"
    /// Only the shard's new holder may have its slivers, and says so with its key.
    case requestUnauthorized = "REQUEST_UNAUTHORIZED"
    /// The request or the answer is of another epoch than the one who asks or answers.
    case invalidEpoch = "INVALID_EPOCH"
    case sliverCountExceedsLimit = "SLIVER_COUNT_EXCEEDS_LIMIT"
    /// The node's own disk failed.
    case internalError = "INTERNAL"

    /// The status word of Google's AIP-193, as the reference uses it.
    package var status: String {
        switch self {
        case .notRegistered, .invalidBlob, .shardNotAssigned, .missingSlivers, .cacheSaturated,
            .invalidEpoch, .noSymbolsSpecified, .symbolNotPresent:
            "FAILED_PRECONDITION"
        case .metadataNotFound, .sliverNotFound, .blockNotFound: "NOT_FOUND"
        case .invalidMetadata, .unsupportedEncodingType, .invalidSliver, .invalidProof,
            .sliverIndexMismatch, .sliverTooLarge, .indexOutOfRange, .invalidRequest,
            .sliverCountExceedsLimit:
            "INVALID_ARGUMENT"
        case .rangeNotSatisfiable: "RANGE_NOT_SATISFIABLE"
        case .storageFull: "RESOURCE_EXHAUSTED"
        case .ledgerBehind, .unavailable: "UNAVAILABLE"
        case .requestUnauthorized: "PERMISSION_DENIED"
        case .internalError: "INTERNAL"
        }
    }

    /// The status word of a refusal to store something: that the metadata is missing is then a
    /// condition that the client did not meet, and not a thing that it asked for.
    package var statusWhenStoring: String {
        self == .metadataNotFound ? "FAILED_PRECONDITION" : status
    }

    /// The HTTP status code of ``status``.
    package var code: Int {
        switch status {
        case "PERMISSION_DENIED": 403
        case "NOT_FOUND": 404
        case "RANGE_NOT_SATISFIABLE": 416
        case "RESOURCE_EXHAUSTED": 429
        case "INTERNAL": 500
        case "UNAVAILABLE": 503
        default: 400
        }
    }
}

/// Why a storage node did not do what it was asked.
package enum NodeError: Error, Hashable, Sendable {
    /// The node answered, and refused.
    case refused(NodeRefusal, String)
    /// No answer: no connection, a connection that broke, or no answer in time.
    case unreachable(String)
    /// The answer is not what such a request is answered with; who sent it lies or is broken.
    case malformed(String)
    case cancelled

    /// The reason of a refusal; nil when the node did not answer.
    package var refusal: NodeRefusal? {
        if case .refused(let refusal, _) = self { refusal } else { nil }
    }

    /// Whether the same request may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .unreachable: true
        case .refused(.storageFull, _), .refused(.ledgerBehind, _), .refused(.notRegistered, _),
            .refused(.cacheSaturated, _), .refused(.unavailable, _):
            true
        case .refused, .malformed, .cancelled: false
        }
    }
}
