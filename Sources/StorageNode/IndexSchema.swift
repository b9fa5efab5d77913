internal import SQLite

/// The tables of a node's index.
enum IndexSchema {
    /// Changing the tables makes every index be rebuilt.
    static let version: UInt8 = 1

    enum Key: String {
        case version
        case cursor
        /// Not there before a block has said anything of committees.
        case committees
        /// The records up to here are indexed.
        case blocksLSN = "blocks-lsn"
        case sliversLSN = "slivers-lsn"
    }

    private static let tables = """
        CREATE TABLE node(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE blobs(blob BLOB PRIMARY KEY, info BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE pools(pool BLOB PRIMARY KEY, end INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE blocks(height INTEGER PRIMARY KEY, segment INTEGER NOT NULL,
            offset INTEGER NOT NULL, length INTEGER NOT NULL, lsn INTEGER NOT NULL);
        CREATE TABLE metadata(blob BLOB PRIMARY KEY, segment INTEGER NOT NULL,
            offset INTEGER NOT NULL, length INTEGER NOT NULL, lsn INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE slivers(blob BLOB, pair INTEGER, axis INTEGER, segment INTEGER NOT NULL,
            offset INTEGER NOT NULL, length INTEGER NOT NULL, lsn INTEGER NOT NULL,
            PRIMARY KEY(blob, pair, axis)) WITHOUT ROWID;
        CREATE INDEX slivers_segment ON slivers(segment);
        CREATE INDEX metadata_segment ON metadata(segment);
        CREATE TABLE garbage(blob BLOB PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;
        """

    static func create(in database: Connection) throws(SQLiteError) {
        try database.transaction { () throws(SQLiteError) in
            try database.execute(tables)
            try set(.version, [version], in: database)
        }
    }

    /// Whether the tables are there, and of this version.
    static func isPresent(in database: Connection) throws(SQLiteError) -> Bool {
        let found = try database.rows("SELECT 1 FROM sqlite_schema WHERE name = 'node'")
        return found.isEmpty ? false : try get(.version, in: database) == [version]
    }

    static func get(_ key: Key, in database: Connection) throws(SQLiteError) -> [UInt8]? {
        let rows = try database.rows(
            "SELECT value FROM node WHERE key = ?",
            .text(key.rawValue)
        )
        guard case .blob(let bytes)? = rows.first?.first else { return nil }
        return bytes
    }

    static func set(
        _ key: Key,
        _ value: [UInt8],
        in database: Connection
    ) throws(SQLiteError) {
        try database.run(
            "INSERT OR REPLACE INTO node(key, value) VALUES(?, ?)",
            .text(key.rawValue),
            .blob(value)
        )
    }
}
