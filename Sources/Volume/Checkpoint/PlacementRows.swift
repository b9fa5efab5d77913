internal import Codec
internal import VolumeFormat

extension ChunkRow {
    init(layout: ChunkLayout, pack: UInt64) {
        self.init(
            pack: pack,
            offset: layout.offset,
            first: layout.firstFrame,
            length: layout.length,
            frames: layout.frames.map { UInt32($0.length) | UInt32($0.codec.rawValue) << 31 }
        )
    }

    /// The layout that the row describes; throws when it describes none.
    func layout() throws(CodecError) -> ChunkLayout {
        var writer = ByteWriter()
        writer.write(offset)
        writer.write(first)
        writer.write(length)
        writer.write(vector: frames)
        return try ChunkLayout(bcsBytes: writer.bytes)
    }
}

/// A stretch of a slice and its place.
struct PlacedStretch: Hashable, Sendable {
    var offset: UInt32
    var row: SliceChunkRow

    var end: UInt32 { offset + row.length }
}

/// Reads rows of placement.
enum PlacementRows {
    /// The placed stretches that touch a range of a slice, ascending.
    static func covering(
        slice: UInt64,
        offset: UInt32,
        length: UInt32,
        in source: any CheckpointSource
    ) throws(CheckpointError) -> [PlacedStretch] {
        // A stretch is no longer than a chunk, so one that covers `offset` begins this near.
        let reach = UInt32(ChunkLayout.lengthMax)
        let first = offset > reach ? offset - reach : 0
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow else { throw .damagedState("a range beyond any slice") }
        let upper = RowKey.sliceChunk(slice, offset: end)
        var lower = RowKey.sliceChunk(slice, offset: first)
        var found: [PlacedStretch] = []
        while true {
            let from = lower
            let page = try volume { () throws(VolumeError) in
                try source.rows(of: .sliceChunks, from: from, to: upper, limit: 1024)
            }
            for row in page {
                let stretch = try decode(row)
                if stretch.end > offset { found.append(stretch) }
            }
            guard page.count == 1024, let last = page.last else { return found }
            lower = last.key + [0]
        }
    }

    static func decode(_ row: RowImage) throws(CheckpointError) -> PlacedStretch {
        guard let value = row.value, let key = try? RowKey.readSliceChunk(row.key),
            let placed = try? SliceChunkRow(bcsBytes: value), placed.length > 0,
            !key.offset.addingReportingOverflow(placed.length).overflow
        else { throw .damagedState("a row of slice_chunks") }
        return PlacedStretch(offset: key.offset, row: placed)
    }

    static func chunk(
        _ id: [UInt8],
        in source: any CheckpointSource
    ) throws(CheckpointError) -> ChunkRow? {
        let value = try volume { () throws(VolumeError) in try source.value(of: .chunks, id) }
        guard let value else { return nil }
        guard let row = try? ChunkRow(bcsBytes: value) else {
            throw .damagedState("a row of chunks")
        }
        return row
    }

    static func slice(
        _ number: UInt64,
        in source: any CheckpointSource
    ) throws(CheckpointError) -> SliceRow? {
        let value = try volume { () throws(VolumeError) in
            try source.value(of: .slices, RowKey.number(number))
        }
        guard let value else { return nil }
        guard let row = try? SliceRow(bcsBytes: value) else {
            throw .damagedState("the row of slice \(number)")
        }
        return row
    }

    static func pack(
        _ id: UInt64,
        in source: any CheckpointSource
    ) throws(CheckpointError) -> PackRow? {
        let value = try volume { () throws(VolumeError) in
            try source.value(of: .packs, RowKey.number(id))
        }
        guard let value else { return nil }
        guard let row = try? PackRow(bcsBytes: value) else {
            throw .damagedState("the row of pack \(id)")
        }
        return row
    }

    /// Whether a row enters the next checkpoint by itself: rows of files do, and of placement those
    /// that say that something goes or has left, which no upload of a slice tells.
    static func travelsAlone(_ row: RowImage) -> Bool {
        guard row.table > RowTable.slices.rawValue, let value = row.value else { return true }
        guard row.table == RowTable.packs.rawValue, let pack = try? PackRow(bcsBytes: value)
        else { return false }
        return pack.state == .retired || pack.departed != nil
    }

    /// Whether a row says which checkpoints read in a pack what has left it.
    static func hasDepartures(_ row: RowImage) -> Bool {
        guard row.table == RowTable.packs.rawValue, let value = row.value else { return false }
        return (try? PackRow(bcsBytes: value))?.departed != nil
    }

    /// Hands over all rows of a placement table, ascending.
    static func forEach(
        of table: RowTable,
        in source: any CheckpointSource,
        _ body: (RowImage) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        var lower: [UInt8] = []
        while true {
            let from = lower
            let page = try volume { () throws(VolumeError) in
                try source.rows(of: table, from: from, to: nil, limit: 1024)
            }
            for row in page { try body(row) }
            guard page.count == 1024, let last = page.last else { return }
            lower = last.key + [0]
        }
    }
}
