internal import SystemIO

/// The files of a view, with those that SQLite keeps beside them, under names of one directory.
struct ViewFiles {
    private static let suffixes = ["", "-wal", "-shm"]

    let disk: any FileSystem
    /// The database in use.
    let path: String

    /// Where one is made.
    var newPath: String { path + ".new" }
    /// Where the one that was replaced is kept.
    var damagedPath: String { path + ".damaged" }

    /// Removes what an earlier attempt left.
    func removeNew() throws(SystemError) { try remove(newPath) }

    private func remove(_ path: String) throws(SystemError) {
        for suffix in Self.suffixes where try disk.exists(path + suffix) {
            try disk.removeFile(path + suffix)
        }
    }

    /// Puts the new view in the place of the old one, which is kept beside it.
    ///
    /// A crash on the way leaves one of them or none; with none, the volume is refused until the
    /// view is made anew once more.
    func replace() throws(SystemError) {
        try remove(damagedPath)
        // The database goes first: SQLite takes a write-ahead log without one for old.
        for suffix in Self.suffixes where try disk.exists(path + suffix) {
            try disk.rename(path + suffix, to: damagedPath + suffix)
        }
        try disk.synchronizeDirectory(directory(of: path))
        try disk.rename(newPath, to: path)
        try disk.synchronizeDirectory(directory(of: path))
    }
}
