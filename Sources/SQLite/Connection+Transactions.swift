internal import CSQLite

extension Connection {
    /// How a transaction begins.
    package enum TransactionKind: String, Sendable {
        /// A snapshot, taken at the first read.
        case read = "BEGIN DEFERRED"
        /// Takes the writer's lock at once, so that it can not fail to later.
        case write = "BEGIN IMMEDIATE"
    }

    /// Whether a transaction is open.
    ///
    /// A full disk, a failing one and a lack of memory may each end it without being asked.
    package var isTransactionOpen: Bool { unsafe sqlite3_get_autocommit(database.handle) == 0 }

    /// - Precondition: No transaction is open.
    package func begin(_ kind: TransactionKind = .write) throws(SQLiteError) {
        precondition(!isTransactionOpen)
        try run(kind.rawValue)
    }

    /// Commits; after a throw the transaction is still open if ``isTransactionOpen`` says so.
    package func commit() throws(SQLiteError) { try run("COMMIT") }

    /// Undoes the open transaction, if there is one.
    package func rollBack() throws(SQLiteError) {
        if isTransactionOpen { try run("ROLLBACK") }
    }

    /// Runs `body` in a transaction that is committed, or after a throw undone.
    package func transaction<Result, Failure: Error>(
        _ kind: TransactionKind = .write,
        _ body: () throws(Failure) -> Result
    ) throws(TransactionError<Failure>) -> Result {
        do throws(SQLiteError) { try begin(kind) } catch { throw .database(error) }
        let result: Result
        do throws(Failure) {
            result = try body()
        } catch {
            undo()
            throw .body(error)
        }
        do throws(SQLiteError) {
            try commit()
        } catch {
            undo()
            throw .database(error)
        }
        return result
    }

    /// Runs `body`, which throws only what SQLite does, in a transaction.
    package func transaction<Result>(
        _ kind: TransactionKind = .write,
        _ body: () throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        try begin(kind)
        do throws(SQLiteError) {
            let result = try body()
            try commit()
            return result
        } catch {
            undo()
            throw error
        }
    }

    private func undo() {
        // The first error is the one to report. Where even this fails the transaction is gone with
        // the connection, and nothing of it is committed.
        _ = try? rollBack()
    }

    /// Runs `body` in a savepoint of the open transaction: all of it happens, or nothing.
    ///
    /// After a throw ask ``isTransactionOpen``: a full disk takes the whole transaction, not only
    /// the savepoint. Savepoints nest.
    ///
    /// - Precondition: A transaction is open.
    package func savepoint<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(TransactionError<Failure>) -> Result {
        precondition(isTransactionOpen)
        do throws(SQLiteError) { try run("SAVEPOINT s") } catch { throw .database(error) }
        let result: Result
        do throws(Failure) {
            result = try body()
        } catch {
            undoSavepoint()
            throw .body(error)
        }
        do throws(SQLiteError) {
            try run("RELEASE s")
        } catch {
            undoSavepoint()
            throw .database(error)
        }
        return result
    }

    private func undoSavepoint() {
        guard isTransactionOpen else { return }
        do throws(SQLiteError) {
            try run("ROLLBACK TO s")
            try run("RELEASE s")
        } catch {
            // What is left of the savepoint must not be committed by accident.
            _ = try? rollBack()
        }
    }
}

/// Why a transaction or savepoint did not happen.
package enum TransactionError<Failure: Error>: Error {
    /// SQLite could not begin or end it.
    case database(SQLiteError)
    /// What the body threw.
    case body(Failure)
}

extension TransactionError: Equatable where Failure: Equatable {}

extension TransactionError where Failure == SQLiteError {
    /// The error, whoever threw it.
    package var error: SQLiteError {
        switch self {
        case .database(let error), .body(let error): error
        }
    }
}

/// What a checkpoint moved.
package struct CheckpointResult: Equatable, Sendable {
    /// Another connection kept it from finishing.
    package let isPartial: Bool
    /// Pages in the write-ahead log.
    package let logPages: Int
    /// How many of these are in the database file now.
    package let movedPages: Int
}

extension Connection {
    /// How hard a checkpoint tries.
    package enum CheckpointMode: Sendable {
        /// Moves what it can and waits for nobody.
        case passive
        /// Waits for readers, then cuts the log to nothing.
        case truncate
    }

    /// Moves committed pages from the write-ahead log to the database file.
    ///
    /// - Precondition: No transaction of this connection is open.
    @discardableResult
    package func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> CheckpointResult {
        precondition(!isTransactionOpen)
        var (logPages, movedPages): (Int32, Int32) = (0, 0)
        let how = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
        let code = unsafe sqlite3_wal_checkpoint_v2(
            database.handle,
            nil,
            how,
            &logPages,
            &movedPages
        )
        if code != SQLITE_OK, code & 0xFF != SQLITE_BUSY {
            throw database.failure(code, "checkpoint")
        }
        return CheckpointResult(
            isPartial: code != SQLITE_OK || movedPages < logPages,
            logPages: Int(max(0, logPages)),
            movedPages: Int(max(0, movedPages))
        )
    }

    /// What SQLite finds wrong with the file; empty when nothing.
    package func integrityProblems() throws(SQLiteError) -> [String] {
        try rows("PRAGMA integrity_check(100)").compactMap { row in
            guard case .text(let text)? = row.first, text != "ok" else { return nil }
            return text
        }
    }
}
