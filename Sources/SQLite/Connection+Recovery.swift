package import SystemIO

extension Connection {
    /// Writes the write-ahead log of a database once more, as it is, and syncs it; before any
    /// connection is open.
    ///
    /// If a sync of it failed in a process that is gone, the kernel takes its pages for clean
    /// although the disk never saw them. SQLite would read them as committed, sync nothing, and
    /// put later commits behind a hole, or move them to the database with nothing to repeat it
    /// from. A database that was closed in order has no such log.
    package static func secureLog(
        of path: String,
        _ files: FileSystemVFS? = nil
    ) throws(SystemError) {
        let disk: any FileSystem = files?.disk ?? LinuxFileSystem()
        let log = path + "-wal"
        guard let status = try disk.status(log), status.size > 0 else { return }
        let file = try disk.open(log, .readWrite)
        defer { file.close() }
        let step = 1 << 20
        for offset in stride(from: 0, to: status.size, by: step) {
            let count = min(step, status.size - offset)
            try file.write(try file.read(count: count, at: offset), at: offset)
        }
        try file.synchronizeData()
        try disk.synchronizeDirectory(directory(of: path))
    }
}
