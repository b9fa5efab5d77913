internal import Glibc

extension SystemError {
    /// A directory that was to be empty.
    package static func notEmpty(_ path: String) -> SystemError {
        SystemError(operation: "list", code: ENOTEMPTY, path: path)
    }

    /// A file that is longer than its reader allows.
    static func tooLarge(_ path: String) -> SystemError {
        SystemError(operation: "read", code: EFBIG, path: path)
    }
}

/// The files of this machine.
package struct LinuxFileSystem: FileSystem {
    package init() {}

    package func open(
        _ path: String,
        _ mode: OpenMode,
        permissions: UInt16
    ) throws(SystemError) -> any File {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            case .createIfMissing: O_RDWR | O_CREAT
            }
        return LinuxFile(
            descriptor: try Self.open(path, flags, mode_t(permissions)),
            path: path
        )
    }

    private static func open(
        _ path: String,
        _ flags: Int32,
        _ mode: mode_t = 0
    ) throws(SystemError) -> Int32 {
        try retryingInterrupts("open", path) {
            unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        }
    }

    package func makeDirectory(_ path: String, permissions: UInt16) throws(SystemError) {
        _ = try retryingInterrupts("mkdir", path) { unsafe mkdir(path, mode_t(permissions)) }
    }

    package func list(_ path: String) throws(SystemError) -> [String] {
        guard let stream = unsafe opendir(path) else {
            throw SystemError(operation: "opendir", code: errno, path: path)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                let code = errno
                if code != 0 { throw SystemError(operation: "readdir", code: code, path: path) }
                break
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func rename(_ path: String, to newPath: String) throws(SystemError) {
        _ = try retryingInterrupts("rename", path) { unsafe Glibc.rename(path, newPath) }
    }

    package func removeFile(_ path: String) throws(SystemError) {
        _ = try retryingInterrupts("unlink", path) { unsafe unlink(path) }
    }

    package func removeDirectory(_ path: String) throws(SystemError) {
        _ = try retryingInterrupts("rmdir", path) { unsafe rmdir(path) }
    }

    package func status(_ path: String) throws(SystemError) -> FileStatus? {
        var status = stat()
        do throws(SystemError) {
            _ = try retryingInterrupts("stat", path) { unsafe stat(path, &status) }
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
        return FileStatus(
            isDirectory: status.st_mode & S_IFMT == S_IFDIR,
            isPlain: status.st_mode & S_IFMT == S_IFREG,
            size: Int(status.st_size),
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            permissions: UInt16(status.st_mode & 0o7777)
        )
    }

    package func synchronizeDirectory(_ path: String) throws(SystemError) {
        let descriptor = try Self.open(path, O_RDONLY | O_DIRECTORY)
        defer { Glibc.close(descriptor) }
        _ = try retryingInterrupts("fsync", path) { fsync(descriptor) }
    }

    package func space(at path: String) throws(SystemError) -> DiskSpace {
        var status = statvfs()
        _ = try retryingInterrupts("statvfs", path) { unsafe statvfs(path, &status) }
        let unit = UInt64(status.f_frsize)
        return DiskSpace(
            total: UInt64(status.f_blocks) * unit,
            available: UInt64(status.f_bavail) * unit,
            filesTotal: UInt64(status.f_files),
            filesAvailable: UInt64(status.f_favail)
        )
    }

    package func lock(_ path: String) throws(SystemError) -> (any FileLock)? {
        let descriptor = try Self.open(path, O_RDWR | O_CREAT, 0o600)
        let lock = LinuxFileLock(descriptor: descriptor)
        do throws(SystemError) {
            _ = try retryingInterrupts("flock", path) { flock(descriptor, LOCK_EX | LOCK_NB) }
        } catch {
            if error.code == EWOULDBLOCK { return nil }
            throw error
        }
        return lock
    }
}
