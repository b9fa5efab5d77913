internal import Codec
internal import SystemIO
internal import VolumeFormat

extension VolumeCore {
    func cut() throws(VolumeError) -> any CutSnapshot {
        precondition(cutInFlight == nil, "one cut is in flight at a time")
        if let failure { throw .failed(failure) }
        for inode in inodes.values { inode.openSlice = nil }
        // Under the generation that ends, so that no key of it enters the next.
        try flush()
        let orphans = try database.orphans()
        for number in orphans {
            // What older checkpoints have of it leaves with this one.
            try markAllDirty(of: inode(number))
        }
        try markCut(orphans)
        try commit()
        let cut = generation
        let before = (bytes: unpublishedBytes, since: dirtySince)
        generation += 1
        cutInFlight = cut
        unpublishedBytes = 0
        dirtySince = nil
        do throws(VolumeError) {
            try commit(force: true)
        } catch {
            // Nothing was cut.
            generation = cut
            cutInFlight = nil
            (unpublishedBytes, dirtySince) = (before.bytes, before.since ?? time.uptime)
            throw error
        }
        return try database.snapshot(
            generation: cut,
            inodeMark: inodeMark,
            cutAt: time.wallTime.milliseconds
        )
    }

    func finishCut(generation cut: UInt64, sequence: UInt64) throws(VolumeError) {
        precondition(cutInFlight == cut, "only the cut in flight can be finished")
        try flush()
        try putIntoView { () throws(VolumeError) in try database.forgetDirty(upTo: cut) }
        let before = (publishedSequence, publishedMark)
        cutInFlight = nil
        publishedSequence = sequence
        publishedMark = max(publishedMark, cutMark)
        do throws(VolumeError) {
            try commit(force: true)
        } catch {
            cutInFlight = cut
            (publishedSequence, publishedMark) = before
            throw error
        }
        for slice in slices.values {
            guard let made = slice.unplaced, made <= cut else { continue }
            cool(slice)
        }
        try trimLog()
    }

    func abandonCut(generation cut: UInt64) throws(VolumeError) {
        precondition(cutInFlight == cut, "only the cut in flight can be abandoned")
        let dead = slices.values.filter { $0.unplaced != nil && $0.row.refs == 0 }
            .sorted { $0.number < $1.number }
        if !dead.isEmpty {
            try beginChange(bytes: 64 * dead.count, frees: true)
            for slice in dead {
                touch(slice)
                drop(slice)
            }
            try finish()
        }
        cutInFlight = nil
        do throws(VolumeError) {
            try commit(force: true)
        } catch {
            cutInFlight = cut
            throw error
        }
        // Later ones are counted already.
        for slice in slices.values where slice.unplaced ?? .max <= cut {
            for piece in slice.pieces { unpublishedBytes += UInt64(piece.length) }
        }
        if dirtySince == nil { dirtySince = time.uptime }
    }

    func place(_ rows: [RowImage]) throws(VolumeError) {
        for row in rows {
            guard let table = RowTable(rawValue: row.table),
                table.rawValue > RowTable.slices.rawValue
            else {
                preconditionFailure("only rows of placement are placed")
            }
        }
        let isClean = dirtySince == nil
        for start in stride(from: 0, to: rows.count, by: 4096) {
            let part = rows[start..<min(start + 4096, rows.count)]
            let bytes = part.reduce(0) { $0 + $1.key.count + ($1.value?.count ?? 0) + 16 }
            // It is on the way to room in the log.
            try beginChange(bytes: bytes, frees: true)
            operationRows.append(contentsOf: part)
            try finish()
        }
        if isClean { dirtySince = nil }
        try syncLog(through: appliedLSN)
    }

    func setVolumeValue(_ name: [UInt8], _ value: [UInt8]?) throws(VolumeError) {
        try beginChange()
        put(.volume, name, value)
        try finish()
    }

    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError) {
        if let failure { throw .failed(failure) }
        try putIntoView { () throws(VolumeError) in
            try database.setLocalValue("user." + name, value)
        }
        try commit(force: true)
        // The log, which is what survives a power cut otherwise, does not have local values.
        try makeViewDurable()
    }

    func load(_ rows: [RowImage]) throws(VolumeError) {
        precondition(appliedLSN == 0, "rows are loaded into a volume that has nothing yet")
        if let failure { throw .failed(failure) }
        var batch = RowBatch()
        batch.rows = rows
        try database.apply(batch, generation: nil)
        try database.commit(totals)
    }

    func finishLoading(sequence: UInt64, mark: UInt64) throws(VolumeError) {
        precondition(appliedLSN == 0, "rows are loaded into a volume that has nothing yet")
        publishedSequence = sequence
        (inodeCount, storedBytes) = try database.countInodes()
        nextInode = max(mark, try Self.markValue(value(.volume, VolumeRowName.inodeMark)))
        inodeMark = nextInode
        nextSlice = max(1, try Self.markValue(value(.volume, VolumeRowName.sliceMark)))
        sliceMark = nextSlice
        inodes = [:]
        dirents = [:]
        try beginLog()
        try database.commit(totals)
        try database.makeDurable()
    }

    private static func markValue(_ bytes: [UInt8]?) throws(VolumeError) -> UInt64 {
        guard let bytes else { return 0 }
        return try decode(bytes, "a mark") as UInt64
    }

    // MARK: - The log's room

    /// Segments that may go: closed, in the durable view, with no byte that an upload needs.
    ///
    /// Those with bytes of placed slices serve as cache, those with records that no checkpoint has
    /// serve who has to make the view anew; when there are too many, the oldest go first.
    func removableSegments() -> [LogSegmentInfo] {
        var removable: [LogSegmentInfo] = []
        var clean: UInt64 = 0
        var spare: [LogSegmentInfo] = []
        // What the durable view still looks for in them.
        guard rewritten.isEmpty else { return [] }
        // The last one says where numbers go on.
        for segment in log.segments().dropLast() {
            guard let last = segment.lastLSN, last <= durableViewLSN else { continue }
            guard hotBytes[segment.number] == nil else { continue }
            // Placed slices that no file has any more are read by nobody here.
            let isDead = (slicesInSegment[segment.number] ?? []).allSatisfy { number in
                slices[number]?.row.refs ?? 0 == 0
            }
            if isDead, last < publishedMark {
                removable.append(segment)
            } else {
                spare.append(segment)
                clean += segment.bytes
            }
        }
        let cap = log.isShortOfRoom ? 0 : configuration.cleanCap
        for segment in spare where clean > cap {
            removable.append(segment)
            clean -= segment.bytes
        }
        return removable
    }

    func trimLog() throws(VolumeError) {
        guard failure == nil else { return }
        for segment in removableSegments() {
            for number in (slicesInSegment[segment.number] ?? []).sorted() {
                slices[number]?.pieces.removeAll { $0.place.segment == segment.number }
                try putIntoView { () throws(VolumeError) in
                    try database.dropPieces(of: number, in: segment.number)
                }
            }
            slicesInSegment[segment.number] = nil
            try log.remove(segment: segment.number)
        }
    }
}
