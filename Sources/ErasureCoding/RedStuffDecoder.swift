package import BlobModel

/// What is compared with the metadata after decoding.
package enum ConsistencyCheck: Hashable, Sendable {
    /// Nothing.
    case skip
    /// Every source row: all that the blob's bytes depend on.
    case standard
    /// The whole encoding, so that every set of slivers is known to give these bytes.
    case strict
}

/// Why slivers did not give a blob.
package enum BlobDecodingError: Error, Equatable, Sendable {
    /// Neither axis has enough distinct slivers of this blob with the right size.
    case notEnoughSlivers(primary: Int, primaryNeeded: Int, secondary: Int, secondaryNeeded: Int)
    /// The slivers are the blob's and do not fit together: whoever encoded it did so wrongly.
    case inconsistent(BlobID)
}

/// Decodes one blob from slivers that are verified.
///
/// With ``Workers`` it uses several threads, and blocks the one that calls.
package struct RedStuffDecoder: Sendable {
    package let metadata: VerifiedBlobMetadata
    let codec: RedStuffCodec
    let workers: Workers

    var parameters: EncodingParameters { codec.parameters }

    /// - Precondition: Codec and metadata are of the same committee.
    package init(
        _ codec: RedStuffCodec,
        _ metadata: VerifiedBlobMetadata,
        workers: Workers = .none
    ) {
        precondition(codec.parameters == metadata.parameters)
        self.codec = codec
        self.metadata = metadata
        self.workers = workers
    }

    /// The blob, from `k_p` primary or `k_s` secondary slivers.
    ///
    /// Slivers of other blobs, of wrong size and double ones are left out, and so are more than are
    /// needed; their order does not matter.
    package func decode(
        _ slivers: [VerifiedSliver],
        check: ConsistencyCheck = .standard
    ) throws(BlobDecodingError) -> [UInt8] {
        let primary = usable(slivers, .primary)
        let secondary = usable(slivers, .secondary)
        let rows = parameters.sourceRows
        let columns = parameters.sourceColumns
        let matrix: EncodingMatrix
        let isFromRows = primary.count >= rows
        if isFromRows {
            matrix = decodeRows(Array(primary.prefix(rows)))
        } else if secondary.count >= columns {
            matrix = decodeColumns(Array(secondary.prefix(columns)))
        } else {
            throw .notEnoughSlivers(
                primary: primary.count,
                primaryNeeded: rows,
                secondary: secondary.count,
                secondaryNeeded: columns
            )
        }
        switch check {
        case .skip:
            return bytes(of: matrix)
        case .standard:
            try checkRows(of: matrix, received: isFromRows ? Array(primary.prefix(rows)) : [])
            return bytes(of: matrix)
        case .strict:
            let blob = bytes(of: matrix)
            let computed = try? RedStuffEncoder(codec, workers: workers).metadata(of: blob)
            // The only error is a length that the metadata could not have.
            guard computed?.blobID == metadata.blobID else { throw .inconsistent(metadata.blobID) }
            return blob
        }
    }

    /// Distinct slivers of this axis that can be decoded, systematic ones first.
    func usable(_ slivers: [VerifiedSliver], _ axis: SliverAxis) -> [Sliver] {
        let length = metadata.sliverLength(axis)
        var byIndex: [SliverIndex: Sliver] = [:]
        for verified in slivers where verified.axis == axis && verified.blobID == metadata.blobID {
            let sliver = verified.sliver
            guard parameters.contains(sliver.index), sliver.bytes.count == length,
                Int(sliver.symbolSize) == metadata.symbolSize
            else { continue }
            byIndex[sliver.index] = sliver
        }
        return byIndex.values.sorted { $0.index < $1.index }
    }
}

extension RedStuffDecoder {
    /// The source rows without what pads them.
    private func bytes(of matrix: EncodingMatrix) -> [UInt8] {
        // The slivers are there, so their metadata's length is one that memory holds.
        let length = Int(metadata.unencodedLength)
        let row = metadata.sliverLength(.primary)
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, written in
            guard let target = bytes.baseAddress else { return }
            for (number, at) in stride(from: 0, to: length, by: row).enumerated() {
                unsafe (target + at).initialize(
                    from: matrix.top.start + number * matrix.pitch,
                    count: min(row, length - at)
                )
            }
            written = length
        }
    }

    /// Rows that are there go to their places, those below the source rows behind them all.
    private func decodeRows(_ slivers: [Sliver]) -> EncodingMatrix {
        let size = metadata.symbolSize
        let length = metadata.sliverLength(.primary)
        let rows = parameters.sourceRows
        let present = Set(slivers.map(\.index.value))
        let missing = (0..<rows).filter { !present.contains($0) }
        let matrix = EncodingMatrix(
            codec,
            size: size,
            keepsBottom: false,
            spare: missing.count * length
        )
        var spare = rows * matrix.pitch
        var places: [Int] = []
        for sliver in slivers {
            if sliver.index.value < rows {
                places.append(sliver.index.value * matrix.pitch)
            } else {
                places.append(spare)
                spare += length
            }
        }
        let columns = parameters.sourceColumns
        let offsets = places
        workers.forEach(slivers.count) { place in
            matrix.top.write(slivers[place].bytes, at: offsets[place])
        }
        guard !missing.isEmpty else { return matrix }
        codec.columnCode.decodePlan(given: slivers.map(\.index.value), wanted: missing).apply(
            inputs: SymbolRuns(buffer: matrix.top, offsets: offsets, stride: size),
            outputs: SymbolRuns(
                buffer: matrix.top,
                offsets: missing.map { $0 * matrix.pitch },
                stride: size
            ),
            size: size,
            count: columns,
            workers: workers
        )
        return matrix
    }

    private func decodeColumns(_ slivers: [Sliver]) -> EncodingMatrix {
        let size = metadata.symbolSize
        let length = metadata.sliverLength(.secondary)
        let (rows, columns) = (parameters.sourceRows, parameters.sourceColumns)
        let present = Set(slivers.map(\.index.value))
        let missing = (0..<columns).filter { !present.contains($0) }
        let matrix = EncodingMatrix(codec, size: size, keepsBottom: false)
        let given = AlignedBuffer(count: slivers.count * length)
        workers.forEach(slivers.count) { place in
            let sliver = slivers[place]
            given.write(sliver.bytes, at: place * length)
            guard sliver.index.value < columns else { return }
            for row in 0..<rows {
                matrix.top.write(
                    sliver.bytes,
                    row * size..<(row + 1) * size,
                    at: row * matrix.pitch + sliver.index.value * size
                )
            }
        }
        guard !missing.isEmpty else { return matrix }
        codec.rowCode.decodePlan(given: slivers.map(\.index.value), wanted: missing).apply(
            inputs: SymbolRuns(
                buffer: given,
                offsets: slivers.indices.map { $0 * length },
                stride: size
            ),
            outputs: SymbolRuns(
                buffer: matrix.top,
                offsets: missing.map { $0 * size },
                stride: matrix.pitch
            ),
            size: size,
            count: rows,
            workers: workers
        )
        return matrix
    }

    /// Compares every source row with its hash, padded as it should be, but for those that came in
    /// as they are now.
    private func checkRows(
        of matrix: EncodingMatrix,
        received: [Sliver]
    ) throws(BlobDecodingError) {
        let length = metadata.sliverLength(.primary)
        let unpadded = Int(metadata.unencodedLength)
        var known: Set<Int> = []
        for sliver in received {
            let row = sliver.index.value
            let own = max(0, min(length, unpadded - row * length))
            // What is past the blob's end is zero, or else the row is not as it came.
            if row < matrix.rows, sliver.bytes[own...].allSatisfy({ $0 == 0 }) { known.insert(row) }
        }
        for row in 0..<matrix.rows {
            let own = max(0, min(length, unpadded - row * length))
            matrix.top.zero(at: row * matrix.pitch + own, count: length - own)
        }
        let unknown = (0..<matrix.rows).filter { !known.contains($0) }
        let (blob, metadata, size) = (metadata.blobID, metadata, metadata.symbolSize)
        try workers.forEach(
            unknown.count,
            scratch: { WorkArea(matrix.codec) },
            body: { (part, area) throws(BlobDecodingError) in
                let row = unknown[part]
                matrix.extend(rows: row..<row + 1, size, area)
                let root = unsafe RowRoot.root(
                    of: UnsafePointer(matrix.top.start + row * matrix.pitch),
                    size: size,
                    count: matrix.shards,
                    area
                )
                guard root == metadata.hash(of: SliverIndex(UInt16(row)), .primary) else {
                    throw .inconsistent(blob)
                }
            }
        )
    }
}
