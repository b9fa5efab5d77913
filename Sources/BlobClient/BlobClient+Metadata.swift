package import BlobModel
internal import Codec

/// Metadata comes from whoever has it: it proves itself, because its hash is the blob's name.
extension BlobClient {
    /// Metadata requests under way at one time; the reference has the same.
    private static let metadataRequests = 3

    private enum MetadataOutcome: Sendable {
        case found(VerifiedBlobMetadata)
        case missing(weight: Int)
        case failed
    }

    /// The verified metadata of a blob.
    ///
    /// Throws `notFound` only when a quorum says so.
    package func metadata(
        of blob: BlobID
    ) async throws(BlobStoreError) -> VerifiedBlobMetadata {
        if let cached = cachedMetadata(of: blob) { return cached }
        let peers = peers
        let order = peers.order(environment.entropy)
        var missing = 0
        let found = await withTaskGroup(of: MetadataOutcome.self) { group in
            var next = 0
            func askNext() {
                guard next < order.count else { return }
                let member = order[next]
                next += 1
                group.addTask { await self.metadata(of: blob, from: member, peers) }
            }
            for _ in 0..<Self.metadataRequests { askNext() }
            while let outcome = await group.next() {
                switch outcome {
                case .found(let metadata):
                    group.cancelAll()
                    return metadata as VerifiedBlobMetadata?
                case .missing(let weight):
                    missing += weight
                    if peers.committee.isQuorum(missing) {
                        group.cancelAll()
                        return nil
                    }
                case .failed: break
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
            return error.refusal == .metadataNotFound
                ? .missing(weight: peers.committee.members[member].weight) : .failed
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
