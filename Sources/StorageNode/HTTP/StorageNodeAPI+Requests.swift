internal import BlobModel
internal import Synchronization
internal import Transport

// How the node's requests are read, and its outcomes and refusals written.

extension ServerRequest {
    func blob() throws(NodeError) -> BlobID {
        let text = parameter("blob")
        // Whatever is wrong with the text, it names no blob.
        guard let blob = try? BlobID(text: text) else {
            throw .refused(.invalidRequest, "\(text) is no blob id.")
        }
        return blob
    }

    func sliver(_ parameters: EncodingParameters) throws(NodeError) -> SliverName {
        let blob = try blob()
        guard let axis = SliverAxis(name: parameter("axis")) else {
            throw .refused(.invalidRequest, "\(parameter("axis")) is no sliver type.")
        }
        guard let number = UInt64(parameter("pair")) else {
            throw .refused(.invalidRequest, "\(parameter("pair")) is no number.")
        }
        guard number < parameters.shardCount else {
            throw .refused(.indexOutOfRange, "There are \(parameters.shardCount) pairs.")
        }
        return SliverName(blob: blob, pair: SliverPairIndex(UInt16(number)), axis: axis)
    }

    /// The ledger's height that the request depends on.
    func height() throws(NodeError) -> UInt64? {
        guard let text = headers[NodeWire.heightHeader] else { return nil }
        guard let height = UInt64(text) else {
            throw .refused(.invalidRequest, "\(NodeWire.heightHeader): \(text) is no height.")
        }
        return height
    }

    /// A parameter that is `true`, `false` or not there.
    func flag(_ name: String) throws(NodeError) -> Bool {
        switch query[name] {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw .refused(.invalidRequest, "\(name)=\(text.prefix(20)) is not true or false.")
        }
    }

    /// How long a confirmation may wait for a registration.
    func patience() throws(NodeError) -> Duration {
        let millis = try number(
            "wait_millis",
            in: 0...NodeWire.waitMillisMax,
            orElse: NodeWire.waitMillisDefault
        )
        return try flag("wait_for_registration") ? .milliseconds(millis) : .zero
    }

    func number(
        _ name: String,
        in range: ClosedRange<Int>,
        orElse fallback: Int? = nil
    ) throws(NodeError) -> Int {
        guard let text = query[name] else {
            guard let fallback else { throw .refused(.invalidRequest, "\(name) is missing.") }
            return fallback
        }
        guard let number = Int(text), range.contains(number) else {
            throw .refused(.invalidRequest, "\(name)=\(text) is not in \(range).")
        }
        return number
    }

    /// The body; one that is too long gets this refusal.
    func body(
        upTo limit: Int,
        orRefuse refusal: NodeRefusal
    ) async throws -> [UInt8] {
        do {
            return try await body.collect(upTo: limit)
        } catch .tooLarge {
            throw NodeError.refused(refusal, "The body may have \(limit) bytes.")
        }
    }
}

extension ServerResponse {
    static func outcome(_ outcome: StoreOutcome) throws -> ServerResponse {
        try .success("stored", code: outcome == .stored ? 201 : 200)
    }
}

extension APIError {
    init(_ error: NodeError, isStoring: Bool) {
        switch error {
        case .refused(let refusal, let message):
            let word = isStoring ? refusal.statusWhenStoring : refusal.status
            let status = APIStatus(rawValue: word) ?? .internalError
            self.init(status, reason: refusal.rawValue, message: message)
        case .unreachable(let message):
            self.init(.unavailable, reason: "UNAVAILABLE", message: message)
        case .malformed(let message):
            self.init(.internalError, reason: "INTERNAL", message: message)
        case .cancelled:
            self.init(.unavailable, reason: "SHUTTING_DOWN", message: "The node is stopping.")
        }
    }
}

/// The metadata of the blobs that slivers came for last.
///
/// An upload is two slivers per shard of one blob within moments, and each needs the metadata to be
/// checked against.
final class MetadataCache: Sendable {
    private static let countMax = 64

    private struct Entries {
        var byBlob: [BlobID: VerifiedBlobMetadata] = [:]
        var order: [BlobID] = []
    }

    // Guards the entries, which concurrent requests read and add to; held for no I/O.
    private let entries = Mutex(Entries())

    subscript(blob: BlobID) -> VerifiedBlobMetadata? {
        entries.withLock { $0.byBlob[blob] }
    }

    func insert(_ metadata: VerifiedBlobMetadata) {
        entries.withLock { entries in
            guard entries.byBlob.updateValue(metadata, forKey: metadata.blobID) == nil else {
                return
            }
            entries.order.append(metadata.blobID)
            guard entries.order.count > Self.countMax else { return }
            entries.byBlob[entries.order.removeFirst()] = nil
        }
    }
}
