internal import CSQLite

/// How a database is opened.
package struct ConnectionOptions: Sendable {
    package enum Access: Sendable {
        case readOnly
        case readWrite
        /// Makes the file if it is missing, for the owner only.
        case create
    }

    /// What a commit survives.
    package enum Durability: Int64, Sendable {
        /// A power cut may take the last commits, never the consistency: for what a log repeats.
        case normal = 1
        /// Each commit survives a power cut.
        case full = 2
    }

    package var access = Access.create
    package var durability = Durability.full
    /// How long a call waits for another connection's lock, in milliseconds.
    package var busyTimeout: Int32 = 5000
    /// Pages after which a commit also checkpoints, 0: only ``Connection/checkpoint(_:)`` does.
    package var automaticCheckpointPages: Int64 = 1000
    /// Bytes to which the write-ahead log is cut when it begins anew; nil: it keeps its length.
    package var logBytes: Int64?
    /// Memory for pages.
    package var cacheKibibytes: Int64 = 8192
    package var enforcesForeignKeys = true
    /// The files that it lies in; nil: the machine's.
    package var files: FileSystemVFS?

    package init() {}
}

/// One connection to a database file, in write-ahead-log mode.
///
/// Not thread-safe, and therefore not `Sendable`: an actor, a `Mutex` or one thread owns it with
/// all its statements. Several connections to one file work at a time: one writes, each reads a
/// snapshot. Calls block. Errors are not retried here.
package final class Connection {
    let database: Database
    package let path: String
    /// Statements made by ``run(_:_:)``, kept for the next time.
    private var statements: [String: Statement] = [:]
    private static let statementsMax = 256

    /// Opens a database and sets, then checks, all of its options.
    ///
    /// `path` is a file, or `:memory:`. A fresh file becomes a database with the first write.
    package init(
        _ path: String,
        _ options: ConnectionOptions = ConnectionOptions()
    ) throws(SQLiteError) {
        let access =
            switch options.access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .readWrite: SQLITE_OPEN_READWRITE
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        database = try Database(path, access, options.files)
        self.path = path
        unsafe sqlite3_busy_timeout(database.handle, options.busyTimeout)
        try configure(options)
    }

    private func configure(_ options: ConnectionOptions) throws(SQLiteError) {
        let isFile = path != ":memory:"
        if isFile, options.access != .readOnly {
            try set("journal_mode", to: "WAL", reads: .text("wal"))
        }
        let durability = options.durability.rawValue
        try set("synchronous", to: "\(durability)", reads: .integer(durability))
        let pages = options.automaticCheckpointPages
        try set("wal_autocheckpoint", to: "\(pages)", reads: .integer(pages))
        let foreignKeys: Int64 = options.enforcesForeignKeys ? 1 : 0
        try set("foreign_keys", to: "\(foreignKeys)", reads: .integer(foreignKeys))
        // Negative: kibibytes, not pages.
        let cache = -options.cacheKibibytes
        try set("cache_size", to: "\(cache)", reads: .integer(cache))
        try set("trusted_schema", to: "0", reads: .integer(0))
        try set("cell_size_check", to: "1", reads: .integer(1))
        if let limit = options.logBytes {
            try set("journal_size_limit", to: "\(limit)", reads: .integer(limit))
        }
        if options.automaticCheckpointPages == 0 { database.watchLog() }
    }

    /// Sets a pragma and checks that it is set: unknown or refused ones are silent otherwise.
    private func set(_ name: String, to value: String, reads: Value) throws(SQLiteError) {
        try execute("PRAGMA \(name) = \(value)")
        let found = try prepare("PRAGMA \(name)").single()
        guard found == reads else {
            throw SQLiteError(
                extendedCode: SQLITE_MISUSE,
                message: "it is \(found.map { "\($0)" } ?? "nothing")",
                statement: "PRAGMA \(name) = \(value)"
            )
        }
    }

    /// Runs statements that have no parameters and whose rows nobody wants.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(database.handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw database.failure(code, sql) }
    }

    /// Compiles one statement, to be kept and used many times.
    package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        try Statement(database, sql)
    }

    /// Runs one statement with these parameters, compiled once per connection.
    package func run(_ sql: String, _ parameters: Value...) throws(SQLiteError) {
        let statement = try cached(sql)
        try statement.bind(parameters)
        try statement.run()
    }

    /// All rows of one statement; for results that are small.
    package func rows(_ sql: String, _ parameters: Value...) throws(SQLiteError) -> [[Value]] {
        let statement = try cached(sql)
        try statement.bind(parameters)
        return try statement.rows()
    }

    private func cached(_ sql: String) throws(SQLiteError) -> Statement {
        if let statement = statements[sql] { return statement }
        let statement = try prepare(sql)
        if statements.count >= Self.statementsMax { statements = [:] }
        statements[sql] = statement
        return statement
    }

    /// Pages in the write-ahead log as of the last commit, also checkpointed ones, until it begins
    /// anew.
    ///
    /// Only where automatic checkpoints are off: it says when one is due.
    package var logPages: Int { database.logPages }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    package var changes: Int64 { unsafe sqlite3_changes64(database.handle) }

    package var lastInsertedRow: Int64 { unsafe sqlite3_last_insert_rowid(database.handle) }
}
