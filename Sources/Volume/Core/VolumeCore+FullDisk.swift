// What a full disk takes, and how it is had again.
//
// The log has its room before an operation changes anything, so what it answered is there. The
// view has no such room: one write that finds the disk full makes SQLite forget all that it was
// given since its last commit. All of that is in the log, so it is given once more, and held in
// memory until the disk takes it. Meanwhile the volume goes on, as far as the log's room reaches.

internal import SystemIO
internal import VolumeFormat

extension VolumeCore {
    /// Gives the database all operations since its last commit again.
    ///
    /// Caches and what else is in memory are as new as the log, and stay.
    func rebuildView() throws(VolumeError) {
        viewRetry = time.uptime + configuration.commitAge
        forgetPending()
        do throws(VolumeError) {
            try database.dropTransaction()
            var made: Set<UInt64> = []
            try log.repeatEntries(after: committedLSN) { (entry) throws(VolumeError) in
                try self.repeatEntry(entry, made: &made)
                if self.pending.count >= Self.pendingMax { try self.giveToView() }
            }
            batch.rewritten = rewritten
            try giveToView()
        } catch {
            throw fail("the database can not be brought up to the log: \(error)")
        }
    }

    private func giveToView() throws(VolumeError) {
        collectPending()
        try database.apply(batch, generation: generation)
        forgetPending()
    }

    /// As replay does it, but for what memory knows already; `made` are slices that are new.
    private func repeatEntry(
        _ entry: LogEntry,
        made: inout Set<UInt64>
    ) throws(VolumeError) {
        let record = try OperationRecord(bytes: entry.head)
        for row in record.rows {
            if row.table == RowTable.inodes.rawValue, let inode = try revived(by: row) {
                try giveToView()
                try database.markDirty(try rowKeys(of: inode), generation: generation)
            }
            setPending(row)
            if row.table == RowTable.slices.rawValue { try repeatSlice(row, made: &made) }
        }
        // Where slices look after moves, memory knows.
        guard let data = record.data, !data.isMove else { return }
        let piece = Piece(offset: data.offset, length: data.length, place: entry.place)
        batch.newPieces.append((data.slice, piece))
    }

    private func repeatSlice(
        _ row: RowImage,
        made: inout Set<UInt64>
    ) throws(VolumeError) {
        let number = try Self.number(of: row)
        guard row.value != nil else { return batch.dropped.append(number) }
        guard made.insert(number).inserted, try database.value(.slices, row.key) == nil
        else { return }
        batch.newUnplaced.append(number)
    }

    /// Runs a call that puts something into the open transaction, once more if a full disk took
    /// all of that.
    func putIntoView(_ body: () throws(VolumeError) -> Void) throws(VolumeError) {
        do throws(VolumeError) {
            return try body()
        } catch {
            guard error.isFull else { throw fail("the database can not be written: \(error)") }
        }
        try rebuildView()
        do throws(VolumeError) {
            try body()
        } catch {
            throw fail("the database can not be written: \(error)")
        }
    }

    /// Commits, or leaves that for later if the disk is full: the log has everything.
    ///
    /// - Returns: Whether it was committed.
    @discardableResult
    func commitIfThereIsRoom(force: Bool = false) throws(VolumeError) -> Bool {
        do throws(VolumeError) {
            try commit(force: force)
            return true
        } catch {
            guard error.isFull else { throw error }
            return false
        }
    }

    /// Commits and makes that survive a power cut, or leaves it for later if the disk is full.
    ///
    /// - Returns: Whether it does.
    func makeViewDurableIfThereIsRoom() throws(VolumeError) -> Bool {
        guard try commitIfThereIsRoom(force: true) else { return false }
        do throws(VolumeError) {
            try makeViewDurable()
            return true
        } catch {
            guard error.isFull else { throw error }
            return false
        }
    }

    /// Whether the disk was too full for the view just now.
    var isViewWaiting: Bool { viewRetry.map { time.uptime < $0 } ?? false }
}
