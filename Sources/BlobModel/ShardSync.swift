// How a shard's slivers go from its former holder to its new one: the reference's `sync_shard`
// (`Docs/Formats/node-api.md`).

package import Codec

/// Asks for the slivers of one kind of a shard, from a blob on.
package struct ShardSyncRequest: Hashable, Sendable {
    /// The most slivers that may be asked for at once; the reference's limit.
    package static let countMax: UInt64 = 100_000

    package let epoch: Epoch
    package let shard: ShardIndex
    package let axis: SliverAxis
    /// The first blob, itself included.
    package let start: BlobID
    package let count: UInt64

    package init(
        epoch: Epoch,
        shard: ShardIndex,
        axis: SliverAxis,
        start: BlobID,
        count: UInt64
    ) {
        self.epoch = epoch
        self.shard = shard
        self.axis = axis
        self.start = start
        self.count = count
    }

    /// Signs the request with the protocol key of the shard's new holder.
    package func signed(by key: SigningKey, in domain: SigningDomain) -> SignedMessage {
        let bytes = bcsBytes
        return SignedMessage(message: bytes, signature: key.sign(domain.signedBytes(of: bytes)))
    }
}

extension ShardSyncRequest: BCSCodable {
    /// Type 3, version 0, application 3; see `ProtocolMessage`.
    private static let intent: [UInt8] = [3, 0, 3]

    package func encode(to writer: inout ByteWriter) {
        writer.write(raw: Self.intent)
        writer.write(epoch)
        writer.write(uleb: 0)
        writer.write(shard)
        writer.write(axis)
        writer.write(start)
        writer.write(count)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        guard try reader.readRaw(3) == Self.intent else {
            throw .invalidValue("no request for a shard")
        }
        epoch = try reader.readUInt32()
        guard try reader.readULEB() == 0 else { throw .invalidValue("shard request version") }
        shard = try reader.read()
        axis = try reader.read()
        start = try reader.read()
        count = try reader.readUInt64()
    }
}

/// One sliver of a shard, unverified.
package struct ShardSliver: Hashable, Sendable, BCSCodable {
    package let blob: BlobID
    package let sliver: Sliver

    package init(blob: BlobID, sliver: Sliver) {
        self.blob = blob
        self.sliver = sliver
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(blob)
        writer.write(sliver)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        blob = try reader.read()
        sliver = try reader.read()
    }
}

/// The answer to a ``ShardSyncRequest``: slivers in the order of their blobs' ids, as many as fit;
/// none when there is nothing more.
package struct ShardSyncAnswer: Hashable, Sendable, BCSCodable {
    package let slivers: [ShardSliver]

    package init(slivers: [ShardSliver]) { self.slivers = slivers }

    package func encode(to writer: inout ByteWriter) {
        writer.write(uleb: 0)
        writer.write(vector: slivers)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        guard try reader.readULEB() == 0 else { throw .invalidValue("shard answer version") }
        slivers = try reader.readVector(
            limit: Int(ShardSyncRequest.countMax),
            itemSize: 38
        )
    }
}

/// Whoever gives shards to their new holders.
package protocol ShardSource: Sendable {
    /// The metadata with its blob id in BCS, unverified.
    func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8]

    /// Slivers of a shard, for its new holder, whose protocol key has signed the request.
    func shard(
        _ request: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer
}
