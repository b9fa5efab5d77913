internal import BlobModel
internal import Codec
internal import SystemIO
internal import VolumeFormat

extension CheckpointWork {
    /// Whether the next checkpoint should have a base of its own.
    static func wantsBase(
        over head: PublishedHead?,
        deltaByteCount: UInt64,
        settings: CheckpointSettings
    ) -> Bool {
        guard let head, let base = head.manifest.base else { return true }
        let deltas = head.manifest.deltas
        let byteCount = deltas.reduce(deltaByteCount) { $0 + $1.byteCount }
        return byteCount > base.byteCount / 2 || deltas.count + 1 > settings.deltasMax
    }

    /// Seals the rows of a checkpoint: a base when there is a snapshot to make it from, else a
    /// delta from the cut file and the placements that its upload made.
    func sealRows(
        generation: UInt64,
        sequence: UInt64,
        base snapshot: (any CutSnapshot)?
    ) throws(CheckpointError) -> SealedRows {
        let numbers = numbers
        let entropy = environment.entropy
        let builder = RunBuilder(
            kind: snapshot == nil ? .delta : .base,
            sequence: sequence,
            volume: environment.volume,
            keys: environment.keys,
            packLength: packLength,
            numbering: PackNumbering(
                nextID: { numbers.next() },
                nextSalt: { entropy.bytes(count: 32) }
            )
        )
        var packs: [PackFile] = []
        let files = files
        func keep(_ pack: SealedPack) throws(CheckpointError) {
            try files.write(pack)
            if snapshot != nil { environment.pass(.baseMerge) }
            packs.append(PackFile(header: pack.header, length: UInt64(pack.bytes.count)))
        }
        func add(_ row: RowImage) throws(CheckpointError) {
            if let full = builder.append(row) { try keep(full) }
        }
        if let snapshot {
            try addBase(snapshot, add)
        } else {
            try addDelta(generation, add)
        }
        let (last, run) = builder.finish()
        for pack in last { try keep(pack) }
        environment.pass(.rowsSealed)
        return SealedRows(run: run, isBase: snapshot != nil, packs: packs)
    }

    private func addBase(
        _ snapshot: any CutSnapshot,
        _ add: (RowImage) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let tables = RowTable.allCases.sorted { $0.rawValue < $1.rawValue }
        for table in tables where table.isVersioned || table == .slices {
            try untyped { try snapshot.forEachRow(of: table) { row in try add(row) } }
        }
        // Placements are made here alone, and all that were made are certified by now.
        for table in [RowTable.sliceChunks, .chunks, .packs] {
            try PlacementRows.forEach(of: table, in: source, add)
        }
    }

    private func addDelta(
        _ generation: UInt64,
        _ add: (RowImage) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let file = try files.openCut(generation)
        defer { file.close() }
        var reader = try CutFileReader(file, generation: generation)
        var ranges: [UnplacedRange] = []
        // Rows of placement that changed besides those of the ranges; they come as they are now.
        var changed: [UInt8: [[UInt8]]] = [:]
        _ = try reader.readAll(
            rows: { (row) throws(CheckpointError) in
                guard row.table > RowTable.slices.rawValue else { return try add(row) }
                changed[row.table, default: []].append(row.key)
            },
            ranges: { (part) throws(CheckpointError) in ranges += part }
        )
        ranges.sort { ($0.slice, $0.offset) < ($1.slice, $1.offset) }
        let (stretches, used) = try stretches(of: ranges)
        try addPlacements(.sliceChunks, changed, stretches, add)
        var chunks: [RowImage] = []
        var packs: Set<UInt64> = []
        for chunk in used {
            guard let row = try PlacementRows.chunk(chunk.bytes, in: source) else {
                throw .damagedState("chunk \(chunk) has no row")
            }
            packs.insert(row.pack)
            chunks.append(
                RowImage(table: RowTable.chunks.rawValue, key: chunk.bytes, value: row.bcsBytes)
            )
        }
        try addPlacements(.chunks, changed, chunks, add)
        let moved = try packsOfMoved(changed[RowTable.chunks.rawValue] ?? [])
        let rows = try packs.union(moved).map { (pack) throws(CheckpointError) in
            guard let row = try PlacementRows.pack(pack, in: source), row.blob != nil else {
                throw .damagedState("pack \(pack) is not stored")
            }
            let key = RowKey.number(pack)
            return RowImage(table: RowTable.packs.rawValue, key: key, value: row.bcsBytes)
        }
        try addPlacements(.packs, changed, rows, add)
    }

    /// The packs of chunks that were put elsewhere, and are there.
    private func packsOfMoved(_ chunks: [[UInt8]]) throws(CheckpointError) -> Set<UInt64> {
        var packs: Set<UInt64> = []
        for chunk in chunks {
            guard let row = try PlacementRows.chunk(chunk, in: source),
                let pack = try PlacementRows.pack(row.pack, in: source),
                // One whose checkpoint was given up was never stored, and nothing needs it.
                pack.blob != nil
            else { continue }
            packs.insert(row.pack)
        }
        return packs
    }

    /// Adds rows of a table of placement, each once, ascending: `rows`, and those of `changed` as
    /// they are now, which may be gone.
    private func addPlacements(
        _ table: RowTable,
        _ changed: [UInt8: [[UInt8]]],
        _ rows: [RowImage],
        _ add: (RowImage) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        var all = rows
        for key in changed[table.rawValue] ?? [] {
            let value = try volume { () throws(VolumeError) in try source.value(of: table, key) }
            all.append(RowImage(table: table.rawValue, key: key, value: value))
        }
        all.sort { $0.key.lexicographicallyPrecedes($1.key) }
        var last: [UInt8]?
        for row in all where row.key != last {
            last = row.key
            try add(row)
        }
    }

    /// The placements of `ranges`, all of which must have one, and their chunks.
    private func stretches(
        of ranges: [UnplacedRange]
    ) throws(CheckpointError) -> (rows: [RowImage], chunks: Set<ChunkID>) {
        var rows: [RowImage] = []
        var chunks: Set<ChunkID> = []
        for range in ranges {
            let stretches = try PlacementRows.covering(
                slice: range.slice,
                offset: range.offset,
                length: range.length,
                in: source
            )
            var covered = range.offset
            for stretch in stretches {
                guard stretch.offset <= covered else { break }
                covered = max(covered, stretch.end)
                chunks.insert(ChunkID(bytes: stretch.row.chunk))
                // Neighbouring ranges may share a stretch.
                let key = RowKey.sliceChunk(range.slice, offset: stretch.offset)
                let value = stretch.row.bcsBytes
                rows.append(RowImage(table: RowTable.sliceChunks.rawValue, key: key, value: value))
            }
            guard covered >= range.offset + range.length else {
                throw .damagedState("slice \(range.slice) was not placed")
            }
        }
        return (rows, chunks)
    }
}
