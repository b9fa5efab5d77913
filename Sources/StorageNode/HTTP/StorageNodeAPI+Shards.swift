internal import BlobModel
internal import Codec
internal import Transport

/// `POST /v1/migrate/sync_shard`, for a shard's new holder.
extension StorageNodeAPI {
    /// A signed message and its length.
    private static let requestMax = SignedMessage.messageLengthMax + 80

    @Sendable func syncShard(_ request: ServerRequest) async throws -> ServerResponse {
        guard let shards else {
            throw NodeError.refused(.requestUnauthorized, "No shards move in this network.")
        }
        let text = request.headers["authorization"] ?? ""
        // Whatever is wrong with the text, it is no key.
        guard let key = try? Base64.decodeStandard(text), key.count == 32 else {
            throw NodeError.refused(.requestUnauthorized, "Authorization: a key in base64.")
        }
        let bytes = try await request.body(upTo: Self.requestMax, orRefuse: .invalidRequest)
        let signed: SignedMessage
        do {
            signed = try SignedMessage(bcsBytes: bytes)
        } catch {
            throw NodeError.refused(.invalidRequest, "The body is no signed message: \(error).")
        }
        let answer = try await shards.shard(signed, from: PublicKey(bytes: key))
        return .binary(answer.bcsBytes)
    }
}
