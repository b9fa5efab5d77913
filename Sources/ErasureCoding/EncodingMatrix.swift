internal import BlobModel

// The matrix of a blob, or of a slice of its symbols, while it is encoded:
//
//                 k_s columns       f columns
//     k_p rows  ┌ the blob ─────────┬ extends rows ┐  `top`
//               ├ extends columns ──┼──────────────┤
//     2f rows   │ `bottom`, if kept │ never kept   │
//               └───────────────────┴──────────────┘
//
// First groups of source rows are read and extended to the right, then bands of columns are
// extended down, hashed while they are in the cache, and handed on. Both can be done by several
// threads, which write to places of their own.

/// The memory of a matrix, and how it is filled.
struct EncodingMatrix: Sendable {
    let codec: RedStuffCodec
    /// Bytes of a symbol that there is room for.
    let size: Int
    /// The source rows and what extends them: n symbols each.
    let top: AlignedBuffer
    /// What extends the left columns, `k_s` symbols a row; empty if it is not kept.
    let bottom: AlignedBuffer
    let keepsBottom: Bool

    var parameters: EncodingParameters { codec.parameters }
    var shards: Int { parameters.shardCount }
    var rows: Int { parameters.sourceRows }
    var columns: Int { parameters.sourceColumns }
    var extraRows: Int { shards - rows }
    /// Bytes from one row of `top` to the next.
    var pitch: Int { shards * size }

    /// With `spare` bytes behind the rows of `top`.
    init(_ codec: RedStuffCodec, size: Int, keepsBottom: Bool, spare: Int = 0) {
        self.codec = codec
        self.size = size
        self.keepsBottom = keepsBottom
        let parameters = codec.parameters
        top = AlignedBuffer(
            count: parameters.sourceRows * parameters.shardCount * size + spare,
            pool: codec.buffers
        )
        let below = (parameters.shardCount - parameters.sourceRows) * parameters.sourceColumns
        bottom = AlignedBuffer(count: keepsBottom ? below * size : 0, pool: codec.buffers)
    }
}

extension EncodingMatrix {
    /// Rows that are read and extended together, so that they stay in the cache in between.
    private static let rowGroupLength = 512 << 10

    /// Fills `top` from a blob of `length` bytes.
    ///
    /// - Precondition: The slice fits `size`.
    func fillTop<Failure: Error>(
        _ slice: EncodingSlice,
        symbolSize: Int,
        length: Int,
        workers: Workers,
        from source: BlobSource<Failure>,
        then done: @escaping @Sendable (Range<Int>) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(slice.held.count <= size)
        let group = max(1, min(rows, Self.rowGroupLength / pitch))
        try workers.forEach(
            (rows + group - 1) / group,
            scratch: { WorkArea(codec) },
            body: { (part, area) throws(Failure) in
                let some = part * group..<min((part + 1) * group, rows)
                for row in some {
                    try load(row, slice, symbolSize: symbolSize, length: length, source)
                }
                extend(rows: some, slice.held.count, area)
                try done(some)
            }
        )
    }

    private func load<Failure: Error>(
        _ row: Int,
        _ slice: EncodingSlice,
        symbolSize: Int,
        length: Int,
        _ source: BlobSource<Failure>
    ) throws(Failure) {
        if slice.isWhole {
            let count = columns * symbolSize
            return try load(row * count, count, length, to: row * pitch, source)
        }
        for column in 0..<columns {
            let symbol = (row * columns + column) * symbolSize
            try load(
                symbol + slice.held.lowerBound,
                slice.held.count,
                length,
                to: row * pitch + column * size,
                source
            )
        }
    }

    /// Copies bytes of the blob, or what is past its end as zeros.
    private func load<Failure: Error>(
        _ offset: Int,
        _ count: Int,
        _ length: Int,
        to place: Int,
        _ source: BlobSource<Failure>
    ) throws(Failure) {
        let there = max(0, min(count, length - offset))
        if there > 0 {
            try source.read(there, at: offset, to: place, of: top)
        }
        top.zero(at: place + there, count: count - there)
    }

    /// Extends source rows to the right.
    func extend(rows some: Range<Int>, _ held: Int, _ area: WorkArea) {
        func runs(_ columns: Range<Int>) -> SymbolRuns {
            SymbolRuns(
                buffer: top,
                offsets: columns.map { some.lowerBound * pitch + $0 * size },
                stride: pitch
            )
        }
        codec.rowCode.encodePlan.apply(
            inputs: runs(0..<columns),
            outputs: runs(columns..<shards),
            size: held,
            count: some.count,
            in: area
        )
    }
}

/// A band of columns that is filled: all n rows of it.
struct EncodedBand {
    let columns: Range<Int>
    /// The rows below the source rows.
    let lower: AlignedBuffer
    let lowerOffset: Int
    let lowerPitch: Int
}

extension EncodingMatrix {
    /// Extends columns down, into `bottom` or else into the work area.
    func extend(columns band: Range<Int>, _ held: Int, _ area: WorkArea) -> EncodedBand {
        let isKept = keepsBottom && band.upperBound <= columns
        let lower =
            isKept ? bottom : area.buffer(count: extraRows * band.count * size, use: 1)
        let offset = isKept ? band.lowerBound * size : 0
        let lowerPitch = (isKept ? columns : band.count) * size
        codec.columnCode.encodePlan.apply(
            inputs: SymbolRuns(
                buffer: top,
                offsets: (0..<rows).map { $0 * pitch + band.lowerBound * size },
                stride: size
            ),
            outputs: SymbolRuns(
                buffer: lower,
                offsets: (0..<extraRows).map { offset + $0 * lowerPitch },
                stride: size
            ),
            size: held,
            count: band.count,
            in: area
        )
        if keepsBottom && !isKept && band.lowerBound < columns {
            // A band of both sides, of which the left one is kept.
            for row in 0..<extraRows {
                unsafe (bottom.start + (row * columns + band.lowerBound) * size).update(
                    from: lower.start + row * lowerPitch,
                    count: (columns - band.lowerBound) * size
                )
            }
        }
        return EncodedBand(
            columns: band,
            lower: lower,
            lowerOffset: offset,
            lowerPitch: lowerPitch
        )
    }

    /// Where a row of a band begins.
    func start(of row: Int, _ band: EncodedBand) -> UnsafePointer<UInt8> {
        if row < rows {
            return unsafe UnsafePointer(top.start + row * pitch + band.columns.lowerBound * size)
        }
        return unsafe UnsafePointer(
            band.lower.start + band.lowerOffset + (row - rows) * band.lowerPitch
        )
    }
}
