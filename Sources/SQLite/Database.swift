internal import CSQLite
internal import Glibc

/// SQLite's own object, closed when the connection and the last of its statements are gone.
@safe final class Database {
    let handle: OpaquePointer
    /// Kept for as long as SQLite may come back to it.
    private let files: FileSystemVFS?
    /// Pages in the write-ahead log as of the last commit, if that is watched.
    private(set) var logPages = 0

    init(_ path: String, _ access: Int32, _ files: FileSystemVFS?) throws(SQLiteError) {
        self.files = files
        var opened: OpaquePointer?
        // One owner at a time, so SQLite's own mutexes are not needed.
        let flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(path, &opened, flags, files?.name)
        guard code == SQLITE_OK, let handle = unsafe opened else {
            let message = unsafe opened.flatMap { unsafe sqlite3_errmsg($0) }
                .map { unsafe String(cString: $0) }
            unsafe sqlite3_close_v2(opened)
            throw SQLiteError(
                extendedCode: code,
                message: message ?? "out of memory",
                statement: "open \(path)"
            )
        }
        unsafe self.handle = handle
    }

    deinit { unsafe sqlite3_close_v2(handle) }

    /// Counts ``logPages`` from now on; automatic checkpoints end, which take the same hook.
    func watchLog() {
        // SQLite calls it within calls on this handle only, so this object is there.
        unsafe sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                guard let context = unsafe context else { return SQLITE_OK }
                let database = unsafe Unmanaged<Database>.fromOpaque(context)
                unsafe database.takeUnretainedValue().logPages = Int(pages)
                return SQLITE_OK
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// What SQLite says about the call that just failed.
    func failure(_ code: Int32, _ statement: String) -> SQLiteError {
        let message = unsafe sqlite3_errmsg(handle).map { unsafe String(cString: $0) }
        // Of a full disk SQLite has a code of its own, of a full quota it has not.
        let cause = unsafe sqlite3_system_errno(handle)
        return SQLiteError(
            extendedCode: code,
            message: message ?? "unknown error",
            statement: statement,
            isQuotaExceeded: code & 0xFF == SQLITE_IOERR && cause == EDQUOT
        )
    }
}
