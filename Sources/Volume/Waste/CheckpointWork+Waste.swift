internal import BlobModel
internal import Codec
internal import VolumeFormat

/// Rows of a table in order, a page at a time.
struct RowCursor {
    let table: RowTable
    let source: any CheckpointSource
    private var page: ArraySlice<RowImage> = []
    private var lower: [UInt8]? = []

    init(_ table: RowTable, in source: any CheckpointSource) {
        self.table = table
        self.source = source
    }

    mutating func next() throws(CheckpointError) -> RowImage? {
        if page.isEmpty, let from = lower {
            let (table, source) = (table, source)
            let rows = try volume { () throws(VolumeError) in
                try source.rows(of: table, from: from, to: nil, limit: 1024)
            }
            lower = rows.count == 1024 ? rows.last.map { $0.key + [0] } : nil
            page = rows[...]
        }
        return page.popFirst()
    }
}

extension CheckpointWork {
    /// Marks packs that no kept checkpoint needs as retired, and removes the rows of those whose
    /// blobs are gone; what it changes travels with the next cut.
    ///
    /// - Precondition: No cut is in flight.
    func collectWaste(
        _ kept: KeptCheckpoints,
        gone: Set<BlobID>
    ) throws(CheckpointError) -> WasteScan {
        let scan = try findWaste(kept, gone: gone)
        let waste = scan.waste
        // Whatever a crash leaves is found again: what points goes before what it points at.
        try volume { () throws(VolumeError) in
            if !waste.stretches.isEmpty { try source.place(waste.stretches) }
            if !waste.slices.isEmpty { try source.removeSlices(waste.slices) }
            if !waste.chunks.isEmpty { try source.place(waste.chunks) }
            let packs = waste.packs + waste.retired
            if !packs.isEmpty { try source.place(packs) }
        }
        if !waste.isEmpty { environment.pass(.wasteMarked) }
        return scan
    }

    private func findWaste(
        _ kept: KeptCheckpoints,
        gone: Set<BlobID>
    ) throws(CheckpointError) -> WasteScan {
        var scan = WasteScan(kept, gone: gone)
        var packs = RowCursor(.packs, in: source)
        while let row = try packs.next() { try scan.add(pack: row) }
        var chunks = RowCursor(.chunks, in: source)
        while let row = try chunks.next() { try scan.add(chunk: row) }
        var slices = RowCursor(.slices, in: source)
        var stretches = RowCursor(.sliceChunks, in: source)
        var stretch = try stretches.next()
        while let slice = try slices.next() {
            // A stretch belongs to the slice that its key begins with.
            while let row = stretch, row.key.lexicographicallyPrecedes(slice.key) {
                try scan.add(stretch: row)
                stretch = try stretches.next()
            }
            try scan.begin(slice: slice)
            while let row = stretch, row.key.starts(with: slice.key) {
                try scan.add(stretch: row)
                stretch = try stretches.next()
            }
        }
        scan.endSlices()
        while let row = stretch {
            try scan.add(stretch: row)
            stretch = try stretches.next()
        }
        chunks = RowCursor(.chunks, in: source)
        while let row = try chunks.next() { try scan.weigh(chunk: row) }
        scan.finish()
        return scan
    }

    /// The blobs of packs that are marked as retired.
    func retiredBlobs() throws(CheckpointError) -> [BlobID] {
        var found: [BlobID] = []
        var packs = RowCursor(.packs, in: source)
        while let image = try packs.next() {
            guard let value = image.value, let row = try? PackRow(bcsBytes: value) else {
                throw .damagedState("a row of packs")
            }
            if row.state == .retired, let blob = row.blob { found.append(blob) }
        }
        return found
    }
}
