internal import BlobModel
internal import Codec
internal import Synchronization
internal import VolumeFormat

/// Bytes of a chunk that make up part of a slice.
struct PlacedFragment: Sendable {
    var chunk: ResolvedChunk
    /// Plaintext of the chunk.
    var plain: Range<Int>
}

/// A chunk and the pack that has it.
final class ResolvedChunk: Sendable {
    let id: ChunkID
    let layout: ChunkLayout
    let pack: ResolvedPack

    init(id: ChunkID, layout: ChunkLayout, pack: ResolvedPack) {
        self.id = id
        self.layout = layout
        self.pack = pack
    }
}

/// A pack and the key of its frames.
final class ResolvedPack: Sendable {
    let header: PackHeader
    /// nil: the pack is not stored yet, and lies in `packs/`.
    let blob: BlobID?
    let length: UInt64
    let sealing: FrameSealing

    init(header: PackHeader, blob: BlobID?, length: UInt64, sealing: FrameSealing) {
        self.header = header
        self.blob = blob
        self.length = length
        self.sealing = sealing
    }
}

/// Finds where bytes of slices lie, remembering chunks and packs that it met.
final class PlacementResolver: Sendable {
    /// Chunks and packs that are remembered; all are forgotten when there are more.
    private static let rememberedMax = 8192

    private struct Memory {
        var chunks: [ChunkID: ResolvedChunk] = [:]
        var packs: [UInt64: ResolvedPack] = [:]
    }

    private let source: any CheckpointSource
    private let volumeID: VolumeID
    private let keys: VolumeKeys
    /// Guards what is remembered; rows are read outside.
    private let memory = Mutex(Memory())

    init(source: any CheckpointSource, volume: VolumeID, keys: VolumeKeys) {
        self.source = source
        volumeID = volume
        self.keys = keys
    }

    /// The fragments that make up a range of a slice, in order.
    ///
    /// Blocking.
    func resolve(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) throws(CheckpointError) -> [PlacedFragment] {
        let stretches = try PlacementRows.covering(
            slice: slice,
            offset: offset,
            length: length,
            in: source
        )
        var fragments: [PlacedFragment] = []
        var at = offset
        let end = offset + length
        for stretch in stretches where at < end && stretch.end > at {
            guard stretch.offset <= at else { break }
            let chunk = try resolve(ChunkID(bytes: stretch.row.chunk))
            let upper = min(end, stretch.end)
            let start = Int(stretch.row.start) + Int(at - stretch.offset)
            let plain = start..<start + Int(upper - at)
            guard plain.upperBound <= Int(chunk.layout.length) else {
                throw .damagedState("slice \(slice) reaches beyond chunk \(chunk.id)")
            }
            fragments.append(PlacedFragment(chunk: chunk, plain: plain))
            at = upper
        }
        guard at == end else { throw .damagedState("slice \(slice) has no place at \(at)") }
        return fragments
    }

    /// Where a chunk lies by now, whatever is remembered.
    ///
    /// Blocking.
    func resolveAnew(_ id: ChunkID) throws(CheckpointError) -> ResolvedChunk {
        forget(id)
        return try resolve(id)
    }

    private func resolve(_ id: ChunkID) throws(CheckpointError) -> ResolvedChunk {
        if let known = memory.withLock({ $0.chunks[id] }) { return known }
        guard let row = try PlacementRows.chunk(id.bytes, in: source),
            let layout = try? row.layout()
        else { throw .damagedState("chunk \(id) has no place") }
        let pack = try resolve(pack: row.pack)
        let chunk = ResolvedChunk(id: id, layout: layout, pack: pack)
        // A pack in flight gets its blob later: ask again next time.
        if pack.blob != nil {
            memory.withLock { memory in
                if memory.chunks.count >= Self.rememberedMax { memory.chunks = [:] }
                memory.chunks[id] = chunk
            }
        }
        return chunk
    }

    private func resolve(pack id: UInt64) throws(CheckpointError) -> ResolvedPack {
        if let known = memory.withLock({ $0.packs[id] }) { return known }
        guard let row = try PlacementRows.pack(id, in: source),
            let kind = PackKind(rawValue: row.kind),
            kind == .contents, row.sequence == 0
        else { throw .damagedState("pack \(id) has no row") }
        let header = PackHeader(kind: kind, id: id, sequence: row.sequence, salt: row.salt)
        let pack = ResolvedPack(
            header: header,
            blob: row.blob,
            length: row.length,
            sealing: FrameSealing(header: header, volume: volumeID, keys: keys)
        )
        if pack.blob != nil {
            memory.withLock { memory in
                if memory.packs.count >= Self.rememberedMax { memory.packs = [:] }
                memory.packs[id] = pack
            }
        }
        return pack
    }

    /// Forgets all places: some have changed.
    func forgetAll() { memory.withLock { $0 = Memory() } }

    /// Forgets a chunk whose place turned out wrong.
    func forget(_ id: ChunkID) { memory.withLock { $0.chunks[id] = nil } }
}
