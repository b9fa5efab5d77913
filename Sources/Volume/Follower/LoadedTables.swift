internal import BlobModel
internal import Codec
internal import SQLite
internal import VolumeFormat

/// The tables of a follower's database, and what a load under way has changed in them.
final class LoadedTables {
    private let connection: Connection
    private let reads: RowReads
    private let writes: RowWrites
    private var changes = CheckpointChanges()
    /// Inodes that nobody has seen yet.
    private var created: Set<UInt64> = []
    /// Nothing was here before: nobody has seen anything that could change.
    private var isFirst = true

    init(_ path: String, _ files: FileSystemVFS?) throws(SQLiteError) {
        var options = ConnectionOptions()
        options.durability = .normal
        options.automaticCheckpointPages = 0
        options.enforcesForeignKeys = false
        options.cacheKibibytes = 16 << 10
        options.files = files
        connection = try Connection(path, options)
        try connection.execute(VolumeSchema.statements)
        try connection.execute(
            """
            CREATE INDEX IF NOT EXISTS dirents_inode ON dirents(substr(value, 1, 8));
            CREATE TABLE IF NOT EXISTS editions(inode INTEGER PRIMARY KEY, edition INTEGER);
            CREATE TABLE IF NOT EXISTS dying(tbl INTEGER, key BLOB, PRIMARY KEY (tbl, key))
                WITHOUT ROWID;
            CREATE TEMP TABLE IF NOT EXISTS listed(tbl INTEGER, key BLOB, PRIMARY KEY (tbl, key))
                WITHOUT ROWID;
            """
        )
        reads = try RowReads(connection)
        writes = try RowWrites(connection)
    }

    func local(_ name: String) throws(SQLiteError) -> [UInt8]? {
        let rows = try connection.rows("SELECT value FROM local WHERE name = ?", .text(name))
        guard case .blob(let bytes)? = rows.first?.first else { return nil }
        return bytes
    }

    func value(_ table: RowTable, _ key: [UInt8]) throws(SQLiteError) -> [UInt8]? {
        try reads.value(table, key)
    }

    private func setLocal(_ name: String, _ value: [UInt8]) throws(SQLiteError) {
        try connection.run(
            "INSERT OR REPLACE INTO local VALUES (?, ?)",
            .text(name),
            .blob(value)
        )
    }

    // MARK: - Transactions

    func begin() throws(SQLiteError) {
        try connection.begin(.write)
        changes = CheckpointChanges()
        created = []
        let totals = try local(VolumeSchema.totalsName)
        isFirst = totals == nil
        if let totals, let read = try? ViewTotals(bcsBytes: totals) { changes.totals = read }
        try connection.run("DELETE FROM listed")
    }

    func rollBack() throws(SQLiteError) { try connection.rollBack() }

    func commit() throws(SQLiteError) { try connection.commit() }

    func forgetEditions() throws(SQLiteError) { try connection.run("DELETE FROM editions") }

    /// Removes placement that only files of older checkpoints needed.
    func removeDying() throws(SQLiteError) {
        for table in [RowTable.sliceChunks, .chunks, .packs] {
            try connection.run(
                """
                DELETE FROM \(VolumeSchema.name(of: table)) WHERE key IN
                (SELECT key FROM dying WHERE tbl = \(table.rawValue))
                """
            )
        }
        try connection.run("DELETE FROM dying")
    }

    func finish(_ head: PublishedHead) throws(SQLiteError) -> CheckpointChanges {
        if !isFirst { try nameChanges(sequence: head.manifest.sequence) }
        changes.totals.publishedSequence = head.manifest.sequence
        try setLocal(VolumeSchema.totalsName, changes.totals.bcsBytes)
        try setLocal("user." + PublishedHead.localName, head.bcsBytes)
        try connection.commit()
        defer { changes = CheckpointChanges() }
        return changes
    }

    /// Moves what was committed into the database's file, as far as nobody reads before it.
    func checkpoint() throws(SQLiteError) { try connection.checkpoint(.passive) }

    /// Gives changed contents their edition, and finds the names of what changed.
    private func nameChanges(sequence: UInt64) throws(SQLiteError) {
        let edition = Edition.edition(of: sequence)
        for inode in changes.contents {
            try connection.run(
                "INSERT OR REPLACE INTO editions VALUES (?, ?)",
                .integer(Int64(inode)),
                .integer(Int64(edition))
            )
        }
        let find = try connection.prepare(
            "SELECT key, value FROM dirents WHERE substr(value, 1, 8) = ?"
        )
        for inode in changes.inodes {
            try find.bind(inode.bcsBytes, at: 0)
            try find.forEachRow { (row) throws(SQLiteError) in
                let value = row.blob(at: 1)
                let isDirectory = value.count > 8 && value[8] == FileKind.directory.rawValue
                changes.namesOfInodes.append((row.blob(at: 0), isDirectory))
                return true
            }
        }
    }

    // MARK: - Rows

    private func database<Result>(
        _ body: () throws(SQLiteError) -> Result
    ) throws(LoadError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw .database(error) }
    }

    private func decoding<Result>(
        _ body: () throws(CodecError) -> Result
    ) throws(LoadError) -> Result {
        do throws(CodecError) { return try body() } catch { throw .row("\(error)") }
    }

    /// Puts a row, noting what differs from what is there.
    func put(_ row: RowImage) throws(LoadError) {
        guard let table = RowTable(rawValue: row.table) else {
            throw .row("a row of the unknown table \(row.table)")
        }
        let name: [Value] = [.integer(Int64(row.table)), .blob(row.key)]
        let old = try database { () throws(SQLiteError) in
            try connection.run("DELETE FROM listed WHERE tbl = ? AND key = ?", name[0], name[1])
            return try reads.value(table, row.key)
        }
        let isPlacement = table.rawValue > RowTable.slices.rawValue
        if old != row.value { try note(table, row, old: old) }
        try database { () throws(SQLiteError) in
            if isPlacement, row.value == nil {
                guard old != nil else { return }
                try connection.run("INSERT OR REPLACE INTO dying VALUES (?, ?)", name[0], name[1])
                return
            }
            if isPlacement {
                try connection.run("DELETE FROM dying WHERE tbl = ? AND key = ?", name[0], name[1])
            }
            if old != row.value { try writes.put(row) }
        }
    }

    private func note(_ table: RowTable, _ row: RowImage, old: [UInt8]?) throws(LoadError) {
        if table == .inodes { return try noteInode(row, old: old) }
        if table == .chunks || table == .packs, old != nil, row.value != nil {
            changes.moved.append(row)
        }
        guard !isFirst else { return }
        switch table {
        case .dirents: changes.names.insert(row.key)
        case .extents, .xattrs, .symlinks:
            let inode = try decoding { () throws(CodecError) in try RowKey.readNumber(row.key) }
            guard !created.contains(inode) else { return }
            changes.inodes.insert(inode)
            if table == .extents { changes.contents.insert(inode) }
        case .inodes, .volume, .slices, .sliceChunks, .chunks, .packs: break
        }
    }

    private func noteInode(_ row: RowImage, old: [UInt8]?) throws(LoadError) {
        let (number, before, after) = try decoding { () throws(CodecError) in
            (
                try RowKey.readNumber(row.key),
                try old.map { (bytes) throws(CodecError) in try InodeRow(bcsBytes: bytes) },
                try row.value.map { (bytes) throws(CodecError) in try InodeRow(bcsBytes: bytes) }
            )
        }
        guard number > 0, number < Edition.inodeLimit else {
            throw .row("inode \(number), which is beyond what can be followed")
        }
        changes.totals.inodes &+= after == nil ? 0 : 1
        changes.totals.inodes &-= before == nil ? 0 : 1
        changes.totals.stored &+= after?.stored ?? 0
        changes.totals.stored &-= before?.stored ?? 0
        guard !isFirst else { return }
        guard let before else {
            // One that was there a moment ago comes back changed, and is not new.
            if !changes.contents.contains(number) { created.insert(number) }
            return
        }
        if created.contains(number), after != nil { return }
        created.remove(number)
        changes.inodes.insert(number)
        let isDirectory = before.kind == FileKind.directory.rawValue
        if after == nil || !isDirectory && after?.size != before.size {
            changes.contents.insert(number)
        }
    }

    // MARK: - Bases

    /// Lists the rows that are here, save those of leaves that `entries` has as well.
    func compare(
        with entries: [RunIndex.Entry],
        keys: VolumeKeys
    ) throws(SQLiteError) -> [RunIndex.Entry] {
        let wanted = Set(entries.map(\.place.chunk))
        var here: Set<ChunkID> = []
        var leaves = LeafBuilder(keys: keys)
        var rows: [RowImage] = []
        func end(_ leaf: LeafBuilder.Encoded?) throws(SQLiteError) {
            guard let leaf else { return }
            let id = keys.chunkID(of: leaf.bytes)
            if wanted.contains(id) {
                here.insert(id)
            } else {
                for row in rows.prefix(leaf.rowCount) { try list(row) }
            }
            rows.removeFirst(leaf.rowCount)
        }
        for table in RowTable.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            var lower: [UInt8] = []
            while true {
                let page = try reads.rows(of: table, from: lower, to: nil, limit: 4096)
                for row in page {
                    rows.append(row)
                    try end(leaves.append(row))
                }
                guard page.count == 4096, let last = page.last else { break }
                lower = last.key + [0]
            }
        }
        try end(leaves.finish())
        return entries.filter { !here.contains($0.place.chunk) }
    }

    private func list(_ row: RowImage) throws(SQLiteError) {
        try connection.run(
            "INSERT INTO listed VALUES (?, ?)",
            .integer(Int64(row.table)),
            .blob(row.key)
        )
    }

    /// Removes the rows that are still listed: the base does not have them.
    func removeListed() throws(LoadError) {
        while true {
            var page: [RowImage] = []
            try database { () throws(SQLiteError) in
                for row in try connection.rows("SELECT tbl, key FROM listed LIMIT 1024") {
                    guard case .integer(let table) = row[0], case .blob(let key) = row[1] else {
                        preconditionFailure("the list has other columns")
                    }
                    page.append(RowImage(table: UInt8(table), key: key, value: nil))
                }
            }
            guard !page.isEmpty else { return }
            for row in page { try put(row) }
        }
    }
}
