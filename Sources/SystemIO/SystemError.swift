internal import Glibc

/// A call of the operating system that failed.
///
/// Callers branch on the conditions below; the number itself concerns only this module and the
/// one that answers the kernel.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, as the manual names it: `pwrite`, `rename`.
    package let operation: String
    /// The number from errno(3).
    package let code: Int32
    /// The file concerned, or what else the call was about.
    package let path: String

    package init(operation: String, code: Int32, path: String) {
        self.operation = operation
        self.code = code
        self.path = path
    }

    /// No room on the device, or none left of the user's quota.
    package var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }
    /// None left of the user's quota, on a device that may have room.
    package var isQuotaExceeded: Bool { code == EDQUOT }
    package var isNotFound: Bool { code == ENOENT }
    package var isExists: Bool { code == EEXIST }
    package var isDirectoryNotEmpty: Bool { code == ENOTEMPTY || code == EEXIST }
    package var isPermissionDenied: Bool { code == EACCES || code == EPERM || code == EROFS }
    /// The device failed: bytes may be lost.
    package var isDeviceFailure: Bool { code == EIO }
    /// Too many open files, in the process or the system.
    package var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }

    package var description: String {
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) }
        return "\(operation) \(path): \(reason ?? "error") (\(code))"
    }
}

/// Makes a call again as long as a signal interrupts it; errors are -1 and errno.
///
/// Never for close(2): on Linux the descriptor is gone also when it says EINTR.
func retryingInterrupts<Result: FixedWidthInteger & SignedInteger>(
    _ operation: String,
    _ path: String,
    _ call: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        if code != EINTR { throw SystemError(operation: operation, code: code, path: path) }
    }
}
