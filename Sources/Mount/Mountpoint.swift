internal import CFuse
internal import Glibc
internal import SystemIO

/// A directory that a volume is, or is to be, mounted on.
package struct Mountpoint: Equatable, Sendable {
    /// The absolute path, symbolic links resolved save in the last name: what the mount table says.
    package let path: String

    /// Finds the mountpoint's name without touching what is mounted there, which may be dead.
    package init(_ path: String) {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        if let resolved = Self.resolve(trimmed) {
            self.path = resolved
            return
        }
        // What is there can not be asked (ENOTCONN), or is not there: its parent can.
        let slash = trimmed.lastIndex(of: "/")
        let parent = slash.map { String(trimmed[..<$0]) } ?? "."
        let name = slash.map { String(trimmed[trimmed.index(after: $0)...]) } ?? trimmed
        let resolved = Self.resolve(parent.isEmpty ? "/" : parent) ?? parent
        self.path = resolved == "/" ? "/" + name : resolved + "/" + name
    }

    /// A mountpoint that the mount table names.
    package init(tablePath path: String) { self.path = path }

    /// realpath(3), or nil if that fails.
    static func resolve(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// What the mount that `path` is in says of itself, or nil: none of ours, or dead.
    ///
    /// `name` is one of ``MountOptions/attributes``.
    package static func attribute(_ name: String, of path: String) -> String? {
        var value = [UInt8](repeating: 0, count: 4096)
        let room = value.count
        let count = unsafe value.withUnsafeMutableBytes { buffer in
            unsafe getxattr(path, name, buffer.baseAddress, room)
        }
        return count < 0 ? nil : String(decoding: value[..<count], as: UTF8.self)
    }

    /// Makes sure that a volume can be mounted here, and removes what a crash left.
    ///
    /// `ownDirectories` are those that the mount itself will read and write: a mountpoint in one
    /// of them, or above one, would hide it from the mount, which then waits for itself for ever.
    ///
    /// State after a throw: as before, save that dead mounts of ours are gone.
    package func prepare(ownDirectories: [String]) throws(MountError) {
        for directory in ownDirectories {
            let directory = Self.resolve(directory) ?? directory
            guard contains(path, in: directory) || contains(directory, in: path) else { continue }
            throw .overOwnState(path, directory: directory)
        }
        var status = stat()
        // Dead mounts may lie one on another, but not without end.
        for _ in 0..<16 {
            if unsafe lstat(path, &status) == 0, isAlive() { return try check(status) }
            switch errno {
            case ENOTCONN, ECONNABORTED: try removeDead()
            case ENOENT, ENOTDIR: throw .missing(path)
            case EACCES, EPERM: throw .notPermitted(path)
            case let code:
                throw .failed("\(SystemError(operation: "lstat", code: code, path: path))")
            }
        }
        throw .busy(path)
    }

    /// Whether a mount of ours, if there is one, is served; if not, errno says how it is dead.
    ///
    /// The kernel answers lstat(2) from its cache also for a process that was just killed, and
    /// opens the directory without asking; but statfs(2) it has to ask that process, or the nobody
    /// that is left of it.
    private func isAlive() -> Bool {
        guard let there = MountTable.entry(at: path), there.isOurs else { return true }
        var statistics = statvfs()
        if unsafe statvfs(path, &statistics) == 0 { return true }
        return errno != ENOTCONN && errno != ECONNABORTED
    }

    private func contains(_ path: String, in directory: String) -> Bool {
        path == directory || path.hasPrefix(directory == "/" ? "/" : directory + "/")
    }

    private func check(_ status: stat) throws(MountError) {
        if status.st_mode & S_IFMT == S_IFLNK { throw .notDirectory(path) }
        if status.st_mode & S_IFMT != S_IFDIR { throw .notDirectory(path) }
        guard let there = MountTable.entry(at: path) else { return }
        // Mounting over a plain filesystem's root is legal, but nobody means it.
        throw .alreadyMounted(path, by: "\(there.source), \(there.type)")
    }

    private func removeDead() throws(MountError) {
        if let there = MountTable.entry(at: path), !there.isOurs {
            throw .deadForeignMount(path, type: there.type)
        }
        try unmount(lazily: true)
    }

    /// Unmounts; `lazily` also what is in use, which then ends with its last user.
    package func unmount(lazily: Bool = false) throws(MountError) {
        if geteuid() == 0 {
            let flags = Int32(UMOUNT_NOFOLLOW) | (lazily ? Int32(MNT_DETACH) : 0)
            guard unsafe umount2(path, flags) != 0 else { return }
            switch errno {
            case EBUSY: throw .busy(path)
            case EINVAL, ENOENT: throw .notMounted(path)
            case EPERM, EACCES: throw .notPermitted(path)
            case let code:
                throw .failed("\(SystemError(operation: "umount2", code: code, path: path))")
            }
        }
        try unmountByHelper(lazily: lazily)
    }

    /// The set-id helper that lets a user unmount what is theirs (fusermount3(1)).
    private func unmountByHelper(lazily: Bool) throws(MountError) {
        guard MountTable.entry(at: path) != nil else { throw .notMounted(path) }
        let arguments = ["-u"] + (lazily ? ["-z"] : []) + ["--", path]
        let status: ExitStatus
        do throws(SystemError) {
            status = try ChildProcess.start(
                "fusermount3",
                arguments,
                streams: [.null, .null, .null]
            ).wait()
        } catch {
            throw .failed("\(error)")
        }
        if status == .exited(0) { return }
        // It does not say why in a way that a program can read; being in use is the usual reason.
        throw MountTable.entry(at: path) == nil ? .notMounted(path) : .busy(path)
    }
}
