internal import BlobModel
internal import CKernels

// The n x n symbols are the leaves of n trees over rows and n over columns; each is hashed once.
// The tree over a column is made as soon as its band is. Of a row's leaves in a band only the node
// over them is kept: with bands of eight columns an eighth of 32 n^2 bytes, which for short symbols
// is more than the blob.

/// The hashes of a matrix while it is encoded.
struct MatrixHashes: Sendable {
    private let parameters: EncodingParameters
    private let symbolSize: Int
    /// How many leaves of a row the nodes that are kept are over; a power of two.
    private let fold: Int
    /// For each row, the nodes over its leaves.
    private let rowNodes: AlignedBuffer
    /// Roots of all columns, then of all rows.
    private let roots: AlignedBuffer
    /// Of 64 bytes for each symbol, column by column; empty when each is hashed at once.
    private let states: AlignedBuffer
    /// The columns that are hashed together.
    let bands: [Range<Int>]

    private var shards: Int { parameters.shardCount }
    private var nodesPerRow: Int { (shards + fold - 1) / fold }

    /// What a band may take, so that it is still in the cache when it is hashed.
    private static let bandLength = 1 << 20
    /// Below this all leaves are kept, as bands may then be of any width.
    private static let foldedShards = 64

    init(_ parameters: EncodingParameters, symbolSize: Int, isSliced: Bool, threads: Int) {
        self.parameters = parameters
        self.symbolSize = symbolSize
        let shards = parameters.shardCount
        var width = Self.width(parameters, symbolSize: symbolSize)
        if shards < Self.foldedShards {
            // At least two, so that their symbols fill the lanes of the hash.
            width = min(max(width, 2), max(1, shards / 4))
            fold = 1
        } else {
            fold = width
        }
        bands = Self.bands(shards, width, mayDivide: fold == 1, threads)
        rowNodes = AlignedBuffer(count: shards * ((shards + fold - 1) / fold) * 32)
        roots = AlignedBuffer(count: 2 * shards * 32)
        states = AlignedBuffer(count: isSliced ? shards * shards * 64 : 0)
    }

    /// The widest band that stays in the cache.
    private static func width(_ parameters: EncodingParameters, symbolSize: Int) -> Int {
        var width = 8
        while width > 1 && width * parameters.shardCount * symbolSize > bandLength { width /= 2 }
        return width
    }

    /// About what the hashes of a matrix take in memory.
    static func memory(
        _ parameters: EncodingParameters,
        symbolSize: Int,
        isSliced: Bool
    ) -> Int {
        let symbols = parameters.shardCount * parameters.shardCount
        let isFolded = parameters.shardCount >= foldedShards
        let nodes = symbols / (isFolded ? width(parameters, symbolSize: symbolSize) : 1)
        return nodes * 32 + (isSliced ? symbols * 64 : 0)
    }

    private static func bands(
        _ shards: Int,
        _ width: Int,
        mayDivide: Bool,
        _ threads: Int
    ) -> [Range<Int>] {
        var bands = stride(from: 0, to: shards, by: width).map { first in
            first..<min(first + width, shards)
        }
        // A band more than the others have would be what all wait for in the end.
        if mayDivide, bands.count % threads != 0, let last = bands.last, last.count > 1 {
            bands.removeLast()
            let middle = last.lowerBound + last.count / 2
            bands += [last.lowerBound..<middle, middle..<last.upperBound]
        }
        return bands
    }

    /// Hashes the symbols of a band, and with their last slice makes the trees over them.
    func add(
        _ band: EncodedBand,
        of matrix: EncodingMatrix,
        _ slice: EncodingSlice,
        _ area: WorkArea
    ) {
        let count = band.columns.count
        // With room for one node more, which completes a level.
        let columnPitch = (shards + 1) * 32
        let byColumn = area.buffer(count: count * columnPitch, use: 2)
        let byRow = area.buffer(count: shards * fold * 32, use: 3)
        let starts = unsafe (0..<shards).map { row in
            unsafe matrix.start(of: row, band) + slice.overlap
        }
        unsafe starts.withUnsafeBufferPointer { starts in
            guard let rows = starts.baseAddress else { return }
            var grid = unsafe walrus_hash_grid(
                rows: rows,
                row_count: shards,
                column_count: count,
                column_stride: matrix.size,
                length: symbolSize,
                prefix: 0,
                first_block: slice.hashBlocks.lowerBound,
                end_block: slice.hashBlocks.upperBound,
                digests: byColumn.start,
                digest_row_stride: 32,
                digest_column_stride: columnPitch,
                copies: byRow.start,
                copy_row_stride: fold * 32,
                copy_column_stride: 32,
                states: nil,
                state_row_stride: 8,
                state_column_stride: shards * 8
            )
            if states.count > 0 {
                unsafe grid.states =
                    UnsafeMutableRawPointer(states.start + band.columns.lowerBound * shards * 64)
                    .assumingMemoryBound(to: UInt64.self)
            }
            if fold == 1 {
                unsafe grid.copies = rowNodes.start + band.columns.lowerBound * 32
                unsafe grid.copy_row_stride = shards * 32
            }
            unsafe walrus_blake2b256_grid(&grid)
        }
        guard slice.isLast else { return }
        for column in 0..<count {
            let leaves = unsafe byColumn.start + column * columnPitch
            let root = unsafe roots.start + (band.columns.lowerBound + column) * 32
            unsafe walrus_merkle_root(leaves, shards, leaves, root)
        }
        guard fold > 1 else { return }
        unsafe walrus_merkle_fold(byRow.start, shards, fold, count)
        let place = band.columns.lowerBound / fold
        for row in 0..<shards {
            unsafe (rowNodes.start + (row * nodesPerRow + place) * 32).update(
                from: byRow.start + row * 32,
                count: 32
            )
        }
    }

    /// The metadata, when all bands are there.
    func metadata(unencodedLength: UInt64, workers: Workers) -> VerifiedBlobMetadata {
        let group = 64
        workers.forEach((shards + group - 1) / group) { part in
            let scratch = AlignedBuffer(count: (nodesPerRow + 1) * 32)
            for row in part * group..<min((part + 1) * group, shards) {
                unsafe walrus_merkle_root(
                    rowNodes.start + row * nodesPerRow * 32,
                    nodesPerRow,
                    scratch.start,
                    roots.start + (shards + row) * 32
                )
            }
        }
        let pairs = (0..<shards).map { pair in
            SliverPairHashes(
                primary: MerkleNode(digest: roots.bytes(at: (shards + pair) * 32, count: 32)),
                secondary: MerkleNode(digest: roots.bytes(at: (shards - 1 - pair) * 32, count: 32))
            )
        }
        do {
            return try BlobMetadata(unencodedLength: unencodedLength, hashes: pairs)
                .verify(parameters)
        } catch {
            preconditionFailure("The length was checked and the pairs are complete: \(error)")
        }
    }
}
