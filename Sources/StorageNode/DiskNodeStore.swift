// A node's store on a disk (`Docs/Formats/node-directory.md`): two segment logs are the truth, an
// SQLite database says where things are in them.
//
// Rows wait in an open transaction and are committed now and then, each time after the logs were
// synced, so that the index is never ahead of them. What was appended later is found again when
// the store opens. A commit needs no sync of its own: an index that is too old is only read up.

package import BlobModel
internal import Codec
internal import Ledger
internal import SQLite
internal import SegmentLog
internal import SystemIO

/// A node's store in its directory.
package final class DiskNodeStore: NodeStore {
    /// Kinds of the two logs, so that one is not taken for the other.
    static let blockLog: UInt16 = 0x4E42
    static let sliverLog: UInt16 = 0x4E53
    /// Rows that wait for a commit at most.
    private static let rowsMax = 1024
    /// Room that is left on the disk for the index, for blocks and for others; below it, slivers
    /// are refused.
    ///
    /// A full disk would take SQLite's whole open transaction with it.
    static let reserve: UInt64 = 32 << 20

    /// What the lock guards.
    final class Index {
        let database: Connection
        var pendingRows = 0
        /// What the database failed with; only opening the store anew helps.
        var failure: String?
        var isClosed = false

        init(_ database: Connection) { self.database = database }
    }

    let directory: NodeDirectory
    let network: NetworkID
    let blocks: SegmentLog
    let slivers: SegmentLog
    /// Guards the database and the order of appending and indexing; held while both go on, so that
    /// no record is indexed before one that was appended earlier.
    ///
    /// Only blocking callers.
    private let index: Monitor<Index>
    /// Held while blocks are applied; taken before `index`.
    private let applying = Monitor(())

    init(
        directory: NodeDirectory,
        network: NetworkID,
        blocks: SegmentLog,
        slivers: SegmentLog,
        index: sending Index
    ) {
        self.directory = directory
        self.network = network
        self.blocks = blocks
        self.slivers = slivers
        self.index = Monitor(index)
    }

    package func serially<Value>(_ body: () throws -> Value) rethrows -> Value {
        try applying.withLock { _ in try body() }
    }

    // MARK: The index

    /// Runs `body` on the database, in the open transaction.
    func indexed<Value>(
        _ body: (Index) throws(NodeStoreError) -> Value
    ) throws(NodeStoreError) -> Value {
        try index.withLock { (index) throws(NodeStoreError) in
            if index.isClosed { throw .failed("The store is closed.") }
            if let failure = index.failure { throw .failed(failure) }
            return try body(index)
        }
    }

    /// Runs statements; an error of the database makes the store refuse everything from then on,
    /// because rows that waited for their commit may be gone.
    func sql<Value>(
        _ index: Index,
        _ body: (Connection) throws(SQLiteError) -> Value
    ) throws(NodeStoreError) -> Value {
        do throws(SQLiteError) {
            if !index.database.isTransactionOpen { try index.database.begin() }
            return try body(index.database)
        } catch {
            index.failure = "index.db: \(error)"
            throw .failed("index.db: \(error)")
        }
    }

    /// Counts rows that wait, and commits when they are many.
    func wrote(_ rows: Int, _ index: Index) throws(NodeStoreError) {
        index.pendingRows += rows
        if index.pendingRows >= Self.rowsMax { try commitRows(index) }
    }

    private func commitRows(_ index: Index) throws(NodeStoreError) {
        guard index.database.isTransactionOpen else { return }
        try sync(blocks)
        try sync(slivers)
        let (blocksLSN, sliversLSN) = (blocks.lastLSN, slivers.lastLSN)
        try sql(index) { database throws(SQLiteError) in
            try IndexSchema.set(.blocksLSN, blocksLSN.bcsBytes, in: database)
            try IndexSchema.set(.sliversLSN, sliversLSN.bcsBytes, in: database)
            try database.commit()
        }
        index.pendingRows = 0
    }

    private func sync(_ log: SegmentLog) throws(NodeStoreError) {
        do throws(SegmentLogError) {
            try log.syncAll()
        } catch {
            throw Self.storeError(error)
        }
    }

    /// Commits the rows that wait.
    package func flush() throws(NodeStoreError) {
        try indexed { index throws(NodeStoreError) in try commitRows(index) }
    }

    package func close() {
        index.withLock { index in
            guard !index.isClosed else { return }
            if index.failure == nil {
                // What is not committed is read up from the logs at the next opening.
                try? commitRows(index)
            }
            index.isClosed = true
        }
        directory.close()
    }

    package func synchronize() throws(NodeStoreError) { try sync(slivers) }

    package func synchronizeBlocks() throws(NodeStoreError) { try sync(blocks) }

    static func storeError(_ error: SegmentLogError) -> NodeStoreError {
        switch error {
        case _ where error.isNoSpace: .full
        case .corrupt, .missing: .damaged("\(error)")
        case .system, .failed, .unsupported, .tooLong: .failed("\(error)")
        }
    }

    // MARK: Cursor and events

    package func cursor() throws(NodeStoreError) -> NodeCursor {
        let value = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try IndexSchema.get(.cursor, in: database)
            }
        }
        guard let value else {
            return NodeCursor(block: BlockReference(genesisOf: network), epoch: 0)
        }
        return try decoded(value)
    }

    package func committees() throws(NodeStoreError) -> NodeCommittees? {
        let value = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try IndexSchema.get(.committees, in: database)
            }
        }
        guard let value else { return nil }
        return try decoded(value) as NodeCommittees
    }

    func decoded<Value: BCSDecodable>(_ bytes: [UInt8]) throws(NodeStoreError) -> Value {
        do throws(CodecError) {
            return try Value(bcsBytes: bytes)
        } catch {
            throw .damaged("index.db: \(error)")
        }
    }

    package func commit(
        _ changes: NodeStateChanges,
        cursor: NodeCursor,
        garbageDue: UInt64
    ) throws(NodeStoreError) {
        try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                for (blob, info) in changes.infos {
                    try database.run(
                        "INSERT OR REPLACE INTO blobs(blob, info) VALUES(?, ?)",
                        .blob(blob.bytes),
                        .blob(info.bcsBytes)
                    )
                    try database.run(
                        "DELETE FROM garbage WHERE blob = ?",
                        .blob(blob.bytes)
                    )
                }
                for (pool, end) in changes.pools {
                    try database.run(
                        "INSERT OR REPLACE INTO pools(pool, end) VALUES(?, ?)",
                        .blob(pool.bytes),
                        .integer(Int64(end))
                    )
                }
                for blob in changes.released {
                    try database.run(
                        "INSERT OR REPLACE INTO garbage(blob, due) VALUES(?, ?)",
                        .blob(blob.bytes),
                        .integer(Int64(clamping: garbageDue))
                    )
                }
                if let committees = changes.committees {
                    try IndexSchema.set(.committees, committees.bcsBytes, in: database)
                }
                try IndexSchema.set(.cursor, cursor.bcsBytes, in: database)
            }
            try wrote(changes.infos.count + changes.pools.count + 1, index)
        }
    }

    package func info(of blob: BlobID) throws(NodeStoreError) -> BlobInfo? {
        let row = try single("SELECT info FROM blobs WHERE blob = ?", .blob(blob.bytes))
        guard case .blob(let bytes)? = row else { return nil }
        return try decoded(bytes) as BlobInfo
    }

    package func blobs(
        after blob: BlobID?,
        limit: Int
    ) throws(NodeStoreError) -> [(blob: BlobID, info: BlobInfo)] {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(
                    "SELECT blob, info FROM blobs WHERE blob > ? ORDER BY blob LIMIT ?",
                    .blob(blob?.bytes ?? []),
                    .integer(Int64(limit))
                )
            }
        }
        var found: [(blob: BlobID, info: BlobInfo)] = []
        for row in rows {
            guard row.count == 2, case .blob(let key) = row[0], key.count == 32,
                case .blob(let bytes) = row[1]
            else { continue }
            found.append((BlobID(bytes: key), try decoded(bytes)))
        }
        return found
    }

    package func end(ofPool pool: ObjectID) throws(NodeStoreError) -> Epoch? {
        let row = try single("SELECT end FROM pools WHERE pool = ?", .blob(pool.bytes))
        guard case .integer(let end)? = row else { return nil }
        return Epoch(clamping: end)
    }

    func single(_ statement: String, _ key: Value) throws(NodeStoreError) -> Value? {
        try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(statement, key).first?.first
            }
        }
    }

    // MARK: Garbage

    package func garbage(
        dueAt now: UInt64,
        limit: Int
    ) throws(NodeStoreError) -> [BlobID] {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(
                    "SELECT blob FROM garbage WHERE due <= ? ORDER BY blob LIMIT ?",
                    .integer(Int64(clamping: now)),
                    .integer(Int64(limit))
                )
            }
        }
        return rows.compactMap { row in
            guard case .blob(let bytes)? = row.first, bytes.count == 32 else { return nil }
            return BlobID(bytes: bytes)
        }
    }

    package func keep(_ blob: BlobID) throws(NodeStoreError) {
        try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.run("DELETE FROM garbage WHERE blob = ?", .blob(blob.bytes))
            }
            try wrote(1, index)
        }
    }

    package func pairs(of blob: BlobID) throws(NodeStoreError) -> [SliverPairIndex] {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(
                    "SELECT DISTINCT pair FROM slivers WHERE blob = ? ORDER BY pair",
                    .blob(blob.bytes)
                )
            }
        }
        return rows.compactMap { row in
            guard case .integer(let pair)? = row.first else { return nil }
            return UInt16(exactly: pair).map(SliverPairIndex.init)
        }
    }

    package func drop(
        _ pairs: [(blob: BlobID, pair: SliverPairIndex)]
    ) throws(NodeStoreError) {
        try deleteRows { database throws(SQLiteError) in
            var segments: Set<Int64> = []
            for (blob, pair) in pairs {
                let keys: [Value] = [.blob(blob.bytes), .integer(Int64(pair.rawValue))]
                for row in try database.rows(
                    "SELECT segment FROM slivers WHERE blob = ? AND pair = ?",
                    keys[0],
                    keys[1]
                ) {
                    if case .integer(let segment)? = row.first { segments.insert(segment) }
                }
                try database.run(
                    "DELETE FROM slivers WHERE blob = ? AND pair = ?",
                    keys[0],
                    keys[1]
                )
            }
            return segments.sorted().map { .integer($0) }
        }
    }

    package func deleteData(of blob: BlobID) throws(NodeStoreError) {
        try deleteRows { database throws(SQLiteError) in
            let rows = try database.rows(
                "SELECT segment FROM slivers WHERE blob = ?1 "
                    + "UNION SELECT segment FROM metadata WHERE blob = ?1",
                .blob(blob.bytes)
            )
            for table in ["slivers", "metadata", "garbage"] {
                try database.run("DELETE FROM \(table) WHERE blob = ?", .blob(blob.bytes))
            }
            return rows.compactMap(\.first)
        }
    }

    /// Deletes rows, and then the segments in which nothing is left; `delete` says in which ones
    /// the rows' records were.
    private func deleteRows(
        _ delete: (Connection) throws(SQLiteError) -> [Value]
    ) throws(NodeStoreError) {
        let emptied = try indexed { index throws(NodeStoreError) in
            let segments = try sql(index) { database throws(SQLiteError) in
                var emptied: [Value] = []
                for segment in try delete(database) {
                    let live = try database.rows(
                        "SELECT 1 FROM slivers WHERE segment = ?1 "
                            + "UNION ALL SELECT 1 FROM metadata WHERE segment = ?1 LIMIT 1",
                        segment
                    )
                    if live.isEmpty { emptied.append(segment) }
                }
                return emptied
            }
            // The deletion is committed before the bytes go.
            try commitRows(index)
            return segments
        }
        for case .integer(let number) in emptied { try remove(UInt64(number)) }
    }

    private func remove(_ segment: UInt64) throws(NodeStoreError) {
        // The one that is being written fills up first.
        guard slivers.segments.contains(where: { $0.number == segment && !$0.isActive })
        else { return }
        do throws(SegmentLogError) {
            try slivers.removeSegment(segment)
        } catch {
            throw Self.storeError(error)
        }
    }

    package func releaseExpired(at epoch: Epoch, due: UInt64) throws(NodeStoreError) {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows("SELECT blob, info FROM blobs")
            }
        }
        for row in rows {
            guard row.count == 2, case .blob(let blob) = row[0], case .blob(let bytes) = row[1]
            else { continue }
            let info: BlobInfo = try decoded(bytes)
            guard try live(info, at: epoch).isEmpty else { continue }
            try indexed { index throws(NodeStoreError) in
                try sql(index) { database throws(SQLiteError) in
                    try database.run(
                        "INSERT OR IGNORE INTO garbage(blob, due) VALUES(?, ?)",
                        .blob(blob),
                        .integer(Int64(clamping: due))
                    )
                }
                try wrote(1, index)
            }
        }
    }
}
