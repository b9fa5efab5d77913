internal import BlobModel
internal import Codec
internal import Transport

/// `POST /v1/blobs/{blob_id}/inconsistencyProof/{axis}`: proofs that a blob was encoded wrongly.
extension StorageNodeAPI {
    @Sendable func attestInvalid(_ request: ServerRequest) async throws -> ServerResponse {
        let blob = try request.blob()
        guard let axis = SliverAxis(name: request.parameter("axis")) else {
            throw NodeError.refused(
                .invalidRequest,
                "\(request.parameter("axis").prefix(20)) is no sliver type."
            )
        }
        // Who has no metadata can judge nothing, and learns here how long a proof may be.
        let metadata = try BlobMetadataWithID(bcsBytes: try await node.metadata(of: blob))
            .verify(parameters)
        let limit = InconsistencyProof.dataLengthMax(
            symbols: parameters.recoverySymbolsNeeded(for: axis),
            symbolSize: metadata.symbolSize
        )
        let bytes = try await request.body(upTo: limit, orRefuse: .invalidProof)
        let proof: InconsistencyProof
        do {
            proof = try InconsistencyProof(targetAxis: axis, dataBytes: bytes)
        } catch {
            throw NodeError.refused(.invalidProof, "The body is no proof: \(error).")
        }
        let signed = try await node.attestation(ofInvalid: blob, shownBy: proof)
        return try .success(WireSignedMessage(signed))
    }
}
