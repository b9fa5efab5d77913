// Segments that are kept for little are emptied: what lives of them is appended to the log once
// more, then the pieces point there, then they go (`Docs/Decisions/0061-compaction.md`).

internal import SystemIO
internal import VolumeFormat

/// A stretch of a slice that moves to the end of the log, and where it lies now.
struct SliceMove {
    let slice: UInt64
    let offset: UInt32
    private(set) var parts: [(place: LogPlace, offset: Int, length: Int)]
    private(set) var length: UInt32

    init(_ slice: UInt64, _ offset: UInt32, _ place: LogPlace, _ start: Int, _ length: Int) {
        self.slice = slice
        self.offset = offset
        self.length = UInt32(length)
        parts = [(place, start, length)]
    }

    /// Takes in a stretch that follows, if one record can have both.
    mutating func append(_ next: SliceMove) -> Bool {
        guard slice == next.slice, offset + length == next.offset,
            Int(length + next.length) <= VolumeCore.writeMax
        else { return false }
        parts += next.parts
        length += next.length
        return true
    }
}

/// What one compaction does.
struct Compaction {
    var victims: [UInt64] = []
    var moves: [SliceMove] = []
}

extension VolumeCore {
    /// Whether the background should compact.
    var isCompactionDue: Bool {
        guard failure == nil, !configuration.readOnly, token != nil else { return false }
        return CompactionPlan.isDue(
            segments: hotBytes.count,
            atLastLook: hotAtLastLook,
            sinceLook: time.uptime - lastLook,
            segmentBytes: UInt64(log.segmentSize),
            cap: configuration.logCap
        )
    }

    /// Begins a compaction: the view as it is committed tells what lives.
    func beginCompaction() throws(VolumeError) -> any RowReader {
        lastLook = time.uptime
        try commit(force: true)
        return try database.reader()
    }

    /// Chooses segments, and what of them must move; `live` are the bytes that files had at record
    /// `lsn`, of slices that are not placed.
    func planCompaction(
        _ live: [UnplacedRange],
        through lsn: UInt64,
        quarters: UInt64
    ) -> Compaction {
        var moves: [UInt64: [SliceMove]] = [:]
        for range in live where slices[range.slice]?.unplaced != nil {
            for (place, start, offset, length) in logParts(of: range) {
                let move = SliceMove(range.slice, offset, place, start, length)
                moves[place.segment, default: []].append(move)
            }
        }
        var candidates: [CompactionPlan.Segment] = []
        for segment in log.segments().dropLast() {
            // What came later is not among what is known to live.
            guard let last = segment.lastLSN, last <= lsn, isFree(segment.number) else { continue }
            let live = (moves[segment.number] ?? []).reduce(0) { $0 + UInt64($1.length) }
            candidates.append(
                CompactionPlan.Segment(number: segment.number, bytes: segment.bytes, live: live)
            )
        }
        var compaction = Compaction()
        compaction.victims = CompactionPlan.victims(candidates, quarters: quarters)
        for victim in compaction.victims {
            let sorted = (moves[victim] ?? []).sorted {
                ($0.slice, $0.offset) < ($1.slice, $1.offset)
            }
            for move in sorted {
                if var last = compaction.moves.last, last.append(move) {
                    compaction.moves[compaction.moves.count - 1] = last
                } else {
                    compaction.moves.append(move)
                }
            }
        }
        return compaction
    }

    /// Whether a segment is kept for bytes without a place, none of which the cut in flight needs:
    /// that also uploads what no file has any more.
    private func isFree(_ segment: UInt64) -> Bool {
        guard hotBytes[segment] != nil else { return false }
        guard let cut = cutInFlight else { return true }
        return (slicesInSegment[segment] ?? []).allSatisfy { number in
            guard let made = slices[number]?.unplaced else { return true }
            return made > cut
        }
    }

    private func logParts(
        of range: UnplacedRange
    ) -> [(place: LogPlace, start: Int, offset: UInt32, length: Int)] {
        var parts: [ReadPart] = []
        let extent = Extent(
            offset: 0,
            length: range.length,
            slice: range.slice,
            start: range.offset
        )
        locate(extent, position: 0, into: &parts)
        return parts.compactMap { part in
            guard case .log(let place, let start) = part.source else { return nil }
            return (place, start, range.offset + UInt32(part.position), part.length)
        }
    }

    /// Appends the bytes of moves to the log, and has their slices look there.
    func apply(_ moves: [(move: SliceMove, bytes: [UInt8])]) throws(VolumeError) {
        var moved: [UInt64: [Piece]] = [:]
        for (move, bytes) in moves {
            // Placed or gone meanwhile: nobody needs the copy.
            guard let slice = slices[move.slice], slice.unplaced ?? 0 > cutInFlight ?? 0
            else { continue }
            try beginChange(bytes: bytes.count, frees: true)
            let record = OperationRecord(
                inodes: inodeCount,
                stored: storedBytes,
                data: OperationRecord.Data(
                    slice: move.slice,
                    offset: move.offset,
                    length: move.length,
                    isMove: true
                ),
                rows: []
            )
            let appended: (lsn: UInt64, place: LogPlace)
            do throws(VolumeError) {
                appended = try unsafe bytes.withBytes { (bytes) throws(VolumeError) in
                    try unsafe log.append(record.bytes, bytes)
                }
            } catch {
                throw fail("the log can not be written: \(error)")
            }
            unsyncedBytes += bytes.count
            appliedLSN = appended.lsn
            moved[slice.number, default: []].append(
                Piece(offset: move.offset, length: move.length, place: appended.place)
            )
        }
        for (number, pieces) in moved {
            if let slice = slices[number] { replacePieces(of: slice, with: pieces) }
        }
    }

    /// Has a slice look elsewhere for some of its bytes.
    func replacePieces(of slice: SliceEntry, with new: [Piece]) {
        let new = new.sorted { $0.offset < $1.offset }
        setPieces(of: slice, Self.merge(slice.pieces, new))
    }

    /// Pieces, those of `new` in the place of what they cover; both ascend and do not overlap.
    static func merge(_ old: [Piece], _ new: [Piece]) -> [Piece] {
        var result: [Piece] = []
        var next = 0
        for piece in old {
            var rest: Piece? = piece
            while let part = rest, next < new.count, new[next].offset < part.end {
                if new[next].end <= part.offset {
                    result.append(new[next])
                    next += 1
                    continue
                }
                if part.offset < new[next].offset {
                    result.append(part.part(part.offset..<new[next].offset))
                }
                let end = new[next].end
                rest = end < part.end ? part.part(end..<part.end) : nil
                // One that reaches further covers the next old piece too.
                guard end <= part.end else { break }
                result.append(new[next])
                next += 1
            }
            if let rest { result.append(rest) }
        }
        result += new[next...]
        return result
    }

    private func setPieces(of slice: SliceEntry, _ pieces: [Piece]) {
        for piece in slice.pieces {
            let segment = piece.place.segment
            slicesInSegment[segment]?.remove(slice.number)
            guard slice.unplaced != nil, let bytes = hotBytes[segment] else { continue }
            hotBytes[segment] = bytes > UInt64(piece.length) ? bytes - UInt64(piece.length) : nil
        }
        slice.pieces = pieces
        for piece in pieces { account(piece, of: slice) }
        batch.rewritten.insert(slice.number)
        rewritten.insert(slice.number)
    }

    /// Forgets what is left in segments from which all that lives has moved.
    func endCompaction(_ victims: [UInt64]) {
        for victim in victims {
            for number in (slicesInSegment[victim] ?? []).sorted() {
                // What was placed meanwhile may stay as cache.
                guard let slice = slices[number], slice.unplaced ?? 0 > cutInFlight ?? 0
                else { continue }
                setPieces(of: slice, slice.pieces.filter { $0.place.segment != victim })
            }
        }
        hotAtLastLook = hotBytes.count
    }
}

extension Piece {
    var end: UInt32 { offset + length }

    /// A part of it, by bytes of the slice.
    func part(_ range: Range<UInt32>) -> Piece {
        var part = self
        part.offset = range.lowerBound
        part.length = range.upperBound - range.lowerBound
        part.place.data += range.lowerBound - offset
        return part
    }
}
