internal import CFuse
internal import Synchronization

/// How often the kernel asked for what, since the mount began.
final class RequestCounts: Sendable {
    /// Guards the counts, by number of the request.
    private let counts = Mutex([UInt64](repeating: 0, count: 64))

    func add(_ opcode: UInt32) {
        counts.withLock { counts in
            if Int(opcode) < counts.count { counts[Int(opcode)] += 1 }
        }
    }

    /// The counts that are not zero, by the names that the kernel has for requests.
    var byName: [String: UInt64] {
        let counts = counts.withLock { $0 }
        var result: [String: UInt64] = [:]
        for (opcode, count) in counts.enumerated() where count > 0 {
            result[Self.names[UInt32(opcode)] ?? "request \(opcode)"] = count
        }
        return result
    }

    private static let names: [UInt32: String] = [
        FUSE_LOOKUP.rawValue: "LOOKUP", FUSE_FORGET.rawValue: "FORGET",
        FUSE_GETATTR.rawValue: "GETATTR", FUSE_SETATTR.rawValue: "SETATTR",
        FUSE_READLINK.rawValue: "READLINK", FUSE_SYMLINK.rawValue: "SYMLINK",
        FUSE_MKNOD.rawValue: "MKNOD", FUSE_MKDIR.rawValue: "MKDIR",
        FUSE_UNLINK.rawValue: "UNLINK", FUSE_RMDIR.rawValue: "RMDIR",
        FUSE_RENAME.rawValue: "RENAME", FUSE_RENAME2.rawValue: "RENAME2",
        FUSE_LINK.rawValue: "LINK", FUSE_OPEN.rawValue: "OPEN", FUSE_READ.rawValue: "READ",
        FUSE_WRITE.rawValue: "WRITE", FUSE_STATFS.rawValue: "STATFS",
        FUSE_RELEASE.rawValue: "RELEASE", FUSE_FSYNC.rawValue: "FSYNC",
        FUSE_SETXATTR.rawValue: "SETXATTR", FUSE_GETXATTR.rawValue: "GETXATTR",
        FUSE_LISTXATTR.rawValue: "LISTXATTR", FUSE_REMOVEXATTR.rawValue: "REMOVEXATTR",
        FUSE_FLUSH.rawValue: "FLUSH", FUSE_INIT.rawValue: "INIT",
        FUSE_OPENDIR.rawValue: "OPENDIR", FUSE_READDIR.rawValue: "READDIR",
        FUSE_READDIRPLUS.rawValue: "READDIRPLUS", FUSE_RELEASEDIR.rawValue: "RELEASEDIR",
        FUSE_FSYNCDIR.rawValue: "FSYNCDIR", FUSE_CREATE.rawValue: "CREATE",
        FUSE_TMPFILE.rawValue: "TMPFILE", FUSE_INTERRUPT.rawValue: "INTERRUPT",
        FUSE_DESTROY.rawValue: "DESTROY", FUSE_BATCH_FORGET.rawValue: "BATCH_FORGET",
        FUSE_FALLOCATE.rawValue: "FALLOCATE", FUSE_LSEEK.rawValue: "LSEEK",
        FUSE_COPY_FILE_RANGE.rawValue: "COPY_FILE_RANGE", FUSE_IOCTL.rawValue: "IOCTL",
    ]
}
