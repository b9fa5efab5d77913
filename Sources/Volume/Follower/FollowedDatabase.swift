internal import Codec
internal import SQLite
internal import VolumeFormat

/// The reading side of a follower's database: one checkpoint, until ``advance()`` shows the next.
final class FollowedDatabase: StatementDatabase {
    let connection: Connection
    let reads: RowReads
    private let findEdition: Statement
    let uncommittedRows = 0

    /// Opens a database that a ``CheckpointLoader`` has made.
    init(_ path: String, files: FileSystemVFS? = nil) throws(VolumeError) {
        do throws(SQLiteError) {
            var options = ConnectionOptions()
            options.access = .readOnly
            options.durability = .normal
            options.automaticCheckpointPages = 0
            options.enforcesForeignKeys = false
            options.cacheKibibytes = 32 << 10
            options.files = files
            connection = try Connection(path, options)
            reads = try RowReads(connection)
            findEdition = try connection.prepare("SELECT edition FROM editions WHERE inode = ?")
        } catch {
            throw VolumeError(error)
        }
        try advance()
    }

    /// Shows the checkpoint that was loaded last.
    ///
    /// After a throw none is shown, and every read fails.
    func advance() throws(VolumeError) {
        try look { () throws(SQLiteError) in
            if connection.isTransactionOpen { try connection.commit() }
            try connection.begin(.read)
            // The snapshot is taken by the first read.
            _ = try connection.rows("SELECT count(*) FROM local")
        }
    }

    // MARK: - What is there

    func localState() throws(VolumeError) -> LocalState {
        var state = LocalState()
        if let bytes = try localValue(VolumeSchema.totalsName) {
            state.totals = try VolumeCore.decode(bytes, "totals of the database")
        }
        return state
    }

    func edition(of inode: UInt64) throws(VolumeError) -> UInt64 {
        try look { () throws(SQLiteError) in
            try findEdition.bind(Int64(bitPattern: inode), at: 0)
            guard case .integer(let edition)? = try findEdition.single() else { return 0 }
            return UInt64(edition)
        }
    }

    // MARK: - What a checkpoint never has

    var logPages: Int { 0 }
    func orphans() throws(VolumeError) -> [UInt64] { [] }
    func hasDirtyKeys(after generation: UInt64) throws(VolumeError) -> Bool { false }
    func dirtyGeneration(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> UInt64? { nil }

    func dirtyKeys(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [(key: [UInt8], isGone: Bool)] { [] }

    // MARK: - What is not done to it

    func apply(_ batch: RowBatch, generation: UInt64?) throws(VolumeError) { throw .readOnly }
    func dropTransaction() throws(VolumeError) { throw .readOnly }
    func reader() throws(VolumeError) -> any RowReader { throw .readOnly }
    func markDirty(_ keys: [RowImage], generation: UInt64) throws(VolumeError) { throw .readOnly }
    func commit(_ totals: ViewTotals) throws(VolumeError) { throw .readOnly }
    func forgetDirty(upTo generation: UInt64) throws(VolumeError) { throw .readOnly }
    func dropPieces(of slice: UInt64, in segment: UInt64) throws(VolumeError) { throw .readOnly }
    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError) { throw .readOnly }
    func makeDurable() throws(VolumeError) { throw .readOnly }

    func snapshot(
        generation: UInt64,
        inodeMark: UInt64,
        cutAt: UInt64
    ) throws(VolumeError) -> any CutSnapshot { throw .readOnly }
}

/// The log of a mount that writes nothing.
final class NoLog: OperationLog {
    let segmentSize = 0
    let isShortOfRoom = false
    let lastLSN: UInt64 = 0
    let durableLSN: UInt64 = 0

    func reserve(_ bytes: Int, frees: Bool) throws(VolumeError) { throw .readOnly }

    func append(
        _ head: [UInt8],
        _ data: UnsafeRawBufferPointer
    ) throws(VolumeError) -> (lsn: UInt64, place: LogPlace) { throw .readOnly }

    func sync(through lsn: UInt64) throws(VolumeError) {}

    func read(
        _ place: LogPlace,
        offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) { throw .notFound }

    func replay(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError) {}

    func repeatEntries(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError) {}

    func segments() -> [LogSegmentInfo] { [] }
    func remove(segment: UInt64) throws(VolumeError) { throw .readOnly }
}
