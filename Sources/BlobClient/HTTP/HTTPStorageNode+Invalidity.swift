package import BlobModel
internal import Codec
internal import Transport

extension HTTPStorageNode {
    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        let axis = proof.targetAxis.name
        let request = ClientRequest(
            .post,
            ["v1", "blobs", blob.description, "inconsistencyProof", axis],
            body: proof.dataBytes
        )
        let response = try await send(request, limit: NodeWire.jsonMax)
        let json: WireSignedMessage
        do {
            json = try JSON.decode(SuccessEnvelope.self, from: response.body).data
        } catch {
            throw .malformed("\(error)")
        }
        guard let message = json.message else {
            throw .malformed("The attestation is not in base64.")
        }
        return message
    }
}
