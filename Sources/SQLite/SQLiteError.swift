internal import CSQLite

/// A call of SQLite that failed.
package struct SQLiteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The primary result code, such as SQLITE_FULL.
    package let code: Int32
    /// The extended result code, such as SQLITE_IOERR_FSYNC.
    package let extendedCode: Int32
    /// What SQLite says about it, for people.
    package let message: String
    /// The statement or call.
    package let statement: String

    /// The user's quota of the disk is used up.
    package let isQuotaExceeded: Bool

    package init(
        extendedCode: Int32,
        message: String,
        statement: String,
        isQuotaExceeded: Bool = false
    ) {
        self.isQuotaExceeded = isQuotaExceeded
        code = extendedCode & 0xFF
        self.extendedCode = extendedCode
        self.message = message
        self.statement = statement
    }

    /// No room on the disk.
    ///
    /// SQLite may have rolled back the whole transaction, savepoints or not: look at
    /// ``Connection/isTransactionOpen``.
    package var isFull: Bool {
        if isQuotaExceeded { return true }
        // The index of the write-ahead log could not grow, of which SQLite says so.
        return code == SQLITE_FULL || extendedCode == SQLITE_IOERR | (19 << 8)
    }
    /// Another connection holds a lock for longer than the busy timeout.
    package var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }
    /// The file is damaged, or none of SQLite's.
    package var isCorrupt: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
    /// The disk failed.
    package var isDeviceFailure: Bool { code == SQLITE_IOERR }
    /// A unique key, a reference or a check does not hold.
    package var isConstraint: Bool { code == SQLITE_CONSTRAINT }
    /// The file can not be opened.
    package var isCannotOpen: Bool { code == SQLITE_CANTOPEN }

    package var description: String { "\(statement): \(message) (\(extendedCode))" }
}
