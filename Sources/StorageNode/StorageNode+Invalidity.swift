package import BlobModel
internal import ErasureCoding
internal import SystemIO

// Blobs that whoever encoded them encoded wrongly: judging proofs of it, and serving nothing of
// them once the ledger says so.

extension StorageNode {
    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        guard symbolPermits.take() else {
            throw .refused(.unavailable, "The node computes symbols for others; try later.")
        }
        defer { symbolPermits.giveBack() }
        let metadata: VerifiedBlobMetadata
        do throws(NodeError) {
            metadata = try await verifiedMetadata(of: blob)
        } catch {
            guard error.refusal == .sliverNotFound else { throw error }
            throw .refused(.metadataNotFound, "There is no metadata of \(blob) here.")
        }
        let recovery = SliverRecovery(codec, metadata)
        let flaw = await pool.run { () -> InconsistencyProofError? in
            do throws(InconsistencyProofError) {
                try recovery.verify(proof)
                return nil
            } catch {
                return error
            }
        }
        if let flaw { throw .refused(.invalidProof, "The proof shows nothing: \(flaw).") }
        let (epoch, _, key) = try voice()
        return domain.sign(.invalidBlobID(epoch: epoch, blob: blob), with: key)
    }

    /// Like `reading`, but refuses if the ledger says that the blob is invalid.
    func readingValid<Value: Sendable>(
        _ blob: BlobID,
        _ body: @escaping @Sendable (any NodeStore) throws(NodeStoreError) -> Value
    ) async throws(NodeError) -> Value {
        let found = try await reading { store throws(NodeStoreError) -> Value? in
            guard try store.info(of: blob)?.invalidated == nil else { return nil }
            return try body(store)
        }
        guard let found else { throw .invalid(blob) }
        return found
    }
}

extension NodeError {
    /// What is answered to whoever wants something of an invalid blob.
    static func invalid(_ blob: BlobID) -> NodeError {
        .refused(.invalidBlob, "\(blob) was encoded inconsistently.")
    }
}
