// Who encodes a blob wrongly is found out by the nodes that have to recover a sliver of it
// (`Docs/Formats/node-api.md`, Inconsistent blobs).

/// A node as those see it that can prove a blob inconsistent.
package protocol InvalidityWitness: Sendable {
    /// The node's signature that `blob` was encoded inconsistently, because `proof` shows it.
    ///
    /// Refused with `METADATA_NOT_FOUND` by a node that has nothing to hold the proof against, and
    /// with `INVALID_BLOB` by one that knows already from the ledger.
    func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage
}
