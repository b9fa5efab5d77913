internal import Codec
internal import VolumeFormat

extension VolumeCore {
    func slice(_ number: UInt64) throws(VolumeError) -> SliceEntry {
        if let entry = slices[number] { return entry }
        guard let bytes = try value(.slices, RowKey.number(number)) else {
            throw .corrupt("slice \(number) has no row")
        }
        let entry = SliceEntry(
            number: number,
            row: try Self.decode(bytes, "slice \(number)") as SliceRow
        )
        slices[number] = entry
        return entry
    }

    /// The slice that takes `count` more bytes of a file.
    func openSlice(of inode: InodeEntry, count: Int) -> SliceEntry {
        precondition(count <= Int(SliceRow.lengthMax))
        if let number = inode.openSlice, let entry = slices[number],
            UInt64(entry.row.length) + UInt64(count) <= SliceRow.lengthMax
        {
            return entry
        }
        let entry = SliceEntry(
            number: newSliceNumber(),
            row: SliceRow(length: 0, refs: 0, born: publishedSequence + 1, died: 0)
        )
        entry.unplaced = generation
        slices[entry.number] = entry
        batch.newUnplaced.append(entry.number)
        inode.openSlice = entry.number
        return entry
    }

    func addPiece(_ piece: Piece, to slice: SliceEntry) {
        slice.pieces.append(piece)
        batch.newPieces.append((slice.number, piece))
        account(piece, of: slice)
    }

    /// Counts a piece in its segment.
    func account(_ piece: Piece, of slice: SliceEntry) {
        let segment = piece.place.segment
        if slice.unplaced != nil { hotBytes[segment, default: 0] += UInt64(piece.length) }
        slicesInSegment[segment, default: []].insert(slice.number)
    }

    /// Takes note that no piece of a slice is needed for an upload any more.
    func cool(_ slice: SliceEntry) {
        guard slice.unplaced != nil else { return }
        slice.unplaced = nil
        for piece in slice.pieces {
            let segment = piece.place.segment
            // Replay cools slices before their segments are counted.
            let all = hotBytes[segment] ?? 0
            hotBytes[segment] = all > UInt64(piece.length) ? all - UInt64(piece.length) : nil
        }
    }

    /// Forgets all that is local about a slice.
    func drop(_ slice: SliceEntry) {
        cool(slice)
        for piece in slice.pieces { slicesInSegment[piece.place.segment]?.remove(slice.number) }
        slice.pieces = []
        batch.dropped.append(slice.number)
        // A slice that never reached the database needs no trace there.
        slices[slice.number] = nil
    }

    /// Writes down what a change of a file's extents did: rows, bytes stored, references.
    ///
    /// - Precondition: Every slice named was loaded before (``loadSlices(of:from:to:)``).
    func record(_ change: ExtentChange, of inode: InodeEntry) {
        var added: Set<UInt64> = []
        for extent in change.added {
            added.insert(extent.offset)
            put(.extents, RowKey.extent(inode.number, offset: extent.offset), extent.row.bcsBytes)
            count(extent, of: inode, adds: true)
        }
        for extent in change.removed {
            if !added.contains(extent.offset) {
                put(.extents, RowKey.extent(inode.number, offset: extent.offset), nil)
            }
            count(extent, of: inode, adds: false)
        }
    }

    private func count(_ extent: Extent, of inode: InodeEntry, adds: Bool) {
        guard let slice = slices[extent.slice] else {
            preconditionFailure("a slice of an extent was not loaded")
        }
        touch(slice)
        let length = UInt64(extent.length)
        if adds {
            slice.row.refs += 1
            slice.row.died = 0
            inode.row.stored += length
            storedBytes += length
            return
        }
        slice.row.refs -= 1
        inode.row.stored -= length
        storedBytes -= length
        if slice.row.refs == 0 { release(slice, from: inode) }
    }

    /// The last reference of a slice is gone.
    private func release(_ slice: SliceEntry, from inode: InodeEntry) {
        if let made = slice.unplaced, made > cutInFlight ?? 0 {
            // No checkpoint ever had it. The entry stays with the operation as a tombstone.
            if inode.openSlice == slice.number { inode.openSlice = nil }
            drop(slice)
        } else {
            // A cut in flight may publish it yet, so it dies one later.
            slice.row.died = publishedSequence + (cutInFlight == nil ? 1 : 2)
        }
    }

    /// Loads what `record` will count.
    func loadSlices(of inode: InodeEntry, from lower: UInt64, to upper: UInt64) throws(VolumeError)
    {
        for extent in try extents(of: inode).parts(from: lower, to: upper)
        where slices[extent.slice] == nil {
            _ = try slice(extent.slice)
        }
    }

    /// Reads a file's extents if they are not in memory.
    @discardableResult
    func extents(of inode: InodeEntry) throws(VolumeError) -> ExtentMap {
        if let extents = inode.extents { return extents }
        try flushParts(of: inode.number)
        var found: [Extent] = []
        var lower = RowKey.extent(inode.number, offset: 0)
        let upper = RowKey.number(inode.number + 1)
        while true {
            let rows = try database.rows(of: .extents, from: lower, to: upper, limit: 4096)
            for row in rows {
                let offset = try Self.extentOffset(row.key)
                let value: ExtentRow = try Self.decode(row.value ?? [], "extent")
                if let last = found.last, last.end > offset {
                    throw .corrupt("extents of inode \(inode.number) overlap at \(offset)")
                }
                found.append(
                    Extent(
                        offset: offset,
                        length: value.length,
                        slice: value.slice,
                        start: value.start
                    )
                )
            }
            guard rows.count == 4096, let last = rows.last else { break }
            lower = last.key + [0]
        }
        let map = ExtentMap(sorted: found)
        inode.extents = map
        return map
    }

    private static func extentOffset(_ key: [UInt8]) throws(VolumeError) -> UInt64 {
        do {
            return try RowKey.readExtent(key).offset
        } catch {
            throw .corrupt("key of an extent: \(error)")
        }
    }
}
