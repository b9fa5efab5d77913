internal import BlobModel
internal import Codec
internal import VolumeFormat

extension CheckpointWork {
    /// A pack of moved chunks that is to be stored.
    struct MovedPack: Sendable {
        let trailer: PackTrailer
        let sealed: Sealed
    }

    /// Makes a pack of moved chunks durable.
    func keepMove(_ pack: SealedPack) throws(CheckpointError) -> MovedPack {
        try files.write(move: pack)
        environment.pass(.moveSealed)
        return MovedPack(
            trailer: pack.trailer,
            sealed: Sealed(header: pack.header, bytes: pack.bytes)
        )
    }

    /// A pack of moved chunks that a crash or a failure left on the disk, every byte verified.
    ///
    /// nil, and the file removed, when it is none: the chunks lie where they were.
    func leftMove(_ id: UInt64) throws(CheckpointError) -> MovedPack? {
        guard let bytes = try files.readMove(id) else { return nil }
        do throws(VolumeFormatError) {
            let (volume, keys) = (environment.volume, environment.keys)
            let reader = try PackReader(bytes, volume: volume, keys: keys)
            guard reader.header.id == id, reader.header.kind == .contents else {
                throw .corrupt("pack \(id) is another")
            }
            for chunk in reader.trailer.chunks {
                let plain = try reader.open(chunk)
                let named = unsafe plain.withUnsafeBytes { unsafe keys.chunkID(of: $0) }
                guard named == chunk.id else { throw .corrupt("a chunk that is another") }
            }
            return MovedPack(
                trailer: reader.trailer,
                sealed: Sealed(header: reader.header, bytes: bytes)
            )
        } catch {
            try files.removeMove(id)
            return nil
        }
    }

    /// Has the chunks of a pack that is stored be there, as checkpoints from `sequence` on have it;
    /// older ones read them where they were.
    ///
    /// May be repeated.
    ///
    /// - Precondition: No cut is in flight.
    func placeMove(
        _ pack: MovedPack,
        _ stored: StoredBlob,
        sequence: UInt64
    ) throws(CheckpointError) {
        let header = pack.sealed.header
        let births = try births(pack.trailer.slices)
        var left: [UInt64: PackRow] = [:]
        var chunks: [RowImage] = []
        for chunk in pack.trailer.chunks {
            // One that is gone stays so; what nothing needs is not touched.
            guard let old = try PlacementRows.chunk(chunk.id.bytes, in: source),
                old.pack != header.id
            else { continue }
            var known = left[old.pack]
            if known == nil { known = try PlacementRows.pack(old.pack, in: source) }
            guard var row = known, row.state == .certified else { continue }
            row.noteDeparture(min(births[chunk.id] ?? 0, sequence)..<sequence)
            left[old.pack] = row
            let value = ChunkRow(layout: chunk.layout, pack: header.id).bcsBytes
            chunks.append(
                RowImage(table: RowTable.chunks.rawValue, key: chunk.id.bytes, value: value)
            )
        }
        // A crash may keep any first ones of these.
        var rows = left.sorted { $0.key < $1.key }.map { id, row in
            RowImage(
                table: RowTable.packs.rawValue,
                key: RowKey.number(id),
                value: row.bcsBytes
            )
        }
        // What a row says that is there already is newer.
        if try PlacementRows.pack(header.id, in: source) == nil {
            let length = pack.sealed.bytes.count
            rows.append(Gatherer.row(of: header, length: length, stored: stored))
        }
        rows += chunks
        try volume { () throws(VolumeError) in try source.place(rows) }
        environment.pass(.moved)
        try files.removeMove(header.id)
    }

    /// Since which checkpoint chunks are read, as far as that is certain.
    private func births(
        _ stretches: [SliceChunk]
    ) throws(CheckpointError) -> [ChunkID: UInt64] {
        var counts: [ChunkID: Int] = [:]
        var births: [ChunkID: UInt64] = [:]
        var slices: [UInt64: UInt64] = [:]
        for stretch in stretches {
            counts[stretch.chunk, default: 0] += 1
            if slices[stretch.slice] == nil {
                // One without a row is in doubt.
                let row = try PlacementRows.slice(stretch.slice, in: source)
                slices[stretch.slice] = row?.born ?? 0
            }
            let born = slices[stretch.slice] ?? 0
            births[stretch.chunk] = min(births[stretch.chunk] ?? born, born)
        }
        // There may be more stretches than a trailer has.
        return births.filter { counts[$0.key] ?? 0 < MoveSource.stretchesMax }
    }
}
