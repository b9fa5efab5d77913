package import BlobModel

/// A blob as the network stores it: its metadata, and its slivers, copied out one by one.
package struct EncodedBlob: Sendable {
    package let metadata: VerifiedBlobMetadata
    /// All rows, `k_s` symbols each.
    private let left: AlignedBuffer
    /// What extends the source rows, `f` symbols each.
    private let right: AlignedBuffer

    init(metadata: VerifiedBlobMetadata, left: AlignedBuffer, right: AlignedBuffer) {
        self.metadata = metadata
        self.left = left
        self.right = right
    }

    package var blobID: BlobID { metadata.blobID }

    /// - Precondition: The index is below the number of shards.
    package func sliver(_ axis: SliverAxis, _ index: SliverIndex) -> VerifiedSliver {
        precondition(metadata.parameters.contains(index))
        let bytes = axis == .primary ? row(index.value) : column(index.value)
        return VerifiedSliver(
            attested: Sliver(
                axis: axis,
                index: index,
                symbolSize: UInt16(metadata.symbolSize),
                bytes: bytes
            ),
            of: metadata.blobID
        )
    }

    /// - Precondition: The index is below the number of shards.
    package func pair(_ index: SliverPairIndex) -> VerifiedSliverPair {
        let parameters = metadata.parameters
        return VerifiedSliverPair(
            index: index,
            primary: sliver(.primary, parameters.sliver(of: index, .primary)),
            secondary: sliver(.secondary, parameters.sliver(of: index, .secondary))
        )
    }

    private func row(_ index: Int) -> [UInt8] {
        let length = metadata.sliverLength(.primary)
        return left.bytes(at: index * length, count: length)
    }

    private func column(_ index: Int) -> [UInt8] {
        let parameters = metadata.parameters
        let size = metadata.symbolSize
        let columns = parameters.sourceColumns
        let isLeft = index < columns
        let side = isLeft ? left : right
        let pitch = (isLeft ? columns : parameters.shardCount - columns) * size
        let first = (isLeft ? index : index - columns) * size
        let length = parameters.sourceRows * size
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, written in
            guard let target = bytes.baseAddress else { return }
            for row in 0..<parameters.sourceRows {
                unsafe (target + row * size).initialize(
                    from: side.start + first + row * pitch,
                    count: size
                )
            }
            written = length
        }
    }
}
