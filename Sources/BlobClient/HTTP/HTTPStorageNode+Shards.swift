package import BlobModel
internal import Codec
internal import Transport

extension HTTPStorageNode: ShardSource {
    package func shard(
        _ signed: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer {
        var headers = HTTPHeaders()
        headers["authorization"] = Base64.encodeStandard(key.bytes)
        let request = ClientRequest(
            .post,
            ["v1", "migrate", "sync_shard"],
            headers: headers,
            body: signed.bcsBytes
        )
        let longest = parameters.sliverLength(
            .primary,
            symbolSize: EncodingParameters.symbolSizeMax
        )
        // Blob, axis, length, symbol size and index of each, and their number.
        let limit = NodeWire.shardBytesMax + longest + 64 * NodeWire.shardSliversMax
        let response = try await send(request, limit: limit)
        do {
            return try ShardSyncAnswer(bcsBytes: response.body)
        } catch {
            throw .malformed("The slivers are not in BCS: \(error).")
        }
    }

    /// As `connect`, for what a shard's former holder is asked; nil when there is no way to it.
    package static func shardSource(
        _ member: CommitteeMember,
        _ parameters: EncodingParameters
    ) -> (any ShardSource)? {
        endpoint(ofAddress: member.address).map {
            HTTPStorageNode(endpoint: $0, key: member.networkKey, parameters: parameters)
        }
    }
}
