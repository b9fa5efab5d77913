package import BlobModel

/// Why a sliver is not the blob's.
package enum SliverVerificationError: Error, Equatable, Sendable {
    case indexTooLarge(SliverIndex, shardCount: Int)
    case wrongLength(Int, expected: Int)
    case wrongSymbolSize(Int, expected: Int)
    /// The sliver is well formed, and it is not the one that the metadata describes.
    case rootMismatch(SliverAxis, SliverIndex)
}

/// Compares slivers of one blob with its metadata.
package struct SliverVerifier: Sendable {
    package let metadata: VerifiedBlobMetadata
    private let codec: RedStuffCodec

    /// - Precondition: Codec and metadata are of the same committee.
    package init(_ codec: RedStuffCodec, _ metadata: VerifiedBlobMetadata) {
        precondition(codec.parameters == metadata.parameters)
        self.codec = codec
        self.metadata = metadata
    }

    /// Checks everything about `sliver`: index, length, symbol size, and root, in this order.
    package func verify(_ sliver: Sliver) throws(SliverVerificationError) -> VerifiedSliver {
        try checkShape(sliver)
        guard
            SliverExpansion.root(codec, sliver) == metadata.hash(of: sliver.index, sliver.axis)
        else { throw .rootMismatch(sliver.axis, sliver.index) }
        return VerifiedSliver(attested: sliver, of: metadata.blobID)
    }

    /// Expands a sliver that was verified before, to give out its symbols.
    package func expand(
        _ sliver: VerifiedSliver
    ) throws(SliverVerificationError) -> SliverExpansion {
        try checkShape(sliver.sliver)
        return SliverExpansion(codec, sliver.sliver)
    }

    private func checkShape(_ sliver: Sliver) throws(SliverVerificationError) {
        guard metadata.parameters.contains(sliver.index) else {
            throw .indexTooLarge(sliver.index, shardCount: metadata.parameters.shardCount)
        }
        let length = metadata.sliverLength(sliver.axis)
        guard sliver.bytes.count == length else {
            throw .wrongLength(sliver.bytes.count, expected: length)
        }
        guard Int(sliver.symbolSize) == metadata.symbolSize else {
            throw .wrongSymbolSize(Int(sliver.symbolSize), expected: metadata.symbolSize)
        }
    }
}
