internal import SystemIO
internal import Testing

@testable import SQLite

/// SQLite over a disk in memory, which forgets, fills and fails.
@Suite struct FileSystemVFSTests {
    private func open(
        _ files: FileSystemVFS,
        _ durability: ConnectionOptions.Durability = .full
    ) throws -> Connection {
        var options = ConnectionOptions()
        options.files = files
        options.durability = durability
        options.automaticCheckpointPages = 0
        return try Connection("/db", options)
    }

    private func numbers(_ connection: Connection) throws -> [Int64] {
        try connection.rows("SELECT n FROM t ORDER BY n").map { row in
            guard case .integer(let number)? = row.first else { return -1 }
            return number
        }
    }

    @Test func everythingLiesOnTheDiskThatWasGiven() throws {
        let disk = InMemoryFileSystem()
        let connection = try open(FileSystemVFS(disk))
        try connection.execute("CREATE TABLE t(n); INSERT INTO t VALUES (1), (2)")
        #expect(try disk.list("/") == ["db", "db-wal"])
        try connection.checkpoint(.truncate)
        #expect(try disk.status("/db")?.size ?? 0 > 4096)
        #expect(try connection.integrityProblems() == [])
    }

    @Test func aReaderKeepsItsSnapshotWhileAnotherWrites() throws {
        let files = FileSystemVFS(InMemoryFileSystem())
        let writer = try open(files)
        try writer.execute("CREATE TABLE t(n); INSERT INTO t VALUES (1)")
        let reader = try open(files)
        try reader.begin(.read)
        #expect(try numbers(reader) == [1])
        try writer.execute("INSERT INTO t VALUES (2)")
        #expect(try writer.checkpoint(.passive).isPartial)
        #expect(try numbers(reader) == [1])
        try reader.commit()
        #expect(try numbers(reader) == [1, 2])
        #expect(try !writer.checkpoint(.truncate).isPartial)
    }

    @Test func twoWritersExcludeEachOther() throws {
        let files = FileSystemVFS(InMemoryFileSystem())
        let first = try open(files)
        let second = try open(files)
        try first.execute("CREATE TABLE t(n)")
        try first.begin()
        #expect {
            try second.begin()
        } throws: { ($0 as? SQLiteError)?.isBusy ?? false }
        try first.rollBack()
        try second.begin()
        try second.commit()
    }

    /// Each commit survives a power cut at any later step, whole and in order.
    @Test func aPowerCutLeavesAPrefixOfTheCommits() throws {
        let disk = InMemoryFileSystem()
        var connection: Connection? = try open(FileSystemVFS(disk))
        try connection?.execute("CREATE TABLE t(n, filler)")
        try connection?.checkpoint(.truncate)
        disk.record(oneIn: 1, seed: 1)
        var points = 0
        for number in 1...12 {
            try connection?.execute(
                "INSERT INTO t VALUES (\(number), zeroblob(\(number * 700)))"
            )
            if number % 4 == 0 { try connection?.checkpoint(.passive) }
            for (index, image) in disk.takeRecorded().enumerated() {
                let after = image.crash(seed: UInt64(number * 1000 + index))
                let reopened = try open(FileSystemVFS(after))
                let found = try numbers(reopened)
                let least = Array(1..<Int64(number))
                #expect(found == least || found == least + [Int64(number)])
                #expect(try reopened.integrityProblems() == [])
                points += 1
            }
        }
        #expect(points > 40)
        connection = nil
    }

    /// The same disk, with syncs that do nothing, loses commits: the test above can fail.
    @Test func aDiskThatLiesAboutSyncsLosesCommits() throws {
        let disk = InMemoryFileSystem()
        disk.faults.syncsLie = true
        let connection = try open(FileSystemVFS(disk))
        try connection.execute("CREATE TABLE t(n); INSERT INTO t VALUES (1)")
        let after = try open(FileSystemVFS(disk.crash(seed: 0)))
        #expect(throws: SQLiteError.self) { try numbers(after) }
    }

    @Test func faultsOfTheDiskAreToldByTheirKind() throws {
        let disk = InMemoryFileSystem()
        let connection = try open(FileSystemVFS(disk))
        try connection.execute("CREATE TABLE t(n)")
        disk.faults.growthsUntilFull = 0
        #expect {
            try connection.execute("INSERT INTO t VALUES (zeroblob(9000))")
        } throws: { ($0 as? SQLiteError)?.isFull ?? false }
        disk.faults = DiskFaults()
        disk.faults.writesUntilFailure = 0
        #expect {
            try connection.execute("INSERT INTO t VALUES (zeroblob(9000))")
        } throws: { ($0 as? SQLiteError)?.isDeviceFailure ?? false }
        disk.faults = DiskFaults()
        disk.faults.syncsUntilFailure = 0
        #expect {
            try connection.execute("INSERT INTO t VALUES (3)")
        } throws: { ($0 as? SQLiteError)?.isDeviceFailure ?? false }
    }

    @Test func whatSpillsGoesToTheDiskAndLeavesIt() throws {
        let disk = InMemoryFileSystem()
        let connection = try open(FileSystemVFS(disk))
        try connection.execute("CREATE TABLE t(n UNIQUE); PRAGMA cache_size = 1")
        try connection.begin()
        // A statement that fails late, after more pages than memory holds, is undone by a journal
        // of its own.
        try connection.execute(
            """
            WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)
            INSERT INTO t SELECT n FROM c
            """
        )
        #expect(throws: SQLiteError.self) {
            try connection.execute("UPDATE t SET n = CASE WHEN n > 1 THEN n + 7000 ELSE 9000 END")
        }
        #expect(try numbers(connection).count == 5000)
        try connection.commit()
        #expect(try disk.list("/").allSatisfy { $0.hasPrefix("db") })
    }

    @Test func locksOfAFileExcludeAsSQLiteExpects() {
        let file = VFSSharedFile()
        let (one, two) = (VFSHandle(), VFSHandle())
        #expect(file.lock(one, 1) && file.lock(two, 1))
        #expect(file.lock(one, 2) && file.isReserved)
        #expect(!file.lock(two, 2))
        // Exclusive waits for the other reader, and lets no new one in.
        #expect(!file.lock(one, 4))
        file.unlock(two, 0)
        #expect(!file.lock(two, 1))
        #expect(file.lock(one, 4))
        file.forget(one)
        #expect(file.lock(two, 1) && !file.isReserved)
    }

    /// Seed 11 of the volume's crash harness: commits that a failed sync left in the kernel's
    /// memory are read by the next process, and were put before later, durable ones.
    @Test func aLogWhoseSyncFailedIsSecuredBeforeItIsUsed() throws {
        let disk = InMemoryFileSystem()
        var connection: Connection? = try open(FileSystemVFS(disk))
        try connection?.execute("CREATE TABLE t(n)")
        disk.faults.syncsUntilFailure = 0
        #expect(throws: SQLiteError.self) {
            try connection?.execute("INSERT INTO t VALUES (1)")
        }
        let killed = disk.kill()
        connection = nil
        func crash(_ disk: InMemoryFileSystem, secures: Bool) throws -> [Int64] {
            let files = FileSystemVFS(disk)
            if secures { try Connection.secureLog(of: "/db", files) }
            let next = try open(files)
            #expect(try numbers(next) == [1])
            try next.execute("INSERT INTO t VALUES (2)")
            return try numbers(try open(FileSystemVFS(disk.crash(seed: 0))))
        }
        #expect(try crash(killed.kill(), secures: false) == [])
        #expect(try crash(killed.kill(), secures: true) == [1, 2])
    }
}
