// Lays out the unplaced ranges of a cut, cuts them into chunks, and seals those that are new into
// packs. The ranges come by inode and file offset, so that scattered writes of a database become
// chunks of about 1 MiB; each inode is a stream of its own, so that equal files are equal chunks.

internal import BlobModel
internal import Codec
internal import Synchronization
internal import VolumeFormat

/// Makes packs of a cut's contents, one call after another.
///
/// Blocking.
final class Gatherer: Sendable {
    /// What all calls need.
    struct Environment: Sendable {
        var source: any CheckpointSource
        var keys: VolumeKeys
        var volume: VolumeID
        var packLength: Int
        /// Chunks of packs that end before this epoch are not shared.
        var epoch: Epoch
        /// Packs of this cut that were sealed before a restart.
        var sealedPacks: Set<UInt64>
        var nextPackID: @Sendable () -> UInt64
        var nextSalt: @Sendable () -> [UInt8]
    }

    /// A pack and all rows that may be placed once it is durable.
    struct Output: Sendable {
        var pack: SealedPack?
        var rows: [RowImage]
    }

    /// Bytes of a slice that are in the stream's buffer.
    private struct Part {
        var slice: UInt64
        var offset: UInt32
        var length: Int
    }

    private struct State {
        var ranges: [UnplacedRange]
        var next = 0
        /// The rest of the range that is being read.
        var pending: [UnplacedRange] = []
        var inode: UInt64?
        var buffer: [UInt8] = []
        var start = 0
        var parts: [Part] = []
        var builder: PackBuilder?
        var inBuilder: Set<ChunkID> = []
        var rows: [RowImage] = []
        var sealed: Set<UInt64>
        var usable: [UInt64: Bool] = [:]
        var nextChunk: NextChunk?
    }

    /// Placements of shared chunks are handed out when there are so many.
    private static let rowsMax = 8192
    /// Ranges of slices that make up one chunk, at most: 53 KB of a trailer.
    private static let partsMax = 1024

    private let environment: Environment
    private let chunker: Chunker
    private let resumes: Bool
    /// Guards the position; held for a whole call, since calls come one after another.
    private let state: Mutex<State>

    init(_ ranges: [UnplacedRange], resumes: Bool, environment: Environment) {
        self.environment = environment
        self.resumes = resumes
        chunker = Chunker(
            gear: environment.keys.gear,
            lengths: ChunkLengths(packLength: environment.packLength)
        )
        state = Mutex(State(ranges: ranges, sealed: environment.sealedPacks))
    }

    /// The next pack, or placements that need none; nil when all is gathered.
    func next() throws(CheckpointError) -> Output? {
        try state.withLock { (state) throws(CheckpointError) in try next(&state) }
    }

    private func next(_ state: inout State) throws(CheckpointError) -> Output? {
        while true {
            try fill(&state)
            guard state.start < state.buffer.count else {
                guard !state.rows.isEmpty || state.builder != nil else { return nil }
                return seal(&state)
            }
            guard try takeChunk(&state) else { return seal(&state) }
            if state.builder == nil, state.rows.count >= Self.rowsMax { return seal(&state) }
        }
    }

    private func seal(_ state: inout State) -> Output {
        var rows = state.rows
        state.rows = []
        state.inBuilder = []
        guard let builder = state.builder else { return Output(pack: nil, rows: rows) }
        state.builder = nil
        let pack = builder.finish()
        let id = pack.header.id
        state.sealed.insert(id)
        rows += pack.trailer.chunks.map { chunk in
            RowImage(
                table: RowTable.chunks.rawValue,
                key: chunk.id.bytes,
                value: ChunkRow(layout: chunk.layout, pack: id).bcsBytes
            )
        }
        rows.append(Self.row(of: pack.header, length: pack.bytes.count, stored: nil))
        return Output(pack: pack, rows: rows)
    }

    /// The row of a pack, before or after it was stored.
    static func row(of header: PackHeader, length: Int, stored: StoredBlob?) -> RowImage {
        let end: Epoch
        switch stored?.lifetime {
        case .epoch(let epoch): end = epoch
        case .pool(_, let epoch): end = epoch
        case nil: end = 0
        }
        let row = PackRow(
            blob: stored?.blob,
            kind: header.kind.rawValue,
            sequence: header.sequence,
            salt: header.salt,
            length: UInt64(length),
            state: stored == nil ? .sealed : .certified,
            end: end
        )
        return RowImage(
            table: RowTable.packs.rawValue,
            key: RowKey.number(header.id),
            value: row.bcsBytes
        )
    }

    // The stream of one inode.

    /// Reads on until the buffer has a whole chunk or the inode's ranges end.
    private func fill(_ state: inout State) throws(CheckpointError) {
        if state.start == state.buffer.count {
            state.buffer.removeAll(keepingCapacity: true)
            state.start = 0
            state.inode = nil
        }
        while state.buffer.count - state.start < chunker.lengths.max {
            guard let range = try nextRange(&state) else { return }
            let room = chunker.lengths.max - (state.buffer.count - state.start)
            let length = min(Int(range.length), max(room, 1 << 20))
            compact(&state)
            let bytes = try volume { () throws(VolumeError) in
                try environment.source.readSlice(
                    range.slice,
                    offset: range.offset,
                    length: UInt32(length)
                )
            }
            guard bytes.count == length else {
                throw .volume(.corrupt("slice \(range.slice) is shorter than its extents"))
            }
            state.buffer += bytes
            state.parts.append(
                Part(slice: range.slice, offset: range.offset, length: length)
            )
            if length < Int(range.length) {
                state.pending.append(range.dropping(UInt32(length)))
            }
        }
    }

    /// The next range of this inode that has no place yet; of any inode if none is begun.
    private func nextRange(_ state: inout State) throws(CheckpointError) -> UnplacedRange? {
        while true {
            if let range = state.pending.last {
                guard state.inode == nil || state.inode == range.inode else { return nil }
                state.pending.removeLast()
                state.inode = range.inode
                return range
            }
            guard state.next < state.ranges.count else { return nil }
            let range = state.ranges[state.next]
            guard state.inode == nil || state.inode == range.inode else { return nil }
            state.next += 1
            state.pending = resumes ? try unplaced(range).reversed() : [range]
        }
    }

    /// What of `range` was not placed before a restart.
    private func unplaced(_ range: UnplacedRange) throws(CheckpointError) -> [UnplacedRange] {
        let placed = try PlacementRows.covering(
            slice: range.slice,
            offset: range.offset,
            length: range.length,
            in: environment.source
        )
        var rest: [UnplacedRange] = []
        var at = range.offset
        let end = range.offset + range.length
        for row in placed where row.end > at {
            if row.offset > at { rest.append(range.part(at..<min(row.offset, end))) }
            at = max(at, row.end)
            if at >= end { break }
        }
        if at < end { rest.append(range.part(at..<end)) }
        return rest
    }

    private func compact(_ state: inout State) {
        guard state.start > 0 else { return }
        state.buffer.removeFirst(state.start)
        state.start = 0
    }

    // Chunks.

    /// The first chunk of the buffer, and whether it needs a place of its own.
    private struct NextChunk {
        var id: ChunkID
        var length: Int
        var partCount: Int
        var isNew: Bool
    }

    /// Gives the next chunk its place; false when the open pack must be sealed before.
    private func takeChunk(_ state: inout State) throws(CheckpointError) -> Bool {
        let chunk: NextChunk
        if let known = state.nextChunk { chunk = known } else { chunk = try findChunk(&state) }
        state.nextChunk = nil
        if chunk.isNew, let builder = state.builder,
            !builder.hasRoom(
                forChunkOf: chunk.length,
                slices: chunk.partCount,
                limit: environment.packLength
            )
        {
            state.nextChunk = chunk
            return false
        }
        let builder = chunk.isNew ? openBuilder(&state) : state.builder
        if chunk.isNew, let builder {
            let start = state.start
            unsafe state.buffer.withUnsafeBytes { bytes in
                let end = start + chunk.length
                let plain = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                _ = unsafe builder.append(chunk.id, plain)
            }
            state.inBuilder.insert(chunk.id)
        }
        // A pack without a new chunk has no room promised for more ranges in its trailer.
        place(chunk.id, chunk.length, in: chunk.isNew ? builder : nil, &state)
        state.start += chunk.length
        return true
    }

    private func findChunk(_ state: inout State) throws(CheckpointError) -> NextChunk {
        var length = unsafe state.buffer.withUnsafeBytes { bytes in
            unsafe chunker.firstChunkLength(
                in: UnsafeRawBufferPointer(rebasing: bytes[state.start...])
            )
        }
        // Each part is a range in the trailer, which has a bound.
        var covered = 0
        var partCount = 0
        while covered < length, partCount < Self.partsMax {
            covered += state.parts[partCount].length
            partCount += 1
        }
        length = min(length, covered)
        let start = state.start
        let id = unsafe state.buffer.withUnsafeBytes { bytes in
            unsafe environment.keys.chunkID(
                of: UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
            )
        }
        let isNew = try !isKnown(id, &state)
        return NextChunk(id: id, length: length, partCount: partCount, isNew: isNew)
    }

    private func openBuilder(_ state: inout State) -> PackBuilder {
        if let builder = state.builder { return builder }
        let header = PackHeader(
            kind: .contents,
            id: environment.nextPackID(),
            sequence: 0,
            salt: environment.nextSalt()
        )
        let builder = PackBuilder(
            header: header,
            volume: environment.volume,
            keys: environment.keys,
            reserving: environment.packLength
        )
        state.builder = builder
        return builder
    }

    /// Gives the slices that make up the first `length` bytes of the buffer their place.
    private func place(
        _ id: ChunkID,
        _ length: Int,
        in builder: PackBuilder?,
        _ state: inout State
    ) {
        var start = 0
        var used = 0
        while start < length {
            var part = state.parts[used]
            let count = min(part.length, length - start)
            let row = SliceChunkRow(
                chunk: id.bytes,
                start: UInt32(start),
                length: UInt32(count)
            )
            state.rows.append(
                RowImage(
                    table: RowTable.sliceChunks.rawValue,
                    key: RowKey.sliceChunk(part.slice, offset: part.offset),
                    value: row.bcsBytes
                )
            )
            builder?.record(
                SliceChunk(
                    slice: part.slice,
                    offset: part.offset,
                    chunk: id,
                    start: UInt32(start),
                    length: UInt32(count)
                )
            )
            start += count
            if count == part.length {
                used += 1
            } else {
                part.offset += UInt32(count)
                part.length -= count
                state.parts[used] = part
            }
        }
        state.parts.removeFirst(used)
    }

    /// Whether a chunk has a place that will last: in this cut, or in a certified pack.
    private func isKnown(_ id: ChunkID, _ state: inout State) throws(CheckpointError) -> Bool {
        if state.inBuilder.contains(id) { return true }
        let source = environment.source
        let value = try volume { () throws(VolumeError) in
            try source.value(of: .chunks, id.bytes)
        }
        guard let value else { return false }
        guard let row = try? ChunkRow(bcsBytes: value) else {
            throw .damagedState("the row of chunk \(id)")
        }
        if state.sealed.contains(row.pack) { return true }
        if let known = state.usable[row.pack] { return known }
        let isUsable = try PlacementRows.pack(row.pack, in: source).map { pack in
            pack.state == .certified && pack.end > environment.epoch
        }
        state.usable[row.pack] = isUsable ?? false
        return isUsable ?? false
    }
}

extension UnplacedRange {
    func part(_ range: Range<UInt32>) -> UnplacedRange {
        UnplacedRange(
            slice: slice,
            offset: range.lowerBound,
            length: range.upperBound - range.lowerBound,
            inode: inode,
            fileOffset: fileOffset + UInt64(range.lowerBound - offset)
        )
    }

    func dropping(_ count: UInt32) -> UnplacedRange { part(offset + count..<offset + length) }
}
