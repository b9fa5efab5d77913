package import BlobModel
internal import CKernels

// Encoding in three steps, wide rows all the way:
//
//     1. the source rows, extended to the right     (k_p x f symbols, `right`)
//     2. the left columns, extended down            (n x k_s symbols, `left`)
//     3. the right columns, extended down           (hashed, not kept)
//
// Columns go a band at a time, and a band is hashed while it is still in the cache. A symbol is a
// leaf of both its row's and its column's tree, and is hashed once.

/// Encodes blobs for one committee.
package struct RedStuffEncoder: Sendable {
    private let codec: RedStuffCodec

    package init(_ codec: RedStuffCodec) { self.codec = codec }

    package init(_ parameters: EncodingParameters) { codec = RedStuffCodec(parameters) }

    /// All slivers and the metadata of `blob`.
    ///
    /// Takes about three times the blob's length in memory, besides the blob.
    package func encode(
        _ blob: [UInt8],
        progress: (Double) -> Void = { _ in }
    ) throws(EncodingParametersError) -> EncodedBlob {
        let matrix = try matrix(of: blob, keepsRecoveryRows: true)
        return EncodedBlob(metadata: matrix.fill(progress), left: matrix.left, right: matrix.right)
    }

    /// The metadata of `blob`, and so its id.
    ///
    /// Takes about one and a half times the blob's length in memory, besides the blob.
    package func metadata(
        of blob: [UInt8],
        progress: (Double) -> Void = { _ in }
    ) throws(EncodingParametersError) -> VerifiedBlobMetadata {
        try matrix(of: blob, keepsRecoveryRows: false).fill(progress)
    }

    private func matrix(
        of blob: [UInt8],
        keepsRecoveryRows: Bool
    ) throws(EncodingParametersError) -> EncodingMatrix {
        let symbolSize = try codec.parameters.symbolSize(of: UInt64(blob.count))
        return EncodingMatrix(
            codec,
            blob,
            symbolSize: symbolSize,
            keepsRecoveryRows: keepsRecoveryRows
        )
    }
}

/// The matrix of one blob while it is encoded.
private struct EncodingMatrix {
    private let codec: RedStuffCodec
    private let unencodedLength: UInt64
    private let symbolSize: Int
    /// Source rows, and recovery rows if they are kept: `k_s` symbols each.
    let left: AlignedBuffer
    /// What extends the source rows: `f` symbols each.
    let right: AlignedBuffer
    /// The hash of each of the n * n symbols, row by row.
    private let leaves: AlignedBuffer
    private let keepsRecoveryRows: Bool

    private var parameters: EncodingParameters { codec.parameters }
    private var shards: Int { parameters.shardCount }
    private var rows: Int { parameters.sourceRows }
    private var columns: Int { parameters.sourceColumns }
    private var extraColumns: Int { shards - columns }

    init(
        _ codec: RedStuffCodec,
        _ blob: [UInt8],
        symbolSize: Int,
        keepsRecoveryRows: Bool
    ) {
        self.codec = codec
        self.symbolSize = symbolSize
        self.keepsRecoveryRows = keepsRecoveryRows
        unencodedLength = UInt64(blob.count)
        let parameters = codec.parameters
        let source = parameters.sourceSymbols * symbolSize
        let leftRows = keepsRecoveryRows ? parameters.shardCount : parameters.sourceRows
        left = AlignedBuffer(count: leftRows * parameters.sourceColumns * symbolSize)
        left.write(blob, at: 0)
        left.zero(at: blob.count, count: source - blob.count)
        right = AlignedBuffer(
            count: parameters.sourceRows * parameters.faultyMax * symbolSize
        )
        leaves = AlignedBuffer(count: parameters.shardCount * parameters.shardCount * 32)
    }

    /// Columns side by side, so that they stay in the cache from coding to hashing, but at least
    /// two, so that their symbols fill the lanes of the hash.
    private var band: Int { max(2, (1 << 20) / (shards * symbolSize)) }

    func fill(_ progress: (Double) -> Void) -> VerifiedBlobMetadata {
        extendRows()
        var done = 0
        for (first, count) in Self.bands(of: columns, band) {
            extend(column: first, count, of: left, pitch: columns, leaf: first)
            done += count
            progress(Double(done) / Double(shards))
        }
        for (first, count) in Self.bands(of: extraColumns, band) {
            extend(column: first, count, of: right, pitch: extraColumns, leaf: columns + first)
            done += count
            progress(Double(done) / Double(shards))
        }
        return metadata()
    }

    private static func bands(of count: Int, _ width: Int) -> [(first: Int, count: Int)] {
        stride(from: 0, to: count, by: width).map { ($0, min(width, count - $0)) }
    }

    private func extendRows() {
        let size = symbolSize
        unsafe codec.rowCode.encodePlan.apply(
            inputs: (0..<columns).map { column in
                unsafe SymbolSource(start: left.start + column * size, stride: columns * size)
            },
            outputs: (0..<extraColumns).map { column in
                unsafe SymbolTarget(
                    start: right.start + column * size,
                    stride: extraColumns * size
                )
            },
            size: size,
            count: rows
        )
    }

    /// Extends columns of `side`, whose rows have `pitch` symbols, and hashes all their symbols.
    private func extend(
        column first: Int,
        _ count: Int,
        of side: AlignedBuffer,
        pitch: Int,
        leaf: Int
    ) {
        let size = symbolSize
        let extra = shards - rows
        let isKept = keepsRecoveryRows && side === left
        let scratch = isKept ? side : AlignedBuffer(count: extra * count * size)
        let lower = unsafe isKept ? side.start + (rows * pitch + first) * size : scratch.start
        let lowerPitch = (isKept ? pitch : count) * size
        let upper = unsafe side.start + first * size
        unsafe codec.columnCode.encodePlan.apply(
            inputs: (0..<rows).map { row in
                unsafe SymbolSource(start: upper + row * pitch * size, stride: size)
            },
            outputs: (0..<extra).map { row in
                unsafe SymbolTarget(start: lower + row * lowerPitch, stride: size)
            },
            size: size,
            count: count
        )
        let digests = unsafe leaves.start + leaf * 32
        unsafe walrus_blake2b256_grid(
            upper,
            rows,
            pitch * size,
            count,
            size,
            size,
            0,
            digests,
            shards * 32
        )
        unsafe walrus_blake2b256_grid(
            lower,
            extra,
            lowerPitch,
            count,
            size,
            size,
            0,
            digests + rows * shards * 32,
            shards * 32
        )
        withExtendedLifetime(scratch) {}
    }

    private func metadata() -> VerifiedBlobMetadata {
        let scratch = AlignedBuffer(count: (shards + 1) * 32)
        let column = AlignedBuffer(count: shards * 32)
        var pairs: [SliverPairHashes] = []
        pairs.reserveCapacity(shards)
        for pair in 0..<shards {
            let primary = unsafe root(leaves.start + pair * shards * 32, scratch)
            let secondary = shards - 1 - pair
            for row in 0..<shards {
                unsafe (column.start + row * 32).update(
                    from: leaves.start + (row * shards + secondary) * 32,
                    count: 32
                )
            }
            pairs.append(
                SliverPairHashes(
                    primary: primary,
                    secondary: unsafe root(column.start, scratch)
                )
            )
        }
        do {
            return try BlobMetadata(unencodedLength: unencodedLength, hashes: pairs)
                .verify(parameters)
        } catch {
            preconditionFailure("The length was checked and the pairs are complete: \(error)")
        }
    }

    private func root(
        _ leaves: UnsafePointer<UInt8>,
        _ scratch: AlignedBuffer
    ) -> MerkleNode {
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe walrus_merkle_root(leaves, shards, scratch.start, &digest)
        return MerkleNode(digest: digest)
    }
}
