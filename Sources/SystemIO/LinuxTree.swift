internal import CShims
internal import Glibc

/// Makes a tree of files with everything that their inodes say, as cp -a does.
///
/// Paths and names are bytes, as the kernel has them. Links are never followed.
package enum LinuxTree {
    /// Who, when and how of a file.
    package struct Metadata: Sendable {
        package var user: UInt32
        package var group: UInt32
        /// The twelve permission bits.
        package var permissions: UInt16
        package var accessed: (seconds: Int64, nanoseconds: UInt32)
        package var modified: (seconds: Int64, nanoseconds: UInt32)

        package init(
            user: UInt32,
            group: UInt32,
            permissions: UInt16,
            accessed: (seconds: Int64, nanoseconds: UInt32),
            modified: (seconds: Int64, nanoseconds: UInt32)
        ) {
            self.user = user
            self.group = group
            self.permissions = permissions
            self.accessed = accessed
            self.modified = modified
        }
    }

    /// Makes a call that takes a path, again as long as a signal interrupts it.
    private static func call(
        _ operation: String,
        _ path: [UInt8],
        _ body: ([CChar]) -> Int32
    ) throws(SystemError) -> Int32 {
        let terminated = terminated(path)
        return try retryingInterrupts(operation, String(decoding: path, as: UTF8.self)) {
            body(terminated)
        }
    }

    private static func terminated(_ bytes: [UInt8]) -> [CChar] {
        bytes.map { CChar(bitPattern: $0) } + [0]
    }

    package static func makeDirectory(_ path: [UInt8]) throws(SystemError) {
        _ = try call("mkdir", path) { unsafe mkdir($0, 0o700) }
    }

    package static func makeSymlink(_ path: [UInt8], target: [UInt8]) throws(SystemError) {
        let target = terminated(target)
        _ = try call("symlink", path) { unsafe symlink(target, $0) }
    }

    /// Makes a FIFO, a socket or a device; `type` is the format bits of st_mode.
    package static func makeNode(
        _ path: [UInt8],
        type: UInt32,
        device: UInt32
    ) throws(SystemError) {
        _ = try call("mknod", path) { unsafe mknod($0, mode_t(type | 0o600), dev_t(device)) }
    }

    package static func link(_ existing: [UInt8], to path: [UInt8]) throws(SystemError) {
        let existing = terminated(existing)
        _ = try call("link", path) { unsafe linkat(AT_FDCWD, existing, AT_FDCWD, $0, 0) }
    }

    /// A new file to be filled.
    package static func create(_ path: [UInt8]) throws(SystemError) -> any File {
        let descriptor = try call("open", path) {
            unsafe open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        return LinuxFile(descriptor: descriptor, path: String(decoding: path, as: UTF8.self))
    }

    package static func setOwner(_ path: [UInt8], _ metadata: Metadata) throws(SystemError) {
        _ = try call("chown", path) { unsafe lchown($0, metadata.user, metadata.group) }
    }

    /// Not for symbolic links, which have none of their own.
    package static func setPermissions(
        _ path: [UInt8],
        _ metadata: Metadata
    ) throws(SystemError) {
        _ = try call("chmod", path) { unsafe chmod($0, mode_t(metadata.permissions)) }
    }

    package static func setTimes(_ path: [UInt8], _ metadata: Metadata) throws(SystemError) {
        let times = [metadata.accessed, metadata.modified].map { time in
            timespec(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
        }
        _ = try call("utimensat", path) {
            unsafe utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW)
        }
    }

    package static func setAttribute(
        _ path: [UInt8],
        name: [UInt8],
        value: [UInt8]
    ) throws(SystemError) {
        let name = terminated(name)
        _ = try call("lsetxattr", path) {
            unsafe walrus_set_attribute($0, name, value, value.count)
        }
    }
}
