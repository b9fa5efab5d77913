// Loads checkpoints into the database of a mount that follows (`Docs/Formats/follower.md`). All of
// one is one transaction, on a connection of its own: those who read see the checkpoint before,
// whole, until they ask for the next, and a crash leaves one or the other.

internal import Codec
internal import SQLite
internal import Synchronization
internal import VolumeFormat

/// The writing side of a follower's database.
final class CheckpointLoader: Sendable {
    /// Guards the connection; calls block, and come one after another.
    private let tables: Mutex<LoadedTables>

    /// Opens the database, made if missing.
    ///
    /// No edition is known to anybody then, and nothing is open.
    init(_ path: String, files: FileSystemVFS? = nil) throws(VolumeError) {
        do throws(SQLiteError) {
            let tables = try LoadedTables(path, files)
            try tables.begin()
            try tables.forgetEditions()
            try tables.removeDying()
            try tables.commit()
            self.tables = Mutex(tables)
        } catch {
            throw VolumeError(error)
        }
    }

    func work<Result: Sendable>(
        _ body: (LoadedTables) throws(SQLiteError) -> Result
    ) throws(VolumeError) -> Result {
        try tables.withLock { (tables) throws(VolumeError) in
            do throws(SQLiteError) { return try body(tables) } catch { throw VolumeError(error) }
        }
    }

    /// The checkpoint that was loaded last.
    func head() throws(CheckpointError) -> PublishedHead? {
        let bytes = try volume { () throws(VolumeError) in
            try work { (tables) throws(SQLiteError) in
                try tables.local("user." + PublishedHead.localName)
            }
        }
        guard let bytes else { return nil }
        guard let head = try? PublishedHead(bcsBytes: bytes) else {
            throw .damagedState(PublishedHead.localName)
        }
        // A newer program may have loaded it.
        try format { () throws(VolumeFormatError) in
            try head.manifest.features.verifyReadable()
        }
        return head
    }

    /// Begins a checkpoint; what an attempt before it left is undone.
    ///
    /// `isAnythingKept`: a file is open as an older checkpoint had it, and its place stays.
    func begin(isAnythingKept: Bool) throws(VolumeError) {
        try work { (tables) throws(SQLiteError) in
            try tables.rollBack()
            try tables.begin()
            if !isAnythingKept { try tables.removeDying() }
        }
    }

    func rollBack() throws(VolumeError) {
        try work { (tables) throws(SQLiteError) in try tables.rollBack() }
    }

    /// Makes a list of all rows that are here, without those in leaves that the base has too.
    ///
    /// Rows that ``put(_:)`` gets leave the list; ``removeListed()`` removes what is on it.
    ///
    /// - Returns: The entries of the base that are not here.
    func compare(
        with entries: [RunIndex.Entry],
        keys: VolumeKeys
    ) throws(VolumeError) -> [RunIndex.Entry] {
        try work { (tables) throws(SQLiteError) in try tables.compare(with: entries, keys: keys) }
    }

    func removeListed() throws(VolumeError) {
        try checked { (tables) throws(LoadError) in try tables.removeListed() }
    }

    /// Puts rows of a base or a delta.
    func put(_ rows: [RowImage]) throws(VolumeError) {
        try checked { (tables) throws(LoadError) in
            for row in rows { try tables.put(row) }
        }
    }

    private func checked(
        _ body: (LoadedTables) throws(LoadError) -> Void
    ) throws(VolumeError) {
        try tables.withLock { (tables) throws(VolumeError) in
            do throws(LoadError) {
                try body(tables)
            } catch {
                switch error {
                case .database(let error): throw VolumeError(error)
                case .row(let what): throw .corrupt(what)
                }
            }
        }
    }

    /// Moves what was committed into the database's file, as far as nobody reads before it.
    func tidy() throws(VolumeError) {
        try work { (tables) throws(SQLiteError) in try tables.checkpoint() }
    }

    /// Ends the checkpoint; it is what is seen from now on by who asks for the newest.
    func finish(_ head: PublishedHead) throws(VolumeError) -> CheckpointChanges {
        try work { (tables) throws(SQLiteError) in try tables.finish(head) }
    }
}

/// Why a row was not loaded.
enum LoadError: Error {
    case database(SQLiteError)
    /// It is none that a checkpoint can have.
    case row(String)
}
