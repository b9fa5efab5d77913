internal import BlobModel
internal import Codec
internal import VolumeFormat

/// Finds what no kept checkpoint needs, from all rows of placement; a value that sees the rows in
/// order, and knows neither disk nor network.
///
/// First all packs, then all chunks, then slices and their stretches side by side, then all chunks
/// once more. Takes 9 bytes for each chunk, and what is found.
struct WasteScan {
    /// What goes.
    struct Waste: Hashable, Sendable {
        /// Rows of packs that nothing needs, now retired.
        var retired: [RowImage] = []
        /// Tombstones for what lay in packs that are deleted.
        var stretches: [RowImage] = []
        var chunks: [RowImage] = []
        var packs: [RowImage] = []
        /// Dead slices of which nothing is placed any more.
        var slices: [UInt64] = []
        /// Bytes in packs of which something else is needed: of chunks that nothing needs.
        var sparseBytes: UInt64 = 0
        /// Bytes of slices that no file has, and that a kept checkpoint needs.
        var heldBytes: UInt64 = 0
        /// Packs that only kept checkpoints read, since their chunks are elsewhere now, and their
        /// bytes.
        var emptied = 0
        var emptiedBytes: UInt64 = 0
        /// Packs of which something is needed.
        var used: [RepackPlan.Pack] = []

        var isEmpty: Bool {
            retired.isEmpty && stretches.isEmpty && slices.isEmpty && packs.isEmpty
        }
    }

    private struct Pack {
        var row: PackRow
        var needsNothing = true
        var deadBytes: UInt64 = 0
        var heldBytes: UInt64 = 0
        var liveBytes: UInt64 = 0
        var isPinned = false
    }

    /// Who has use for a chunk.
    struct Uses: OptionSet {
        let rawValue: UInt8

        /// Anybody.
        static let any = Uses(rawValue: 1)
        /// A file, as the volume is.
        static let file = Uses(rawValue: 2)
        static let pin = Uses(rawValue: 4)
    }

    private let kept: KeptCheckpoints
    private let gone: Set<BlobID>
    /// Certified packs of contents.
    private var packs: [UInt64: Pack] = [:]
    private var retiredPacks: Set<UInt64> = []
    private var gonePacks: Set<UInt64> = []
    private var goneChunks: Set<[UInt8]> = []
    /// Chunks that are needed, by what their keyed hash begins with: one too many is kept.
    private var uses: [UInt64: Uses.RawValue] = [:]
    // The slice whose stretches come.
    private var slice: (number: UInt64, uses: Uses, isEmpty: Bool)?
    private(set) var waste = Waste()

    /// `gone` are the blobs of retired packs that the ledger has no more.
    init(_ kept: KeptCheckpoints, gone: Set<BlobID>) {
        self.kept = kept
        self.gone = gone
    }

    private static func prefix(_ chunk: [UInt8]) -> UInt64 {
        chunk.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func add(pack image: RowImage) throws(CheckpointError) {
        guard let id = try? RowKey.readNumber(image.key), let value = image.value,
            let row = try? PackRow(bcsBytes: value)
        else { throw .damagedState("a row of packs") }
        switch row.state {
        case .certified where row.kind == PackKind.contents.rawValue: packs[id] = Pack(row: row)
        case .retired:
            retiredPacks.insert(id)
            guard let blob = row.blob, gone.contains(blob) else { return }
            gonePacks.insert(id)
            waste.packs.append(RowImage(table: image.table, key: image.key, value: nil))
        case .sealed, .certified, .damaged: break
        }
    }

    mutating func add(chunk image: RowImage) throws(CheckpointError) {
        let row = try Self.chunk(image)
        guard gonePacks.contains(row.pack) else { return }
        goneChunks.insert(image.key)
        waste.chunks.append(RowImage(table: image.table, key: image.key, value: nil))
    }

    private static func chunk(_ image: RowImage) throws(CheckpointError) -> ChunkRow {
        guard let value = image.value, image.key.count == 32,
            let row = try? ChunkRow(bcsBytes: value)
        else { throw .damagedState("a row of chunks") }
        return row
    }

    /// The next slice; its stretches come before the one after it.
    mutating func begin(slice image: RowImage) throws(CheckpointError) {
        endSlice()
        guard let number = try? RowKey.readNumber(image.key), let value = image.value,
            let row = try? SliceRow(bcsBytes: value)
        else { throw .damagedState("a row of slices") }
        slice = (number, uses(of: row), true)
        if row.refs == 0, kept.need(row) { waste.heldBytes += UInt64(row.length) }
    }

    private func uses(of slice: SliceRow) -> Uses {
        var uses: Uses = kept.need(slice) ? .any : []
        if slice.refs > 0 || slice.died == 0 { uses.insert(.file) }
        if kept.pin(slice) { uses.insert(.pin) }
        return uses
    }

    /// Who has use for a chunk, after all slices were seen.
    func uses(of chunk: [UInt8]) -> Uses { Uses(rawValue: uses[Self.prefix(chunk)] ?? 0) }

    /// Whether a kept checkpoint, or the volume as it is, has bytes of a slice.
    func need(_ slice: SliceRow) -> Bool { kept.need(slice) }

    mutating func add(stretch image: RowImage) throws(CheckpointError) {
        let stretch = try PlacementRows.decode(image)
        let chunk = stretch.row.chunk
        guard let number = try? RowKey.readNumber(image.key) else {
            throw .damagedState("a row of slice_chunks")
        }
        // One whose slice has no row is in doubt, and so is needed.
        let doubt: Uses = kept.pins.isEmpty ? [.any, .file] : [.any, .file, .pin]
        let known = slice?.number == number ? slice?.uses : nil
        guard goneChunks.contains(chunk) else {
            let found = known ?? doubt
            if !found.isEmpty { uses[Self.prefix(chunk), default: 0] |= found.rawValue }
            if slice?.number == number { slice?.isEmpty = false }
            return
        }
        guard let known, !known.contains(.any) else {
            throw .damagedState("slice \(number) is needed, and its pack is deleted")
        }
        waste.stretches.append(RowImage(table: image.table, key: image.key, value: nil))
    }

    private mutating func endSlice() {
        if let slice, !slice.uses.contains(.any), slice.isEmpty {
            waste.slices.append(slice.number)
        }
        slice = nil
    }

    mutating func endSlices() { endSlice() }

    /// All chunks once more, after all slices.
    mutating func weigh(chunk image: RowImage) throws(CheckpointError) {
        let row = try Self.chunk(image)
        let stored = row.frames.reduce(0) { $0 + UInt64($1 & 0x7FFF_FFFF) }
        let uses = uses(of: image.key)
        guard uses.contains(.any) else {
            packs[row.pack]?.deadBytes += stored
            return
        }
        guard !retiredPacks.contains(row.pack) else {
            throw .damagedState("pack \(row.pack) is retired, and a chunk of it is needed")
        }
        packs[row.pack]?.needsNothing = false
        if uses.contains(.pin) { packs[row.pack]?.isPinned = true }
        if uses.contains(.file) {
            packs[row.pack]?.liveBytes += stored + RepackPlan.trailerBytes(frames: row.frames.count)
        } else {
            packs[row.pack]?.heldBytes += stored
        }
    }

    /// Decides on packs, after all else was seen.
    mutating func finish() {
        for (id, pack) in packs.sorted(by: { $0.key < $1.key }) {
            guard pack.needsNothing else {
                waste.sparseBytes += pack.deadBytes
                waste.used.append(Self.used(id, pack))
                continue
            }
            // Older checkpoints read here what others have elsewhere by now.
            if let readers = pack.row.departed, kept.keepsAny(of: readers) {
                waste.emptied += 1
                waste.emptiedBytes += pack.row.length
                continue
            }
            var row = pack.row
            row.state = .retired
            waste.retired.append(
                RowImage(
                    table: RowTable.packs.rawValue,
                    key: RowKey.number(id),
                    value: row.bcsBytes
                )
            )
        }
    }
    private static func used(_ id: UInt64, _ pack: Pack) -> RepackPlan.Pack {
        RepackPlan.Pack(
            id: id,
            length: pack.row.length,
            live: pack.liveBytes,
            held: pack.heldBytes,
            dead: pack.deadBytes,
            isPinned: pack.isPinned,
            hasDepartures: pack.row.departed != nil
        )
    }
}
