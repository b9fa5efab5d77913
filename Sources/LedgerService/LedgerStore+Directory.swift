package import BlobModel
internal import Codec
package import Ledger
package import SQLite
package import SystemIO

// Making and opening.
extension LedgerStore {
    /// Makes a ledger in `directory`, which is made too.
    ///
    /// A crash leaves nothing that counts as a ledger; the same call then starts anew.
    package static func create(
        _ directory: String,
        genesis: Genesis,
        in files: some FileSystem,
        databaseFiles: FileSystemVFS? = nil
    ) throws(LedgerStoreError) -> LedgerStore {
        let lock = try prepare(directory, in: files)
        if try DirectoryFormat.check(directory, network: nil, in: files) != nil {
            throw .exists(path: directory)
        }
        try removeUnfinished(directory, in: files, databaseFiles)
        let connection: Connection
        do throws(SQLiteError) {
            var options = ConnectionOptions()
            options.files = databaseFiles
            connection = try Connection(directory + "/" + databaseName, options)
            try install(genesis, in: connection)
            try connection.checkpoint(.truncate)
        } catch {
            throw translated(error, directory)
        }
        do throws(SystemError) {
            try files.synchronizeDirectory(directory)
        } catch {
            throw .failed(error.description)
        }
        try DirectoryFormat(network: genesis.networkID).write(to: directory, in: files)
        return try LedgerStore(
            path: directory,
            connection: connection,
            genesis: genesis,
            lock: lock
        )
    }

    /// Opens the ledger in `directory`, and refuses one of another network than `network`.
    package static func open(
        _ directory: String,
        network: NetworkID? = nil,
        in files: some FileSystem,
        databaseFiles: FileSystemVFS? = nil
    ) throws(LedgerStoreError) -> LedgerStore {
        guard let format = try DirectoryFormat.check(directory, network: network, in: files)
        else { throw .missing(path: directory) }
        let lock = try prepare(directory, in: files)
        let connection: Connection
        let stored: Value?
        do throws(SQLiteError) {
            var options = ConnectionOptions()
            options.access = .readWrite
            options.files = databaseFiles
            connection = try Connection(directory + "/" + databaseName, options)
            stored = try connection.prepare(
                "SELECT value FROM meta WHERE key = 'genesis'"
            ).single()
        } catch {
            // A database that is not there, or has no tables, was lost, not yet to be made.
            throw .damaged(path: directory, error.description)
        }
        guard case .blob(let bytes)? = stored, let genesis = try? Genesis(bcsBytes: bytes)
        else { throw .damaged(path: directory, "the genesis can not be read") }
        guard genesis.networkID.description == format.network else {
            throw .damaged(path: directory, "the genesis is of another network")
        }
        return try LedgerStore(
            path: directory,
            connection: connection,
            genesis: genesis,
            lock: lock
        )
    }

    private static func prepare(
        _ directory: String,
        in files: some FileSystem
    ) throws(LedgerStoreError) -> any FileLock {
        do throws(SystemError) {
            try files.makeDirectories(directory)
            if let lock = try files.lock(directory + "/lock") { return lock }
        } catch {
            throw .failed(error.description)
        }
        throw .locked(path: directory)
    }

    /// Clears what a crash in `create` left; a database with blocks in it is no such thing.
    private static func removeUnfinished(
        _ directory: String,
        in files: some FileSystem,
        _ databaseFiles: FileSystemVFS?
    ) throws(LedgerStoreError) {
        let path = directory + "/" + databaseName
        do {
            guard try files.exists(path) else { return }
            if try hasBlocks(path, databaseFiles) {
                throw LedgerStoreError.damaged(
                    path: directory,
                    "\(DirectoryFormat.name) is missing"
                )
            }
            for suffix in ["", "-wal", "-shm"] where try files.exists(path + suffix) {
                try files.removeFile(path + suffix)
            }
        } catch let error as LedgerStoreError {
            throw error
        } catch {
            throw .failed("\(error)")
        }
    }

    private static func hasBlocks(
        _ path: String,
        _ databaseFiles: FileSystemVFS?
    ) throws -> Bool {
        var options = ConnectionOptions()
        options.files = databaseFiles
        options.access = .readWrite
        // What is no database, or has no such table, has no blocks.
        guard let connection = try? Connection(path, options),
            let first = try? connection.prepare("SELECT height FROM blocks LIMIT 1").single()
        else { return false }
        return first != .null
    }
}
