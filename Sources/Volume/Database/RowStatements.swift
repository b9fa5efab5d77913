internal import SQLite
internal import VolumeFormat

/// The statements that read rows through one connection.
struct RowReads {
    private let connection: Connection
    private var gets: [RowTable: Statement] = [:]
    private let listDirectory: Statement

    init(_ connection: Connection) throws(SQLiteError) {
        self.connection = connection
        for table in RowTable.allCases {
            gets[table] = try connection.prepare(
                "SELECT value FROM \(VolumeSchema.name(of: table)) WHERE key = ?"
            )
        }
        listDirectory = try connection.prepare(
            """
            SELECT key, value FROM dirents WHERE parent = ? AND cookie > ?
            ORDER BY cookie LIMIT ?
            """
        )
    }

    func value(_ table: RowTable, _ key: [UInt8]) throws(SQLiteError) -> [UInt8]? {
        guard let get = gets[table] else { preconditionFailure("every table has its statements") }
        try get.bind(key, at: 0)
        guard try get.step() else { return nil }
        defer { get.reset() }
        return get.blob(at: 0)
    }

    func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(SQLiteError) -> [RowImage] {
        try VolumeSchema.rows(connection, table, from: lower, to: upper, limit: limit)
    }

    /// Keys and values of a directory's dirents with cookies above `cookie`, ascending by cookie.
    func directory(
        _ parent: UInt64,
        after cookie: UInt64,
        limit: Int
    ) throws(SQLiteError) -> [(key: [UInt8], value: [UInt8])] {
        try listDirectory.bind(Int64(bitPattern: parent), at: 0)
        try listDirectory.bind(Int64(bitPattern: cookie), at: 1)
        try listDirectory.bind(limit, at: 2)
        var found: [(key: [UInt8], value: [UInt8])] = []
        try listDirectory.forEachRow { (row) throws(SQLiteError) in
            found.append((row.blob(at: 0), row.blob(at: 1)))
            return true
        }
        return found
    }
}

/// A database of rows that is read through one connection.
protocol StatementDatabase: RowDatabase {
    var connection: Connection { get }
    var reads: RowReads { get }
}

extension StatementDatabase {
    /// Runs `body` with errors translated.
    func look<Result>(
        _ body: () throws(SQLiteError) -> Result
    ) throws(VolumeError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw VolumeError(error) }
    }

    func value(_ table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        try look { () throws(SQLiteError) in try reads.value(table, key) }
    }

    func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [RowImage] {
        try look { () throws(SQLiteError) in
            try reads.rows(of: table, from: lower, to: upper, limit: limit)
        }
    }

    func directory(
        _ parent: UInt64,
        after cookie: UInt64,
        limit: Int
    ) throws(VolumeError) -> [(name: [UInt8], row: DirentRow)] {
        let found = try look { () throws(SQLiteError) in
            try reads.directory(parent, after: cookie, limit: limit)
        }
        return try VolumeSchema.dirents(found, of: parent)
    }

    func localValue(_ name: String) throws(VolumeError) -> [UInt8]? {
        let rows = try look { () throws(SQLiteError) in
            try connection.rows("SELECT value FROM local WHERE name = ?", .text(name))
        }
        guard case .blob(let bytes)? = rows.first?.first else { return nil }
        return bytes
    }
}

/// The statements that write rows through one connection.
struct RowWrites {
    private var puts: [RowTable: Statement] = [:]
    private var deletes: [RowTable: Statement] = [:]

    init(_ connection: Connection) throws(SQLiteError) {
        for table in RowTable.allCases {
            let name = VolumeSchema.name(of: table)
            let columns = VolumeSchema.extraColumns(of: table)
            let names = columns.map { ", " + $0 }.joined()
            let marks = columns.map { _ in ", ?" }.joined()
            puts[table] = try connection.prepare(
                "INSERT OR REPLACE INTO \(name)(key, value\(names)) VALUES (?, ?\(marks))"
            )
            deletes[table] = try connection.prepare("DELETE FROM \(name) WHERE key = ?")
        }
    }

    /// Puts a row, or removes it.
    ///
    /// - Precondition: Its table is known.
    func put(_ row: RowImage) throws(SQLiteError) {
        guard let table = RowTable(rawValue: row.table), let put = puts[table],
            let delete = deletes[table]
        else { preconditionFailure("a row of an unknown table came past its check") }
        guard let value = row.value else {
            try delete.bind(row.key, at: 0)
            return try delete.run()
        }
        try put.bind(row.key, at: 0)
        try put.bind(value, at: 1)
        switch table {
        case .inodes:
            if VolumeSchema.isOrphan(value) {
                try put.bind(1, at: 2)
            } else {
                try put.bindNull(at: 2)
            }
        case .dirents:
            try put.bind(VolumeSchema.bigEndian(row.key, at: 0), at: 2)
            try put.bind(VolumeSchema.littleEndian(value, at: 9), at: 3)
        case .extents:
            try put.bind(VolumeSchema.littleEndian(value, at: 4), at: 2)
        default: break
        }
        try put.run()
    }
}
