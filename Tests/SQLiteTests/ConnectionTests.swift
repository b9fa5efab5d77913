internal import SQLite
internal import TestSupport
internal import Testing

@Suite struct ConnectionTests {
    private static let table = "CREATE TABLE t(k INTEGER PRIMARY KEY, v ANY) STRICT"

    @Test func everyKindOfValueComesBack() throws {
        let connection = try Connection(":memory:")
        try connection.execute(Self.table)
        let values: [Value] = [
            .null, .integer(.min), .integer(.max), .real(1.5), .text(""), .text("a\u{0}b é"),
            .blob([]), .blob([0, 1, 255]), .blob([UInt8](repeating: 7, count: 100_000)),
        ]
        for (key, value) in values.enumerated() {
            try connection.run("INSERT INTO t VALUES(?, ?)", .integer(Int64(key)), value)
            #expect(connection.changes == 1)
            #expect(connection.lastInsertedRow == Int64(key))
        }
        #expect(try connection.rows("SELECT v FROM t ORDER BY k").map { $0[0] } == values)
    }

    @Test func aStatementIsUsedManyTimes() throws {
        let connection = try Connection(":memory:")
        try connection.execute(Self.table)
        let insert = try connection.prepare("INSERT INTO t VALUES(?, ?)")
        let select = try connection.prepare("SELECT v, v IS NULL FROM t WHERE k = ?")
        for key in 0..<100 {
            try insert.bind(key, at: 0)
            try insert.bind([UInt8(key)], at: 1)
            try insert.run()
        }
        for key in 0..<100 {
            try select.bind(UInt64(key), at: 0)
            #expect(try select.step())
            #expect(select.blob(at: 0) == [UInt8(key)])
            #expect(!select.isNull(at: 0))
            #expect(select.integer(at: 1) == 0)
            select.reset()
        }
        try select.bind(100, at: 0)
        #expect(try select.step() == false)
        #expect(try select.single() == nil)
        let all = try connection.prepare("SELECT k FROM t ORDER BY k")
        var seen: [Int64] = []
        try all.forEachRow { row throws(SQLiteError) in
            seen.append(row.integer(at: 0))
            return seen.count < 3
        }
        #expect(seen == [0, 1, 2])
    }

    @Test func aStatementKeepsItsDatabaseOpen() throws {
        var connection: Connection? = try Connection(":memory:")
        let statement = try #require(connection).prepare("SELECT 5")
        connection = nil
        #expect(try statement.single() == .integer(5))
    }

    @Test func errorsSayWhatTheyAre() throws {
        try Scratch.with { scratch in
            let connection = try Connection(scratch.path + "/db")
            try connection.execute("CREATE TABLE u(k INTEGER PRIMARY KEY)")
            try connection.run("INSERT INTO u VALUES(1)")
            expect(\.isConstraint) { () throws(SQLiteError) in
                try connection.run("INSERT INTO u VALUES(1)")
            }
            expect(\.isCannotOpen) { () throws(SQLiteError) in
                _ = try Connection(scratch.path + "/none/db")
            }
            #expect(throws: SQLiteError.self) { try connection.execute("NONSENSE") }
            var options = ConnectionOptions()
            options.access = .readOnly
            let reader = try Connection(scratch.path + "/db", options)
            #expect(throws: SQLiteError.self) { try reader.run("INSERT INTO u VALUES(2)") }
            #expect(try reader.rows("SELECT k FROM u") == [[.integer(1)]])
            #expect(try connection.integrityProblems() == [])
        }
    }

    @Test func aDamagedFileIsCalledSo() throws {
        try Scratch.with { scratch in
            let path = scratch.path + "/db"
            let bytes = [UInt8](repeating: 0x5A, count: 8192)
            try LinuxFiles.write(bytes, to: path)
            expect(\.isCorrupt) { () throws(SQLiteError) in _ = try Connection(path) }
        }
    }

    @Test(arguments: [ConnectionOptions.Durability.normal, .full])
    func durabilityIsWhatWasAsked(durability: ConnectionOptions.Durability) throws {
        try Scratch.with { scratch in
            var options = ConnectionOptions()
            options.durability = durability
            options.automaticCheckpointPages = 0
            let connection = try Connection(scratch.path + "/db", options)
            #expect(try connection.rows("PRAGMA synchronous") == [[.integer(durability.rawValue)]])
            #expect(try connection.rows("PRAGMA journal_mode") == [[.text("wal")]])
            #expect(try connection.rows("PRAGMA wal_autocheckpoint") == [[.integer(0)]])
        }
    }

    @Test func aCheckpointEmptiesTheLog() throws {
        try Scratch.with { scratch in
            var options = ConnectionOptions()
            options.automaticCheckpointPages = 0
            let connection = try Connection(scratch.path + "/db", options)
            try connection.execute(Self.table)
            for key in 0..<50 {
                try connection.run(
                    "INSERT INTO t VALUES(?, zeroblob(4000))",
                    .integer(Int64(key))
                )
            }
            #expect(try LinuxFiles.size(scratch.path + "/db-wal") > 200_000)
            let moved = try connection.checkpoint(.passive)
            #expect(!moved.isPartial)
            #expect(moved.movedPages > 50)
            #expect(try connection.checkpoint(.truncate).isPartial == false)
            #expect(try LinuxFiles.size(scratch.path + "/db-wal") == 0)
        }
    }
}

/// Expects that `body` throws an error of which `condition` holds.
func expect(
    _ condition: KeyPath<SQLiteError, Bool>,
    _ body: () throws(SQLiteError) -> Void
) {
    do throws(SQLiteError) {
        try body()
        Issue.record("nothing was thrown")
    } catch {
        #expect(error[keyPath: condition], "\(error)")
    }
}
