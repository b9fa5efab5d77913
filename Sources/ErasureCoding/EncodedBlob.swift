package import BlobModel

/// A blob as the network stores it: its metadata, and its slivers, copied out one by one.
package struct EncodedBlob: Sendable {
    package let metadata: VerifiedBlobMetadata
    private let matrix: EncodingMatrix

    init(metadata: VerifiedBlobMetadata, matrix: EncodingMatrix) {
        precondition(matrix.keepsBottom && matrix.size == metadata.symbolSize)
        self.metadata = metadata
        self.matrix = matrix
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
        return index < matrix.rows
            ? matrix.top.bytes(at: index * matrix.pitch, count: length)
            : matrix.bottom.bytes(at: (index - matrix.rows) * length, count: length)
    }

    private func column(_ index: Int) -> [UInt8] {
        let size = matrix.size
        let length = metadata.sliverLength(.secondary)
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, written in
            guard let target = bytes.baseAddress else { return }
            for row in 0..<matrix.rows {
                unsafe (target + row * size).initialize(
                    from: matrix.top.start + row * matrix.pitch + index * size,
                    count: size
                )
            }
            written = length
        }
    }
}
