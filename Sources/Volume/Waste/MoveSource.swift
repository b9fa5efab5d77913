internal import BlobModel
internal import VolumeFormat

/// A chunk that is to move, and who needs it.
struct MovingChunk: Sendable {
    let id: ChunkID
    let layout: ChunkLayout
    /// Stretches of slices that are needed; as many as one chunk has in a trailer.
    var slices: [SliceChunk] = []
}

/// A pack that is to be emptied, with the chunks of it that some file has, by their place.
struct MoveSource: Sendable {
    /// Stretches of slices that one chunk has in a trailer, at most.
    static let stretchesMax = 1024
    /// What is fetched at a time, and what is fetched in vain between two chunks.
    private static let runMax: UInt64 = 8 << 20
    private static let gapMax: UInt64 = 64 << 10

    let id: UInt64
    let row: PackRow
    var chunks: [MovingChunk]

    /// Neighbours that are fetched together.
    struct Run {
        var range: Range<UInt64>
        var chunks: [MovingChunk]
    }

    var runs: [Run] {
        var runs: [Run] = []
        for chunk in chunks {
            let range = chunk.range
            if let last = runs.last?.range, range.lowerBound >= last.upperBound,
                range.lowerBound - last.upperBound <= Self.gapMax,
                range.upperBound - last.lowerBound <= Self.runMax
            {
                runs[runs.count - 1].range = last.lowerBound..<range.upperBound
                runs[runs.count - 1].chunks.append(chunk)
            } else {
                runs.append(Run(range: range, chunks: [chunk]))
            }
        }
        return runs
    }
}

extension MovingChunk {
    /// Where its frames lie in its pack.
    var range: Range<UInt64> { layout.storedRange(ofFrames: layout.frames.indices) }
}

extension CheckpointWork {
    /// What is to be moved out of `packs`; packs without any such chunk are left out.
    ///
    /// Reads all rows of chunks and of slices once more.
    func moveSources(
        _ packs: [UInt64],
        _ scan: WasteScan
    ) throws(CheckpointError) -> [MoveSource] {
        var sources: [UInt64: MoveSource] = [:]
        for id in packs {
            guard let row = try PlacementRows.pack(id, in: source), row.state == .certified,
                row.kind == PackKind.contents.rawValue, row.sequence == 0, row.blob != nil
            else { continue }
            sources[id] = MoveSource(id: id, row: row, chunks: [])
        }
        var homes: [[UInt8]: UInt64] = [:]
        var rows = RowCursor(.chunks, in: source)
        while let image = try rows.next() {
            guard scan.uses(of: image.key).contains(.file),
                let row = try PlacementRows.chunk(image.key, in: source),
                let pack = sources[row.pack]?.row
            else { continue }
            guard let layout = try? row.layout(), image.key.count == 32 else {
                throw .damagedState("a row of chunks")
            }
            let chunk = MovingChunk(id: ChunkID(bytes: image.key), layout: layout)
            guard chunk.range.upperBound <= pack.length else {
                throw .damagedState("chunk \(chunk.id) is outside of pack \(row.pack)")
            }
            homes[image.key] = row.pack
            sources[row.pack]?.chunks.append(chunk)
        }
        let stretches = try stretches(of: homes, scan)
        return packs.compactMap { id in
            guard var source = sources[id], !source.chunks.isEmpty else { return nil }
            source.chunks.sort { $0.layout.offset < $1.layout.offset }
            for index in source.chunks.indices {
                source.chunks[index].slices = stretches[source.chunks[index].id.bytes] ?? []
            }
            return source
        }
    }

    /// Stretches of slices that are needed and lie in `chunks`.
    private func stretches(
        of chunks: [[UInt8]: UInt64],
        _ scan: WasteScan
    ) throws(CheckpointError) -> [[UInt8]: [SliceChunk]] {
        var found: [[UInt8]: [SliceChunk]] = [:]
        var rows = RowCursor(.sliceChunks, in: source)
        var last: (slice: UInt64, isNeeded: Bool)?
        while let image = try rows.next() {
            let stretch = try PlacementRows.decode(image)
            let chunk = stretch.row.chunk
            guard chunks[chunk] != nil, found[chunk]?.count ?? 0 < MoveSource.stretchesMax,
                let slice = try? RowKey.readNumber(image.key)
            else { continue }
            if last?.slice != slice {
                let row = try PlacementRows.slice(slice, in: source)
                last = (slice, row.map(scan.need) ?? true)
            }
            guard last?.isNeeded ?? true else { continue }
            found[chunk, default: []].append(
                SliceChunk(
                    slice: slice,
                    offset: stretch.offset,
                    chunk: ChunkID(bytes: chunk),
                    start: stretch.row.start,
                    length: stretch.row.length
                )
            )
        }
        return found
    }
}
