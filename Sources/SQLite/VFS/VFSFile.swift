internal import CSQLite
internal import Synchronization
internal import SystemIO

/// A file that SQLite has open.
///
/// Used by one connection, and so by one thread at a time.
final class VFSFile {
    let vfs: FileSystemVFS
    let file: any File
    private let path: String
    private let isTemporary: Bool
    /// The name of a new journal, which the first sync makes durable too.
    private var namesUnsynced: Bool
    /// What this handle holds of the locks of its path.
    let handle: VFSHandle

    init(
        vfs: FileSystemVFS,
        file: any File,
        path: String,
        isTemporary: Bool,
        namesUnsynced: Bool
    ) {
        self.vfs = vfs
        self.file = file
        self.path = path
        self.isTemporary = isTemporary
        self.namesUnsynced = namesUnsynced
        handle = VFSHandle()
    }

    /// Gives the file and its locks back.
    func close() {
        shared { $0.forget(handle) }
        file.close()
        // SQLite has no use for it any more, so one that stays is only in the way.
        if isTemporary { _ = try? vfs.disk.removeFile(path) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int32 {
        let count: Int
        do throws(SystemError) {
            count = try unsafe file.read(into: buffer, at: Int(offset))
        } catch {
            return VFSCode.read
        }
        if count == buffer.count { return SQLITE_OK }
        // SQLite takes what is beyond the end for zeros.
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            .initializeMemory(as: UInt8.self, repeating: 0)
        return VFSCode.shortRead
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Int32 {
        do throws(SystemError) {
            try unsafe file.write(bytes, at: Int(offset))
            return SQLITE_OK
        } catch {
            return error.isNoSpace ? SQLITE_FULL : VFSCode.write
        }
    }

    func truncate(to size: Int64) -> Int32 {
        do throws(SystemError) {
            try file.truncate(to: Int(size))
            return SQLITE_OK
        } catch {
            return VFSCode.truncate
        }
    }

    func synchronize() -> Int32 {
        do throws(SystemError) {
            try file.synchronizeData()
            if namesUnsynced {
                try vfs.disk.synchronizeDirectory(directory(of: path))
                namesUnsynced = false
            }
            return SQLITE_OK
        } catch {
            return VFSCode.sync
        }
    }

    func size() -> Int64? {
        do throws(SystemError) { return Int64(try file.size()) } catch { return nil }
    }

    /// Runs `body` with what all handles of this path share.
    func shared<Result: Sendable>(_ body: (VFSSharedFile) -> Result) -> Result {
        vfs.state.withLock { state in
            let shared: VFSSharedFile
            if let known = state.files[path] {
                shared = known
            } else {
                shared = VFSSharedFile()
                state.files[path] = shared
            }
            return body(shared)
        }
    }
}

/// Result codes of SQLite that its header makes by macros which Swift does not see.
enum VFSCode {
    static let read = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let write = SQLITE_IOERR | 3 << 8
    static let sync = SQLITE_IOERR | 4 << 8
    static let truncate = SQLITE_IOERR | 6 << 8
    static let size = SQLITE_IOERR | 7 << 8
    static let delete = SQLITE_IOERR | 10 << 8
    static let access = SQLITE_IOERR | 13 << 8
    static let sharedMemory = SQLITE_IOERR | 21 << 8
    static let notThere = SQLITE_IOERR | 23 << 8
}
