internal import SQLite
internal import TestSupport
internal import Testing

@Suite struct TransactionTests {
    private enum Refusal: Error, Equatable { case no }

    private static func connection(_ path: String = ":memory:") throws -> Connection {
        let connection = try Connection(path)
        try connection.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v ANY)")
        return connection
    }

    private static func keys(_ connection: Connection) throws -> [Int64] {
        try connection.rows("SELECT k FROM t ORDER BY k").map { row in
            guard case .integer(let key) = row[0] else { return -1 }
            return key
        }
    }

    @Test func aTransactionHappensWhollyOrNotAtAll() throws {
        let connection = try Self.connection()
        try connection.transaction { () throws(SQLiteError) in
            try connection.run("INSERT INTO t VALUES(1, 0)")
            try connection.run("INSERT INTO t VALUES(2, 0)")
            #expect(connection.isTransactionOpen)
        }
        #expect(!connection.isTransactionOpen)
        expect(\.isConstraint) { () throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                try connection.run("INSERT INTO t VALUES(3, 0)")
                try connection.run("INSERT INTO t VALUES(1, 0)")
            }
        }
        #expect(throws: TransactionError<Refusal>.body(.no)) {
            try connection.transaction { () throws(Refusal) in
                do throws(SQLiteError) { try connection.run("INSERT INTO t VALUES(4, 0)") } catch {
                    Issue.record("\(error)")
                }
                throw .no
            }
        }
        #expect(!connection.isTransactionOpen)
        #expect(try Self.keys(connection) == [1, 2])
    }

    @Test func savepointsNestAndUndoOnlyThemselves() throws {
        let connection = try Self.connection()
        try connection.begin()
        try connection.savepoint { () throws(SQLiteError) in
            try connection.run("INSERT INTO t VALUES(1, 0)")
            do throws(TransactionError<Refusal>) {
                try connection.savepoint { () throws(Refusal) in
                    do throws(SQLiteError) {
                        try connection.run("INSERT INTO t VALUES(2, 0)")
                    } catch { Issue.record("\(error)") }
                    throw .no
                }
            } catch { #expect(error == .body(.no)) }
            try connection.run("INSERT INTO t VALUES(3, 0)")
        }
        #expect(connection.isTransactionOpen)
        try connection.commit()
        #expect(try Self.keys(connection) == [1, 3])
        try connection.begin()
        try connection.run("INSERT INTO t VALUES(4, 0)")
        try connection.rollBack()
        try connection.rollBack()
        #expect(try Self.keys(connection) == [1, 3])
    }

    @Test func aReaderKeepsItsSnapshot() throws {
        try Scratch.with { scratch in
            let writer = try Self.connection(scratch.path + "/db")
            try writer.run("INSERT INTO t VALUES(1, 0)")
            let reader = try Connection(scratch.path + "/db")
            try reader.begin(.read)
            #expect(try Self.keys(reader) == [1])
            try writer.run("INSERT INTO t VALUES(2, 0)")
            #expect(try Self.keys(reader) == [1])
            #expect(try writer.checkpoint(.passive).isPartial)
            try reader.commit()
            #expect(try Self.keys(reader) == [1, 2])
        }
    }

    @Test func aSecondWriterIsTurnedAway() throws {
        try Scratch.with { scratch in
            let first = try Self.connection(scratch.path + "/db")
            var options = ConnectionOptions()
            options.busyTimeout = 0
            let second = try Connection(scratch.path + "/db", options)
            try first.begin()
            expect(\.isBusy) { () throws(SQLiteError) in try second.begin() }
            #expect(!second.isTransactionOpen)
            try first.commit()
            try second.begin()
            try second.rollBack()
        }
    }

    /// A full disk is imitated by a bound on the file's pages, which gives the same error.
    @Test func aFullDiskIsCalledSoAndTheStateIsKnown() throws {
        let connection = try Self.connection()
        try connection.execute("PRAGMA max_page_count = 20")
        try connection.begin()
        try connection.run("INSERT INTO t VALUES(1, 0)")
        var key: Int64 = 2
        var failure: SQLiteError?
        while failure == nil {
            do throws(SQLiteError) {
                try connection.run("INSERT INTO t VALUES(?, zeroblob(4000))", .integer(key))
                key += 1
            } catch { failure = error }
        }
        #expect(failure?.isFull == true)
        #expect(key > 5)
        // SQLite says itself whether the transaction lives; both answers agree with its rows.
        if connection.isTransactionOpen {
            try connection.commit()
            #expect(try Self.keys(connection).count == Int(key) - 1)
        } else {
            #expect(try Self.keys(connection) == [])
        }
    }
}
