import SystemIO

/// A file system that does not do what some of its calls promise: tests must notice.
struct BrokenFileSystem: FileSystem {
    let disk: InMemoryFileSystem
    /// Files whose syncs do nothing.
    var skipsSync: @Sendable (String) -> Bool = { _ in false }
    var skipsDirectorySync = false

    func open(
        _ path: String,
        _ mode: OpenMode,
        permissions: UInt16
    ) throws(SystemError) -> any File {
        let file = try disk.open(path, mode, permissions: permissions)
        return skipsSync(path) ? UnsyncedFile(file) : file
    }

    func makeDirectory(_ path: String, permissions: UInt16) throws(SystemError) {
        try disk.makeDirectory(path, permissions: permissions)
    }

    func list(_ path: String) throws(SystemError) -> [String] { try disk.list(path) }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try disk.rename(path, to: newPath)
    }

    func removeFile(_ path: String) throws(SystemError) { try disk.removeFile(path) }

    func removeDirectory(_ path: String) throws(SystemError) { try disk.removeDirectory(path) }

    func status(_ path: String) throws(SystemError) -> FileStatus? { try disk.status(path) }

    func synchronizeDirectory(_ path: String) throws(SystemError) {
        if !skipsDirectorySync { try disk.synchronizeDirectory(path) }
    }

    func space(at path: String) throws(SystemError) -> DiskSpace { try disk.space(at: path) }

    func lock(_ path: String) throws(SystemError) -> (any FileLock)? { try disk.lock(path) }
}

/// A file whose syncs do nothing.
final class UnsyncedFile: File {
    private let file: any File
    var path: String { file.path }

    init(_ file: any File) { self.file = file }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        try unsafe file.read(into: buffer, at: offset)
    }

    func write(gathering parts: [UnsafeRawBufferPointer], at offset: Int) throws(SystemError) {
        try unsafe file.write(gathering: parts, at: offset)
    }

    func synchronizeData() {}
    func synchronize() {}
    func truncate(to size: Int) throws(SystemError) { try file.truncate(to: size) }
    func allocate(upTo size: Int) throws(SystemError) { try file.allocate(upTo: size) }
    func size() throws(SystemError) -> Int { try file.size() }
    func close() { file.close() }
}
