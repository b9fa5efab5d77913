internal import Codec
internal import SQLite
internal import Synchronization
internal import VolumeFormat

/// A database that is being filled with a checkpoint's rows; calls block.
final class NewView: Sendable {
    /// Guards the connection; nil once it is closed.
    private let database: Mutex<VolumeDatabase?>

    init(_ path: String, files: FileSystemVFS?) throws(VolumeError) {
        do throws(SQLiteError) {
            database = Mutex(try VolumeDatabase(path, files: files))
        } catch {
            throw VolumeError(error)
        }
    }

    private func with<Result: Sendable>(
        _ body: (VolumeDatabase) throws(VolumeError) -> Result
    ) throws(VolumeError) -> Result {
        try database.withLock { (database) throws(VolumeError) in
            guard let database else { preconditionFailure("a view is filled before it is closed") }
            return try body(database)
        }
    }

    func load(_ rows: [RowImage]) throws(VolumeError) {
        try with { (database) throws(VolumeError) in
            var batch = RowBatch()
            batch.rows = rows
            try database.apply(batch, generation: nil)
            if database.uncommittedRows >= 65536 { try database.commit(ViewTotals()) }
        }
    }

    /// The mark of the checkpoint; nil in those from before there were marks.
    func mark() throws(VolumeError) -> LogMark? {
        try with { (database) throws(VolumeError) in
            guard let bytes = try database.value(.volume, VolumeRowName.logMark) else { return nil }
            return try VolumeCore.decode(bytes, "the mark of the checkpoint") as LogMark
        }
    }

    /// Makes it the view of a checkpoint, without anything of the log.
    func finish(_ head: PublishedHead) throws(VolumeError) {
        try with { (database) throws(VolumeError) in
            var totals = ViewTotals()
            (totals.inodes, totals.stored) = try database.countInodes()
            totals.generation = head.manifest.generation + 1
            totals.publishedSequence = head.manifest.sequence
            try database.setLocalValue("user." + PublishedHead.localName, head.bcsBytes)
            try database.commit(totals)
        }
    }

    func close() { database.withLock { $0 = nil } }
}
