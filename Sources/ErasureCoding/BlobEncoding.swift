package import BlobModel

// Encoding a blob that need not be in memory. It is read from a ``BlobSource``; slivers are handed
// on in parts, as they are done, or not made at all when only the id is wanted. What does not fit
// the memory that may be used is encoded slice by slice: the same bytes of all symbols, then the
// next.

/// A part of a sliver, as it comes from the encoder.
package struct SliverPart: Sendable {
    package let axis: SliverAxis
    package let index: SliverIndex
    /// Where in the sliver the bytes belong.
    package let offset: Int
    package let bytes: [UInt8]
}

/// The encoding of a blob of known length.
///
/// Its memory is at most `memory` bytes for symbols (or 192 for each of the `k_p n` symbols of the
/// extended source rows, if that is more), 32 for each of the n^2 symbols, 64 more for each when
/// the blob is encoded in slices, and two or three megabytes a thread; at 1,000 shards that is 0.6
/// GB with the default, however long the blob is.
package struct BlobEncoding: Sendable {
    private let codec: RedStuffCodec
    private let length: UInt64
    private let symbolSize: Int
    private let memory: Int
    private let workers: Workers

    /// What symbols may take: a blob of 340 MB at 1,000 shards is encoded in one go.
    package static let memoryDefault = 512 << 20
    /// With less to encode the other threads would come too late.
    private static let sharedLengthMin = 512 << 10

    package init(
        _ codec: RedStuffCodec,
        length: UInt64,
        memory: Int = BlobEncoding.memoryDefault,
        workers: Workers = .none
    ) throws(EncodingParametersError) {
        self.codec = codec
        self.length = length
        self.memory = memory
        symbolSize = try codec.parameters.symbolSize(of: length)
        let shards = codec.parameters.shardCount
        let isShared = shards * shards * symbolSize >= Self.sharedLengthMin
        self.workers = isShared ? workers : .none
    }

    private var slices: [EncodingSlice] {
        EncodingSlice.slices(
            symbolSize: symbolSize,
            symbols: codec.parameters.sourceRows * codec.parameters.shardCount,
            memory: memory
        )
    }

    /// The memory that ``metadata(from:progress:)`` takes, but for a few megabytes a thread.
    package var memoryNeeded: Int {
        let parameters = codec.parameters
        let slices = slices
        let held = slices.reduce(0) { max($0, $1.held.count) }
        return parameters.sourceRows * parameters.shardCount * held
            + MatrixHashes.memory(
                parameters,
                symbolSize: symbolSize,
                isSliced: slices.count > 1
            )
    }

    /// All slivers, in memory.
    func encode<Failure: Error>(
        from source: BlobSource<Failure>,
        progress: (Double) -> Void
    ) throws(Failure) -> EncodedBlob {
        let matrix = EncodingMatrix(codec, size: symbolSize, keepsBottom: true)
        let metadata = try run(matrix, [.whole(symbolSize)], source, progress, sink: nil)
        return EncodedBlob(metadata: metadata, matrix: matrix)
    }

    /// The metadata, and so the id.
    package func metadata<Failure: Error>(
        from source: BlobSource<Failure>,
        progress: (Double) -> Void = { _ in }
    ) throws(Failure) -> VerifiedBlobMetadata {
        try run(source, progress, sink: nil)
    }

    /// The metadata, after all slivers were handed to `sink` in parts.
    ///
    /// Parts come in no order, each byte of each sliver once, and from several threads at once if
    /// there are workers. Secondary slivers and the first `k_p` primary ones come whole unless the
    /// blob is encoded in slices. Source and sink end it by throwing.
    package func slivers<Failure: Error>(
        from source: BlobSource<Failure>,
        to sink: @escaping @Sendable (SliverPart) throws(Failure) -> Void,
        progress: (Double) -> Void = { _ in }
    ) throws(Failure) -> VerifiedBlobMetadata {
        try run(source, progress, sink: sink)
    }

    private func run<Failure: Error>(
        _ source: BlobSource<Failure>,
        _ progress: (Double) -> Void,
        sink: (@Sendable (SliverPart) throws(Failure) -> Void)?
    ) throws(Failure) -> VerifiedBlobMetadata {
        let slices = slices
        let held = slices.reduce(0) { max($0, $1.held.count) }
        let matrix = EncodingMatrix(codec, size: held, keepsBottom: false)
        return try run(matrix, slices, source, progress, sink: sink)
    }

    private func run<Failure: Error>(
        _ matrix: EncodingMatrix,
        _ slices: [EncodingSlice],
        _ source: BlobSource<Failure>,
        _ progress: (Double) -> Void,
        sink: (@Sendable (SliverPart) throws(Failure) -> Void)?
    ) throws(Failure) -> VerifiedBlobMetadata {
        let hashes = MatrixHashes(
            codec.parameters,
            symbolSize: symbolSize,
            isSliced: slices.count > 1,
            threads: workers.threads
        )
        let symbolSize = symbolSize
        for (number, slice) in slices.enumerated() {
            try matrix.fillTop(
                slice,
                symbolSize: symbolSize,
                length: Int(length),
                workers: workers,
                from: source,
                then: { (rows) throws(Failure) in
                    guard let sink else { return }
                    try matrix.handOut(rows: rows, slice, symbolSize, to: sink)
                }
            )
            let bands = hashes.bands
            let before = Double(number * bands.count)
            try workers.forEach(
                bands.count,
                progress: { progress((before + Double($0)) / Double(slices.count * bands.count)) },
                scratch: { WorkArea(matrix.codec) },
                body: { (number, area) throws(Failure) in
                    let band = matrix.extend(columns: bands[number], slice.held.count, area)
                    hashes.add(band, of: matrix, slice, area)
                    guard let sink else { return }
                    try matrix.handOut(band, slice, symbolSize, to: sink)
                }
            )
        }
        return hashes.metadata(unencodedLength: length, workers: workers)
    }
}

extension EncodingMatrix {
    /// Hands out the source rows, which are primary slivers.
    fileprivate func handOut<Failure: Error>(
        rows some: Range<Int>,
        _ slice: EncodingSlice,
        _ symbolSize: Int,
        to sink: (SliverPart) throws(Failure) -> Void
    ) throws(Failure) {
        for row in some {
            let start = unsafe UnsafePointer(top.start + row * pitch)
            let symbols = unsafe Symbols(start: start, stride: size, count: columns, first: 0)
            try unsafe handOut(.primary, row, symbols, slice, symbolSize, to: sink)
        }
    }

    /// Hands out the columns of a band, which are secondary slivers, and its parts of other rows.
    fileprivate func handOut<Failure: Error>(
        _ band: EncodedBand,
        _ slice: EncodingSlice,
        _ symbolSize: Int,
        to sink: (SliverPart) throws(Failure) -> Void
    ) throws(Failure) {
        for (place, column) in band.columns.enumerated() {
            let start = unsafe self.start(of: 0, band) + place * size
            let symbols = unsafe Symbols(start: start, stride: pitch, count: rows, first: 0)
            try unsafe handOut(.secondary, column, symbols, slice, symbolSize, to: sink)
        }
        let first = band.columns.lowerBound
        guard first < columns else { return }
        let count = min(band.columns.upperBound, columns) - first
        for row in rows..<shards {
            let start = unsafe self.start(of: row, band)
            let symbols = unsafe Symbols(start: start, stride: size, count: count, first: first)
            try unsafe handOut(.primary, row, symbols, slice, symbolSize, to: sink)
        }
    }

    /// Symbols of a sliver from number `first` on, as they lie in the matrix.
    @unsafe private struct Symbols {
        let start: UnsafePointer<UInt8>
        let stride: Int
        let count: Int
        let first: Int

        /// A part of each, one after another.
        func bytes(_ symbols: Range<Int>, _ offset: Int, _ length: Int) -> [UInt8] {
            let total = symbols.count * length
            return unsafe [UInt8](unsafeUninitializedCapacity: total) { bytes, written in
                guard let target = bytes.baseAddress else { return }
                for (place, symbol) in symbols.enumerated() {
                    unsafe (target + place * length).initialize(
                        from: start + symbol * stride + offset,
                        count: length
                    )
                }
                written = total
            }
        }
    }

    private func handOut<Failure: Error>(
        _ axis: SliverAxis,
        _ index: Int,
        _ symbols: Symbols,
        _ slice: EncodingSlice,
        _ symbolSize: Int,
        to sink: (SliverPart) throws(Failure) -> Void
    ) throws(Failure) {
        // Whole symbols follow one another; of sliced ones each has its place.
        let run = unsafe slice.isWhole ? symbols.count : 1
        for number in stride(from: 0, to: unsafe symbols.count, by: run) {
            try sink(
                SliverPart(
                    axis: axis,
                    index: SliverIndex(UInt16(index)),
                    offset: unsafe (symbols.first + number) * symbolSize + slice.own.lowerBound,
                    bytes: unsafe symbols.bytes(
                        number..<number + run,
                        slice.overlap,
                        slice.own.count
                    )
                )
            )
        }
    }
}
