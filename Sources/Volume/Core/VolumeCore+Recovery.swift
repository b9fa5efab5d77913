// Opening: the view as it was committed, then the log's records after it, in order.

internal import Codec
internal import SystemIO
internal import VolumeFormat

extension VolumeCore {
    /// Brings memory and view to the end of the log.
    ///
    /// `plan` says what of the log is to be taken; a view that was committed goes on where it ends.
    func recover(_ plan: ReplayPlan? = nil) throws(VolumeError) {
        let local = try database.localState()
        generation = local.totals.generation
        cutInFlight = local.totals.cutInFlight == 0 ? nil : local.totals.cutInFlight
        publishedSequence = local.totals.publishedSequence
        inodeCount = local.totals.inodes
        storedBytes = local.totals.stored
        appliedLSN = local.totals.appliedLSN
        committedLSN = appliedLSN
        cutMark = local.totals.cutMark
        publishedMark = local.totals.publishedMark
        try loadSlices(local)
        var replayed = 0
        let plan = plan ?? ReplayPlan(local.isNew ? .beginning(isUnpublished: false) : .view)
        try log.replay(after: appliedLSN) { (entry) throws(VolumeError) in
            let record = try OperationRecord(bytes: entry.head)
            guard let before = try plan.place(of: entry.lsn, record, after: self.appliedLSN)
            else { return }
            self.appliedLSN = before
            try self.replay(entry, record)
            replayed += 1
        }
        guard appliedLSN == log.lastLSN else {
            throw .corrupt(
                "the log ends at record \(log.lastLSN), the database at \(appliedLSN)"
            )
        }
        try countPieces(acceptsLoss: plan.acceptsGaps)
        try readMarks()
        if replayed > 0 { try commitIfThereIsRoom() }
        for number in try database.orphans() { reapable.insert(number) }
        dirtySince = try database.hasDirtyKeys(after: cutInFlight ?? 0) ? time.uptime : nil
    }

    private func loadSlices(_ local: LocalState) throws(VolumeError) {
        let numbers = Set(local.pieces.keys).union(local.unplaced.keys)
        for number in numbers {
            // A slice whose row is gone was dropped; its pieces may outlive it by a crash.
            guard let bytes = try database.value(.slices, RowKey.number(number)) else { continue }
            let row: SliceRow = try Self.decode(bytes, "slice \(number)")
            let entry = SliceEntry(number: number, row: row)
            entry.unplaced = local.unplaced[number]
            entry.pieces = local.pieces[number] ?? []
            slices[number] = entry
        }
    }

    /// Counts what lies in which segment.
    ///
    /// Throws `corrupt` when a segment is gone that has bytes which are nowhere else.
    private func countPieces(acceptsLoss: Bool) throws(VolumeError) {
        let segments = Set(log.segments().map(\.number))
        hotBytes = [:]
        slicesInSegment = [:]
        unpublishedBytes = 0
        for slice in slices.values {
            if !acceptsLoss, slice.unplaced ?? 0 > cutInFlight ?? 0,
                let lost = slice.pieces.first(where: { !segments.contains($0.place.segment) })
            {
                throw .corrupt("segment \(lost.place.segment) of the log is missing")
            }
            // A segment may have gone before its pieces did, by a crash in between.
            slice.pieces.removeAll { !segments.contains($0.place.segment) }
            for piece in slice.pieces {
                account(piece, of: slice)
                if slice.unplaced ?? 0 > cutInFlight ?? 0 {
                    unpublishedBytes += UInt64(piece.length)
                }
            }
        }
    }

    private func replay(_ entry: LogEntry, _ record: OperationRecord) throws(VolumeError) {
        for row in record.rows {
            if row.table == RowTable.inodes.rawValue, let inode = try revived(by: row) {
                try flush()
                try markAllDirty(of: inode)
            }
            setPending(row)
            if row.table == RowTable.slices.rawValue { try replaySlice(row) }
        }
        if let data = record.data {
            guard Int(data.length) == entry.dataLength else {
                throw .corrupt("record \(entry.lsn) has other data than it says")
            }
            if let slice = slices[data.slice] {
                let piece = Piece(offset: data.offset, length: data.length, place: entry.place)
                if !data.isMove {
                    addPiece(piece, to: slice)
                } else if slice.unplaced != nil {
                    replacePieces(of: slice, with: [piece])
                }
            }
        }
        inodeCount = record.inodes
        storedBytes = record.stored
        appliedLSN = entry.lsn
        if pending.count >= Self.pendingMax { try flush() }
    }

    /// An inode that gets its first name, or loses its last, by a row that is not pending yet: it
    /// enters or leaves checkpoints whole.
    func revived(by row: RowImage) throws(VolumeError) -> InodeEntry? {
        guard let new = row.value, let old = try value(.inodes, row.key) else { return nil }
        guard VolumeSchema.isOrphan(new) != VolumeSchema.isOrphan(old) else { return nil }
        let inode: InodeRow = try Self.decode(new, "inode")
        return InodeEntry(number: try Self.number(of: row), row: inode, lastLSN: 0)
    }

    /// The number that is a row's key.
    static func number(of row: RowImage) throws(VolumeError) -> UInt64 {
        do throws(CodecError) {
            return try RowKey.readNumber(row.key)
        } catch {
            throw .corrupt("key of a row of table \(row.table): \(error)")
        }
    }

    private func replaySlice(_ row: RowImage) throws(VolumeError) {
        let number = try Self.number(of: row)
        guard let value = row.value else {
            if let slice = slices[number] { drop(slice) }
            return
        }
        let image: SliceRow = try Self.decode(value, "slice \(number)")
        if let slice = slices[number] {
            slice.row = image
            return
        }
        let entry = SliceEntry(number: number, row: image)
        if try database.value(.slices, row.key) == nil {
            // Rows of slices are first written with their first bytes.
            entry.unplaced = generation
            batch.newUnplaced.append(number)
        }
        slices[number] = entry
    }

    private func readMarks() throws(VolumeError) {
        // Numbers below a mark may have been given out, so those set aside are not used again.
        nextInode = try mark(VolumeRowName.inodeMark) ?? 2
        inodeMark = nextInode
        nextSlice = try mark(VolumeRowName.sliceMark) ?? 1
        sliceMark = nextSlice
    }

    private func mark(_ name: [UInt8]) throws(VolumeError) -> UInt64? {
        guard let bytes = try value(.volume, name) else { return nil }
        return try Self.decode(bytes, "a mark") as UInt64
    }

    /// Makes the root directory, if there is none and the volume may be written.
    func makeRoot() throws(VolumeError) {
        let number = InodeNumber.root.rawValue
        guard try value(.inodes, RowKey.number(number)) == nil else { return }
        try beginChange()
        let row = InodeRow(
            kind: FileKind.directory.rawValue,
            permissions: configuration.rootPermissions,
            links: 2,
            user: configuration.rootUser,
            group: configuration.rootGroup,
            time: now,
            generation: UInt64(token ?? 0),
            parent: number,
            cookie: 3
        )
        let entry = InodeEntry(number: number, row: row, lastLSN: 0)
        entry.extents = ExtentMap()
        entry.attributes = [:]
        entry.hasAllNames = true
        inodes[number] = entry
        inodeCount += 1
        touch(entry)
        putMark()
        try finish()
        try commitIfThereIsRoom()
    }
}
