package import Codec

// What describes a blob: its length and the Merkle root of every expanded sliver. The blob id is a
// hash of it. `Docs/Formats/blob-metadata.md` is normative.

/// The roots over the expanded slivers of one pair.
package struct SliverPairHashes: Hashable, Sendable, BCSCodable {
    package let primary: MerkleNode
    package let secondary: MerkleNode

    package init(primary: MerkleNode, secondary: MerkleNode) {
        self.primary = primary
        self.secondary = secondary
    }

    package subscript(axis: SliverAxis) -> MerkleNode {
        axis == .primary ? primary : secondary
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(primary)
        writer.write(secondary)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        primary = try MerkleNode(from: &reader)
        secondary = try MerkleNode(from: &reader)
    }
}

/// Why metadata is not that of the blob it is said to describe.
package enum BlobMetadataError: Error, Equatable, Sendable {
    /// As many pair hashes as the committee has shards were expected.
    case wrongHashCount(Int, expected: Int)
    /// The length is over what this committee can encode.
    case lengthTooLarge(UInt64, maximum: UInt64)
    /// The id computed from the metadata is another.
    case blobIDMismatch(computed: BlobID, claimed: BlobID)
}

/// Metadata as it came from somewhere, unchecked.
package struct BlobMetadata: Hashable, Sendable {
    /// The length of the blob; 0 for the empty one.
    package let unencodedLength: UInt64
    /// One item per pair, in pair order.
    package let hashes: [SliverPairHashes]

    /// The pairs of the largest committee that a 16-bit index can count.
    package static let hashesMax = 65_535

    package init(unencodedLength: UInt64, hashes: [SliverPairHashes]) {
        self.unencodedLength = unencodedLength
        self.hashes = hashes
    }

    package var encodingType: EncodingType { .redStuff }

    /// The Merkle root over all pairs' hashes.
    package var rootHash: MerkleNode {
        guard !hashes.isEmpty else { return .empty }
        var leaves: [UInt8] = []
        leaves.reserveCapacity(64 * hashes.count)
        for pair in hashes {
            leaves.append(contentsOf: pair.primary.bytes)
            leaves.append(contentsOf: pair.secondary.bytes)
        }
        let leafHashes = unsafe leaves.withUnsafeBytes { leaves in
            unsafe BatchHash.digests(of: leaves, length: 64, prefix: 0)
        }
        return MerkleTree(leafHashes: leafHashes).root
    }

    /// `H(encoding type || u64 length || root)`, whether or not the metadata makes sense.
    package func computeBlobID() -> BlobID {
        Self.blobID(unencodedLength: unencodedLength, rootHash: rootHash)
    }

    /// The id of a blob with this length and root.
    package static func blobID(unencodedLength: UInt64, rootHash: MerkleNode) -> BlobID {
        var writer = ByteWriter(reserving: 41)
        writer.write(EncodingType.redStuff.rawValue)
        writer.write(unencodedLength)
        writer.write(raw: rootHash.bytes)
        return BlobID(bytes: Blake2b256.hash(writer.bytes))
    }

    /// Checks that this describes the blob `claimed` in a committee with these parameters.
    package func verify(
        as claimed: BlobID,
        _ parameters: EncodingParameters
    ) throws(BlobMetadataError) -> VerifiedBlobMetadata {
        let verified = try verify(parameters)
        guard verified.blobID == claimed else {
            throw .blobIDMismatch(computed: verified.blobID, claimed: claimed)
        }
        return verified
    }

    /// Checks that this could describe a blob, and names that blob.
    package func verify(
        _ parameters: EncodingParameters
    ) throws(BlobMetadataError) -> VerifiedBlobMetadata {
        guard hashes.count == parameters.shardCount else {
            throw .wrongHashCount(hashes.count, expected: parameters.shardCount)
        }
        guard let symbolSize = try? parameters.symbolSize(of: unencodedLength) else {
            // The only error is that the length is over the maximum, which is reported here.
            throw .lengthTooLarge(unencodedLength, maximum: parameters.blobLengthMax)
        }
        return VerifiedBlobMetadata(
            self,
            blobID: computeBlobID(),
            parameters: parameters,
            symbolSize: symbolSize
        )
    }
}

extension BlobMetadata: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(uleb: 0)
        writer.write(uleb: UInt32(encodingType.rawValue))
        writer.write(unencodedLength)
        writer.write(vector: hashes)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readULEB()
        guard version == 0 else { throw .unknownTag(version, of: "blob metadata") }
        let type = try reader.readULEB()
        guard type == EncodingType.redStuff.rawValue else {
            throw .unknownTag(type, of: "encoding type")
        }
        unencodedLength = try reader.readUInt64()
        hashes = try reader.readVector(limit: Self.hashesMax, itemSize: 2)
    }
}

/// Metadata with the id that it is said to have, unchecked: what nodes send.
package struct BlobMetadataWithID: Hashable, Sendable, BCSCodable {
    package let blobID: BlobID
    package let metadata: BlobMetadata

    package init(blobID: BlobID, metadata: BlobMetadata) {
        self.blobID = blobID
        self.metadata = metadata
    }

    package func verify(
        _ parameters: EncodingParameters
    ) throws(BlobMetadataError) -> VerifiedBlobMetadata {
        try metadata.verify(as: blobID, parameters)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(blobID)
        writer.write(metadata)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        blobID = try BlobID(from: &reader)
        metadata = try BlobMetadata(from: &reader)
    }
}

/// Metadata whose id was computed here; made only by `verify`.
package struct VerifiedBlobMetadata: Hashable, Sendable {
    package let metadata: BlobMetadata
    package let blobID: BlobID
    package let parameters: EncodingParameters
    /// Follows from the length and the parameters.
    package let symbolSize: Int

    fileprivate init(
        _ metadata: BlobMetadata,
        blobID: BlobID,
        parameters: EncodingParameters,
        symbolSize: Int
    ) {
        self.metadata = metadata
        self.blobID = blobID
        self.parameters = parameters
        self.symbolSize = symbolSize
    }

    package var unencodedLength: UInt64 { metadata.unencodedLength }

    /// With the id in front: what a node sends.
    package var withID: BlobMetadataWithID {
        BlobMetadataWithID(blobID: blobID, metadata: metadata)
    }

    /// The root over an expanded sliver.
    ///
    /// - Precondition: The index is below the number of shards.
    package func hash(of sliver: SliverIndex, _ axis: SliverAxis) -> MerkleNode {
        metadata.hashes[parameters.pair(of: sliver, axis).value][axis]
    }

    /// The length of every sliver of this axis.
    package func sliverLength(_ axis: SliverAxis) -> Int {
        parameters.sliverLength(axis, symbolSize: symbolSize)
    }
}
