// `volume.db`: the rows of the volume and what is local to this machine
// (`Docs/Formats/volume-state.md`). One writer connection, its transaction open at most times;
// commits survive a power cut only with the next checkpoint of the write-ahead log, which is enough
// for a view: the log of operations repeats what is lost.

internal import Codec
internal import SQLite
internal import VolumeFormat

final class VolumeDatabase: StatementDatabase {
    let connection: Connection
    private let path: String
    private let files: FileSystemVFS?
    let reads: RowReads
    private let writes: RowWrites
    private let putDirty: Statement
    private let putPiece: Statement
    private(set) var uncommittedRows = 0
    var logPages: Int { connection.logPages }
    /// The disk was full: pages stay in memory until they are committed.
    private var isHeldInMemory = false

    /// `files` is where the database lies, nil on the machine's disk.
    init(_ path: String, files: FileSystemVFS? = nil) throws(SQLiteError) {
        self.path = path
        self.files = files
        var options = ConnectionOptions()
        options.durability = .normal
        options.automaticCheckpointPages = 0
        options.enforcesForeignKeys = false
        options.cacheKibibytes = 32 << 10
        options.logBytes = 64 << 20
        options.files = files
        connection = try Connection(path, options)
        try connection.execute(VolumeSchema.statements)
        reads = try RowReads(connection)
        writes = try RowWrites(connection)
        putDirty = try connection.prepare(
            "INSERT OR REPLACE INTO dirty(tbl, key, generation) VALUES (?, ?, ?)"
        )
        putPiece = try connection.prepare(
            "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
    }

    /// Runs `body` in the open transaction, opening it first, with errors translated.
    private func work<Result>(
        _ body: () throws(SQLiteError) -> Result
    ) throws(VolumeError) -> Result {
        do throws(SQLiteError) {
            if !connection.isTransactionOpen { try connection.begin(.write) }
            return try body()
        } catch {
            throw VolumeError(error)
        }
    }

    // MARK: - Read

    func localState() throws(VolumeError) -> LocalState {
        var state = LocalState()
        if let bytes = try localValue(VolumeSchema.totalsName) {
            state.totals = try VolumeCore.decode(bytes, "totals of the database")
            state.isNew = false
        }
        try look { () throws(SQLiteError) in
            try connection.prepare("SELECT * FROM pieces ORDER BY slice, offset")
                .forEachRow { (row) throws(SQLiteError) in
                    let place = LogPlace(
                        segment: UInt64(bitPattern: row.integer(at: 3)),
                        position: UInt64(bitPattern: row.integer(at: 4)),
                        lsn: UInt64(bitPattern: row.integer(at: 5)),
                        payload: UInt32(truncatingIfNeeded: row.integer(at: 6)),
                        data: UInt32(truncatingIfNeeded: row.integer(at: 7))
                    )
                    let piece = Piece(
                        offset: UInt32(truncatingIfNeeded: row.integer(at: 1)),
                        length: UInt32(truncatingIfNeeded: row.integer(at: 2)),
                        place: place
                    )
                    let slice = UInt64(bitPattern: row.integer(at: 0))
                    state.pieces[slice, default: []].append(piece)
                    return true
                }
            try connection.prepare("SELECT slice, generation FROM unplaced")
                .forEachRow { (row) throws(SQLiteError) in
                    state.unplaced[UInt64(bitPattern: row.integer(at: 0))] =
                        UInt64(bitPattern: row.integer(at: 1))
                    return true
                }
        }
        return state
    }

    func orphans() throws(VolumeError) -> [UInt64] {
        let rows = try look { () throws(SQLiteError) in
            try connection.rows("SELECT key FROM inodes WHERE orphan IS NOT NULL ORDER BY key")
        }
        var numbers: [UInt64] = []
        for row in rows {
            guard case .blob(let key)? = row.first, let number = try? RowKey.readNumber(key)
            else { throw .corrupt("key of an inode") }
            numbers.append(number)
        }
        return numbers
    }

    // MARK: - Write

    func apply(_ batch: RowBatch, generation: UInt64?) throws(VolumeError) {
        let sorted = batch.rows.sorted { left, right in
            if left.table != right.table { return left.table < right.table }
            return left.key.lexicographicallyPrecedes(right.key)
        }
        uncommittedRows += sorted.count
        try work { () throws(SQLiteError) in
            for row in sorted {
                guard let generation else {
                    try writes.put(row)
                    continue
                }
                let hasLeft = try hasLeft(row)
                try writes.put(row)
                if hasLeft || PlacementRows.travelsAlone(row) { try noteDirty(row, generation) }
            }
            for slice in batch.newUnplaced {
                try connection.run(
                    "INSERT OR REPLACE INTO unplaced VALUES (?, ?)",
                    .integer(Int64(bitPattern: slice)),
                    .integer(Int64(generation ?? 0))
                )
            }
            for (slice, piece) in batch.newPieces { try put(piece, of: slice) }
            for (slice, pieces) in batch.newSets {
                try connection.run(
                    "DELETE FROM pieces WHERE slice = ?",
                    .integer(Int64(bitPattern: slice))
                )
                for piece in pieces { try put(piece, of: slice) }
            }
            for slice in batch.dropped {
                let number = SQLite.Value.integer(Int64(bitPattern: slice))
                try connection.run("DELETE FROM pieces WHERE slice = ?", number)
                try connection.run("DELETE FROM unplaced WHERE slice = ?", number)
            }
        }
    }

    private func put(_ piece: Piece, of slice: UInt64) throws(SQLiteError) {
        try putPiece.bind(Int64(bitPattern: slice), at: 0)
        try putPiece.bind(Int64(piece.offset), at: 1)
        try putPiece.bind(Int64(piece.length), at: 2)
        try putPiece.bind(Int64(bitPattern: piece.place.segment), at: 3)
        try putPiece.bind(Int64(bitPattern: piece.place.position), at: 4)
        try putPiece.bind(Int64(bitPattern: piece.place.lsn), at: 5)
        try putPiece.bind(Int64(piece.place.payload), at: 6)
        try putPiece.bind(Int64(piece.place.data), at: 7)
        try putPiece.run()
    }

    /// Whether a row puts a chunk elsewhere than it was: no upload of a slice tells that.
    ///
    /// By what is there and not by who says so: it is the same when the log is replayed.
    private func hasLeft(_ row: RowImage) throws(SQLiteError) -> Bool {
        guard row.table == RowTable.chunks.rawValue, row.value != nil,
            let old = try reads.value(.chunks, row.key)
        else { return false }
        return old != row.value
    }

    private func noteDirty(_ row: RowImage, _ generation: UInt64) throws(SQLiteError) {
        try putDirty.bind(Int64(row.table), at: 0)
        try putDirty.bind(row.key, at: 1)
        try putDirty.bind(generation, at: 2)
        try putDirty.run()
    }

    func markDirty(_ keys: [RowImage], generation: UInt64) throws(VolumeError) {
        try work { () throws(SQLiteError) in
            for key in keys where PlacementRows.travelsAlone(key) {
                try noteDirty(key, generation)
            }
        }
    }

    func commit(_ totals: ViewTotals) throws(VolumeError) {
        try setLocalValue(VolumeSchema.totalsName, totals.bcsBytes)
        try look { () throws(SQLiteError) in
            // Everything since the last commit is in this transaction, or it was lost to an error
            // that was thrown then.
            try connection.commit()
            uncommittedRows = 0
            if isHeldInMemory {
                try connection.execute("PRAGMA cache_spill = 1")
                isHeldInMemory = false
            }
        }
    }

    func dropTransaction() throws(VolumeError) {
        try look { () throws(SQLiteError) in
            try connection.rollBack()
            uncommittedRows = 0
            try connection.execute("PRAGMA cache_spill = 0")
            isHeldInMemory = true
        }
    }

    func hasDirtyKeys(after generation: UInt64) throws(VolumeError) -> Bool {
        try look { () throws(SQLiteError) in
            let sql = "SELECT 1 FROM dirty WHERE generation > ? LIMIT 1"
            return try !connection.rows(sql, .integer(Int64(generation))).isEmpty
        }
    }

    func dirtyGeneration(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> UInt64? {
        try look { () throws(SQLiteError) in
            let sql = "SELECT generation FROM dirty WHERE tbl = ? AND key = ?"
            let rows = try connection.rows(sql, .integer(Int64(table.rawValue)), .blob(key))
            guard case .integer(let generation)? = rows.first?.first else { return nil }
            return UInt64(generation)
        }
    }

    func dirtyKeys(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [(key: [UInt8], isGone: Bool)] {
        try look { () throws(SQLiteError) in
            let below = upper == nil ? "" : "AND d.key < ?"
            let statement = try connection.prepare(
                """
                SELECT d.key, t.key IS NULL FROM dirty d
                LEFT JOIN \(VolumeSchema.name(of: table)) t ON t.key = d.key
                WHERE d.tbl = \(table.rawValue) AND d.key >= ? \(below)
                ORDER BY d.key LIMIT \(limit)
                """
            )
            try statement.bind(lower, at: 0)
            if let upper { try statement.bind(upper, at: 1) }
            var found: [(key: [UInt8], isGone: Bool)] = []
            try statement.forEachRow { (row) throws(SQLiteError) in
                found.append((row.blob(at: 0), row.integer(at: 1) != 0))
                return true
            }
            return found
        }
    }

    func forgetDirty(upTo generation: UInt64) throws(VolumeError) {
        try work { () throws(SQLiteError) in
            let limit = SQLite.Value.integer(Int64(generation))
            try connection.run("DELETE FROM dirty WHERE generation <= ?", limit)
            try connection.run("DELETE FROM unplaced WHERE generation <= ?", limit)
        }
    }

    func dropPieces(of slice: UInt64, in segment: UInt64) throws(VolumeError) {
        try work { () throws(SQLiteError) in
            try connection.run(
                "DELETE FROM pieces WHERE slice = ? AND segment = ?",
                .integer(Int64(bitPattern: slice)),
                .integer(Int64(bitPattern: segment))
            )
        }
    }

    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError) {
        try work { () throws(SQLiteError) in
            if let value {
                try connection.run(
                    "INSERT OR REPLACE INTO local VALUES (?, ?)",
                    .text(name),
                    .blob(value)
                )
            } else {
                try connection.run("DELETE FROM local WHERE name = ?", .text(name))
            }
        }
    }

    func makeDurable() throws(VolumeError) {
        try look { () throws(SQLiteError) in
            // The write-ahead log is one file, so a synced commit syncs those before it. (A
            // checkpoint would not: while a snapshot is read it may have nothing to move.)
            try connection.execute("PRAGMA synchronous = 2")
            do throws(SQLiteError) {
                try connection.run("INSERT OR REPLACE INTO local VALUES ('barrier', x'')")
            } catch {
                try connection.execute("PRAGMA synchronous = 1")
                throw error
            }
            try connection.execute("PRAGMA synchronous = 1")
            do throws(SQLiteError) {
                try connection.checkpoint(.passive)
            } catch {
                // What could not be moved to a full disk stays in the write-ahead log.
                if !error.isFull { throw error }
            }
        }
    }

    func snapshot(
        generation: UInt64,
        inodeMark: UInt64,
        cutAt: UInt64
    ) throws(VolumeError) -> any CutSnapshot {
        try databaseSnapshot(generation: generation, inodeMark: inodeMark, cutAt: cutAt)
    }

    func reader() throws(VolumeError) -> any RowReader {
        try databaseSnapshot(generation: 0, inodeMark: 0, cutAt: 0)
    }

    private func databaseSnapshot(
        generation: UInt64,
        inodeMark: UInt64,
        cutAt: UInt64
    ) throws(VolumeError) -> DatabaseSnapshot {
        do throws(SQLiteError) {
            return try DatabaseSnapshot(
                path,
                files: files,
                generation: generation,
                inodeMark: inodeMark,
                cutAt: cutAt
            )
        } catch {
            throw VolumeError(error)
        }
    }
}
