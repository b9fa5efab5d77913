internal import Glibc
package import Volume

extension VolumeError {
    /// What the kernel is told, and through it the program that asked.
    ///
    /// There is no `default`: a new kind of failure does not compile until it has its answer here.
    package var errno: Int32 {
        switch self {
        case .notFound: ENOENT
        case .exists: EEXIST
        case .notDirectory: ENOTDIR
        case .isDirectory: EISDIR
        case .directoryNotEmpty: ENOTEMPTY
        case .nameTooLong: ENAMETOOLONG
        case .invalidArgument: EINVAL
        case .notPermitted: EPERM
        case .accessDenied: EACCES
        case .tooManyLinks: EMLINK
        case .fileTooLarge: EFBIG
        case .noSuchOffset: ENXIO
        case .noAttribute: ENODATA
        // What the kernel itself says above its own limit, so that programs know it (xattr(7)).
        case .attributeTooLarge: E2BIG
        // Never ENOSYS, which makes the kernel stop asking for the rest of the mount's life.
        case .unsupported: EOPNOTSUPP
        case .stale: ESTALE
        case .badHandle: EBADF
        case .noSpace: ENOSPC
        case .quotaExceeded: EDQUOT
        case .readOnly: EROFS
        // Data may be lost: EROFS would let a program think that nothing happened to what it
        // already wrote.
        case .failed: EIO
        case .inputOutput: EIO
        // EUCLEAN or EBADMSG say it better, but few programs know them.
        case .corrupt: EIO
        // Not ETIMEDOUT or EAGAIN: read(2) of a file may not return these, and programs that
        // retry EAGAIN would spin.
        case .networkUnavailable: EIO
        case .interrupted: EINTR
        }
    }
}
