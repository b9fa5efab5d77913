/// How a file is opened.
package enum OpenMode: Sendable {
    /// An existing file, for reading.
    case read
    /// An existing file, for reading and writing.
    case readWrite
    /// A file that must not exist yet.
    case createNew
    /// A file that may exist, with its contents.
    case createIfMissing
}

/// What is known of a name without opening it; symbolic links are followed.
package struct FileStatus: Equatable, Sendable {
    package var isDirectory: Bool
    /// A regular file: the only kind whose size says how much can be read.
    package var isPlain: Bool
    /// Bytes.
    package var size: Int
    /// With `inode`, the identity of the file on this machine.
    package var device: UInt64
    package var inode: UInt64
    /// The twelve low bits of the mode.
    package var permissions: UInt16

    package init(
        isDirectory: Bool,
        isPlain: Bool,
        size: Int,
        device: UInt64,
        inode: UInt64,
        permissions: UInt16
    ) {
        self.isDirectory = isDirectory
        self.isPlain = isPlain
        self.size = size
        self.device = device
        self.inode = inode
        self.permissions = permissions
    }
}

/// Room on the device that holds a path, in bytes and files.
package struct DiskSpace: Equatable, Sendable {
    package var total: UInt64
    /// What this process may still use.
    package var available: UInt64
    package var filesTotal: UInt64
    package var filesAvailable: UInt64

    package init(total: UInt64, available: UInt64, filesTotal: UInt64, filesAvailable: UInt64) {
        self.total = total
        self.available = available
        self.filesTotal = filesTotal
        self.filesAvailable = filesAvailable
    }
}

/// A lock that is held until this object is let go of, or the process ends.
package protocol FileLock: AnyObject, Sendable {
    func unlock()
}

/// The machine's files, or a test's.
///
/// Calls block. A name is durable only after ``synchronizeDirectory(_:)`` of its directory, and a
/// file's bytes after ``File/synchronizeData()``: neither implies the other.
package protocol FileSystem: Sendable {
    /// Opens a file; new ones are for the owner only unless `permissions` says otherwise.
    func open(
        _ path: String,
        _ mode: OpenMode,
        permissions: UInt16
    ) throws(SystemError) -> any File

    func makeDirectory(_ path: String, permissions: UInt16) throws(SystemError)

    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ path: String) throws(SystemError) -> [String]

    /// Gives a file another name at once, replacing one that has it.
    func rename(_ path: String, to newPath: String) throws(SystemError)

    func removeFile(_ path: String) throws(SystemError)

    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(SystemError)

    /// What `path` names, or nil if nothing.
    func status(_ path: String) throws(SystemError) -> FileStatus?

    /// Makes the names in a directory survive a power cut.
    func synchronizeDirectory(_ path: String) throws(SystemError)

    func space(at path: String) throws(SystemError) -> DiskSpace

    /// Takes the exclusive lock of a file, made if missing; nil when another holds it.
    func lock(_ path: String) throws(SystemError) -> (any FileLock)?
}

extension FileSystem {
    package func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
        try open(path, mode, permissions: 0o600)
    }

    package func makeDirectory(_ path: String) throws(SystemError) {
        try makeDirectory(path, permissions: 0o700)
    }

    package func exists(_ path: String) throws(SystemError) -> Bool { try status(path) != nil }

    /// Makes a directory and those above it; one that exists already is as good.
    ///
    /// What it makes is durable when it returns.
    package func makeDirectories(_ path: String) throws(SystemError) {
        if let status = try status(path), status.isDirectory { return }
        let parent = directory(of: path)
        if parent != path { try makeDirectories(parent) }
        do throws(SystemError) {
            try makeDirectory(path)
        } catch {
            // Another process may have been quicker.
            if !error.isExists { throw error }
            guard let status = try status(path), status.isDirectory else { throw error }
        }
        try synchronizeDirectory(parent)
    }

    /// Reads a file of at most `limit` bytes, or nil if there is none.
    ///
    /// - Throws: EFBIG when it is longer: what we wrote ourselves is never so long.
    package func readWholeFile(
        _ path: String,
        limit: Int = 64 << 20
    ) throws(SystemError) -> [UInt8]? {
        let file: any File
        do throws(SystemError) {
            file = try open(path, .read)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
        defer { file.close() }
        let size = try file.size()
        guard size <= limit else { throw SystemError.tooLarge(path) }
        return try file.read(count: size, at: 0)
    }

    /// Puts `bytes` in the place of a file: after a crash, the old contents or the new.
    ///
    /// They are durable when it returns. After a throw the old file is still in place, or after a
    /// failed sync of the directory perhaps the new one.
    package func writeFileAtomically(
        _ path: String,
        _ bytes: [UInt8],
        permissions: UInt16 = 0o600
    ) throws(SystemError) {
        let temporary = path + ".new"
        do throws(SystemError) {
            // A crash may have left one behind.
            try removeFile(temporary)
        } catch {
            if !error.isNotFound { throw error }
        }
        let file = try open(temporary, .createNew, permissions: permissions)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronize()
        try rename(temporary, to: path)
        try synchronizeDirectory(directory(of: path))
    }
}

/// The part of a path before its last slash: `.` or `/` where there is none.
package func directory(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
}
