// SQLite over SystemIO's seam: every byte of a database, its write-ahead log included, goes through
// a `FileSystem`, so that a test's disk tears it with everything else. SQLite calls such a layer a
// VFS; the methods are in `VFSMethods.swift`.
//
// Locks and the index of the write-ahead log ("shared memory") are kept in this process, so all
// connections to a file must go through one object of this class. Other processes are not kept
// out: the owner of the directory does that, by a lock of its own.

internal import CSQLite
internal import Synchronization
package import SystemIO

/// Gives SQLite the files of a ``FileSystem`` instead of the machine's.
@safe package final class FileSystemVFS: Sendable {
    struct State {
        /// Locks and shared memory, by path.
        var files: [String: VFSSharedFile] = [:]
        var nextTemporary = 0
        var entropy: UInt64
    }

    let disk: any FileSystem
    /// Where SQLite puts what it needs for a moment only.
    let temporaryFolder: String
    /// What SQLite knows it by, unique in this process.
    let name: String
    /// Guards locks, shared memory and counters; held for no input or output.
    let state: Mutex<State>

    /// SQLite's own record, which it keeps in a list until `deinit`.
    ///
    /// Set once and never changed: SQLite itself guards the list that it is in.
    private nonisolated(unsafe) let record: UnsafeMutablePointer<sqlite3_vfs>

    private static let counter = Atomic<UInt64>(0)

    /// `seed` is where the bytes that SQLite takes for random come from.
    package init(_ disk: any FileSystem, temporaryFolder: String = "/", seed: UInt64 = 1) {
        self.disk = disk
        self.temporaryFolder = temporaryFolder
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        name = "systemio-\(number)"
        state = Mutex(State(entropy: seed))
        unsafe record = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        unsafe record.initialize(to: VFSMethods.record())
        unsafe record.pointee.zName = UnsafePointer(Self.copy(name))
        unsafe record.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        let code = unsafe sqlite3_vfs_register(record, 0)
        precondition(code == SQLITE_OK, "SQLite refuses another VFS")
    }

    deinit {
        // Connections keep this object, so no file is open any more.
        unsafe sqlite3_vfs_unregister(record)
        unsafe UnsafeMutableRawPointer(mutating: record.pointee.zName).deallocate()
        unsafe record.deinitialize(count: 1)
        unsafe record.deallocate()
    }

    private static func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
        let characters = Array(text.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: characters.count)
        unsafe copy.initialize(from: characters, count: characters.count)
        return unsafe copy
    }

    /// The object behind SQLite's record.
    static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> FileSystemVFS {
        guard let data = unsafe vfs?.pointee.pAppData else {
            preconditionFailure("a VFS has lost its object")
        }
        return unsafe Unmanaged<FileSystemVFS>.fromOpaque(data).takeUnretainedValue()
    }

    /// Opens a file for SQLite; nil for `path`: one that goes when it is closed.
    func open(_ path: String?, flags: Int32) throws(SystemError) -> VFSFile {
        let isTemporary = path == nil
        let name = path ?? newTemporaryName()
        let isThere = try disk.exists(name)
        let mode: OpenMode
        if flags & SQLITE_OPEN_READWRITE == 0 {
            mode = .read
        } else if flags & SQLITE_OPEN_CREATE == 0 {
            mode = .readWrite
        } else {
            mode = flags & SQLITE_OPEN_EXCLUSIVE == 0 ? .createIfMissing : .createNew
        }
        let file = try disk.open(name, mode)
        // A journal's name must be durable when the journal is: as SQLite's own VFS does it.
        let isJournal = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0
        return VFSFile(
            vfs: self,
            file: file,
            path: name,
            isTemporary: isTemporary || flags & SQLITE_OPEN_DELETEONCLOSE != 0,
            namesUnsynced: isJournal && !isThere
        )
    }

    private func newTemporaryName() -> String {
        let number = state.withLock { state in
            state.nextTemporary += 1
            return state.nextTemporary
        }
        let folder = temporaryFolder.hasSuffix("/") ? temporaryFolder : temporaryFolder + "/"
        return folder + "sqlite-\(number).tmp"
    }

    /// Bytes that only have to differ from those before (SplitMix64; Steele, Lea, Flood 2014).
    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        state.withLock { state in
            for index in buffer.indices {
                state.entropy &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state.entropy
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                unsafe buffer[index] = UInt8(truncatingIfNeeded: mixed ^ (mixed >> 31))
            }
        }
    }
}
