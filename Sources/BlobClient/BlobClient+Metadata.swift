package import BlobModel
internal import Codec
internal import SystemIO

/// Metadata comes from whoever has it: it proves itself, because its hash is the blob's name.
extension BlobClient {
    /// Metadata requests under way at one time; the reference has the same.
    private static let metadataRequests = 3

    private enum MetadataOutcome: Sendable {
        case found(VerifiedBlobMetadata)
        case missing(weight: Int)
        /// It says that the blob is invalid.
        case invalid(weight: Int)
        case failed
        /// Another one is asked besides those that have not answered.
        case timer
    }

    /// The verified metadata of a blob.
    ///
    /// Throws `notFound` only when a quorum says so, and `inconsistent` only when so many do that
    /// one of them must be right.
    package func metadata(
        of blob: BlobID
    ) async throws(BlobStoreError) -> VerifiedBlobMetadata {
        try await metadata(of: blob, from: peers)
    }

    /// As `metadata(of:)`, from the nodes of one committee.
    func metadata(
        of blob: BlobID,
        from peers: NodePeers
    ) async throws(BlobStoreError) -> VerifiedBlobMetadata {
        if let cached = cachedMetadata(of: blob) { return cached }
        let order = peers.order(environment.entropy)
        var missing = 0
        var invalid = 0
        let found = await withTaskGroup(of: MetadataOutcome.self) { group in
            var next = 0
            var waiting = 0
            func askNext() {
                guard next < order.count else { return }
                let member = order[next]
                next += 1
                waiting += 1
                group.addTask { await self.metadata(of: blob, from: member, peers) }
            }
            func setTimer() {
                group.addTask {
                    // Cancelled when the metadata is here.
                    try? await self.environment.time.sleep(for: PeerHealth.latencyDefault)
                    return .timer
                }
            }
            defer { group.cancelAll() }
            for _ in 0..<Self.metadataRequests { askNext() }
            setTimer()
            while waiting > 0, let outcome = await group.next() {
                switch outcome {
                case .found(let metadata): return metadata as VerifiedBlobMetadata?
                case .missing(let weight):
                    waiting -= 1
                    missing += weight
                    if peers.committee.isQuorum(missing) { return nil }
                case .invalid(let weight):
                    waiting -= 1
                    invalid += weight
                    if peers.committee.isValidity(invalid) { return nil }
                case .failed: waiting -= 1
                case .timer:
                    if Task.isCancelled { return nil }
                    setTimer()
                }
                askNext()
            }
            return nil
        }
        if let found {
            remember(found)
            return found
        }
        if Task.isCancelled { throw .cancelled }
        if peers.committee.isValidity(invalid) { throw .inconsistent(blob) }
        if peers.committee.isQuorum(missing) { throw .notFound(blob) }
        throw .unavailable("No node that can be reached has the metadata of \(blob).")
    }

    private func metadata(
        of blob: BlobID,
        from member: Int,
        _ peers: NodePeers
    ) async -> MetadataOutcome {
        let bytes: [UInt8]
        do throws(NodeError) {
            bytes = try await peers.ask(member) { (node) throws(NodeError) in
                try await node.metadata(of: blob)
            }
        } catch {
            let weight = peers.committee.members[member].weight
            switch error.refusal {
            case .metadataNotFound: return .missing(weight: weight)
            case .invalidBlob: return .invalid(weight: weight)
            default: return .failed
            }
        }
        // Whatever is wrong with it, it is not this blob's metadata.
        guard let decoded = try? BlobMetadataWithID(bcsBytes: bytes), decoded.blobID == blob,
            let verified = try? decoded.verify(parameters)
        else {
            peers.lied(member, "metadata that is not of blob \(blob)")
            return .failed
        }
        return .found(verified)
    }
}
