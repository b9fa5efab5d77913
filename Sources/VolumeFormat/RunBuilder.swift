package import BlobModel
internal import Codec

/// What the packs of a run are given by whoever owns ids and randomness.
package struct PackNumbering {
    package let nextID: () -> UInt64
    package let nextSalt: () -> [UInt8]

    package init(nextID: @escaping () -> UInt64, nextSalt: @escaping () -> [UInt8]) {
        self.nextID = nextID
        self.nextSalt = nextSalt
    }
}

/// Seals rows that come in order into the packs of a base or a delta.
///
/// Packs are handed out as they fill, so that a run of any size needs the memory of one pack. Not
/// `Sendable`: one task fills it.
package final class RunBuilder {
    /// The index is cut into chunks of this length, which fit every network's packs.
    private static let indexPartLength = 256 << 10

    private let kind: PackKind
    private let sequence: UInt64
    private let volume: VolumeID
    private let keys: VolumeKeys
    private let packLength: Int
    private let numbering: PackNumbering

    private var leaves: LeafBuilder
    private var pack: PackBuilder?
    private var packIndex: UInt32 = 0
    private var entries: [RunIndex.Entry] = []
    private var rowCount: UInt64 = 0
    private var byteCount: UInt64 = 0

    /// - Precondition: `kind` is delta or base.
    package init(
        kind: PackKind,
        sequence: UInt64,
        volume: VolumeID,
        keys: VolumeKeys,
        packLength: Int,
        numbering: PackNumbering
    ) {
        precondition(kind == .delta || kind == .base)
        self.kind = kind
        self.sequence = sequence
        self.volume = volume
        self.keys = keys
        self.packLength = packLength
        self.numbering = numbering
        leaves = LeafBuilder(keys: keys)
    }

    /// Takes the next row; returns a pack that became full.
    ///
    /// - Precondition: Rows come in order, and a base has no tombstones.
    package func append(_ row: RowImage) -> SealedPack? {
        precondition(kind == .delta || row.value != nil)
        guard let leaf = leaves.append(row) else { return nil }
        return seal(leaf)
    }

    private func seal(_ leaf: LeafBuilder.Encoded) -> SealedPack? {
        let full = makeRoom(for: leaf.bytes.count)
        let builder = openPack()
        let id = keys.chunkID(of: leaf.bytes)
        let layout = builder.append(id, leaf.bytes)
        rowCount += UInt64(leaf.rowCount)
        byteCount += UInt64(leaf.bytes.count)
        entries.append(
            RunIndex.Entry(
                table: leaf.firstTable,
                key: leaf.firstKey,
                place: RunPlace(pack: packIndex, chunk: id, layout: layout)
            )
        )
        return full
    }

    /// Finishes the open pack when a chunk of so many bytes does not fit it any more.
    private func makeRoom(for length: Int) -> SealedPack? {
        guard let builder = pack, !builder.isEmpty,
            !builder.hasRoom(forChunkOf: length, slices: 0, limit: packLength)
        else { return nil }
        pack = nil
        packIndex += 1
        return builder.finish()
    }

    private func openPack() -> PackBuilder {
        if let pack { return pack }
        let header = PackHeader(
            kind: kind,
            id: numbering.nextID(),
            sequence: sequence,
            salt: numbering.nextSalt()
        )
        let builder = PackBuilder(header: header, volume: volume, keys: keys)
        pack = builder
        return builder
    }

    /// A run whose packs have no blob ids yet.
    package struct Unplaced: Sendable {
        package let sequence: UInt64
        package let rowCount: UInt64
        package let byteCount: UInt64
        package let index: [RunPlace]

        package init(sequence: UInt64, rowCount: UInt64, byteCount: UInt64, index: [RunPlace]) {
            self.sequence = sequence
            self.rowCount = rowCount
            self.byteCount = byteCount
            self.index = index
        }

        /// The run, now that each of its packs is stored.
        package func placed(in packs: [PackReference]) -> Run {
            precondition(index.allSatisfy { Int($0.pack) < packs.count })
            return Run(
                sequence: sequence,
                rowCount: rowCount,
                byteCount: byteCount,
                packs: packs,
                index: index
            )
        }
    }

    /// Seals what is left and the index; the packs returned are the last ones.
    package func finish() -> (packs: [SealedPack], run: Unplaced) {
        var packs: [SealedPack] = []
        if let leaf = leaves.finish(), let full = seal(leaf) { packs.append(full) }
        let bytes = RunIndex(entries: entries).bcsBytes
        var index: [RunPlace] = []
        for start in stride(from: 0, to: bytes.count, by: Self.indexPartLength) {
            let part = Array(bytes[start..<min(bytes.count, start + Self.indexPartLength)])
            if let full = makeRoom(for: part.count) { packs.append(full) }
            let id = keys.chunkID(of: part)
            let layout = openPack().append(id, part)
            index.append(RunPlace(pack: packIndex, chunk: id, layout: layout))
        }
        if let last = pack { packs.append(last.finish()) }
        pack = nil
        let run = Unplaced(
            sequence: sequence,
            rowCount: rowCount,
            byteCount: byteCount,
            index: index
        )
        return (packs, run)
    }
}
