internal import CFuse
internal import Glibc
internal import Volume

/// Attributes, extended attributes, and what statfs(2) tells.
extension KernelAdapter {
    /// What the mount says of itself; not stored, not listed.
    private static let ownNamespace = Array("walrusfs.".utf8)

    private static let statusName = Array("walrusfs.status".utf8)

    func attributes(_ reply: consuming Reply, _ inode: UInt64) {
        do throws(VolumeError) {
            let attributes = try volume.attributes(of: InodeNumber(inode))
            reply.attributes(stat(attributes), timeout: attributeTimeout(attributes))
        } catch {
            reply.fail(error)
        }
    }

    func setAttributes(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ values: stat,
        _ mask: Int32,
        handle: UInt64?
    ) {
        let context = reply.context
        do throws(VolumeError) {
            let attributes = try volume.setAttributes(
                of: InodeNumber(inode),
                AttributeChanges(values, mask),
                handle: opensDirectly ? nil : handle.map { HandleNumber($0) },
                context: context
            )
            reply.attributes(stat(attributes), timeout: attributeTimeout(attributes))
        } catch {
            reply.fail(error)
        }
    }

    func statistics(_ reply: consuming Reply) {
        do throws(VolumeError) {
            let statistics = try volume.statistics()
            reply.statistics(statvfs(statistics))
        } catch {
            reply.fail(error)
        }
    }

    func extendedAttribute(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ name: UnsafePointer<CChar>?,
        room: Int
    ) {
        let name = unsafe bytes(of: name)
        do throws(VolumeError) {
            answer(reply, try value(of: InodeNumber(inode), name), room: room)
        } catch {
            reply.fail(error)
        }
    }

    private func value(of inode: InodeNumber, _ name: [UInt8]) throws(VolumeError) -> [UInt8] {
        if name == Self.statusName { return Array(try volume.status(of: inode).text.utf8) }
        if name.starts(with: Self.ownNamespace),
            let value = options.attributes[String(decoding: name, as: UTF8.self)]
        {
            return Array(value.utf8)
        }
        return try volume.extendedAttribute(of: inode, name)
    }

    func extendedAttributeNames(_ reply: consuming Reply, _ inode: UInt64, room: Int) {
        do throws(VolumeError) {
            let names = try volume.extendedAttributeNames(of: InodeNumber(inode))
            answer(reply, names.flatMap { $0 + [0] }, room: room)
        } catch {
            reply.fail(error)
        }
    }

    /// With no room the program asks how much it needs; with too little it is told so (xattr(7)).
    private func answer(_ reply: consuming Reply, _ value: [UInt8], room: Int) {
        if room == 0 {
            reply.size(value.count)
        } else if value.count > room {
            reply.fail(errno: ERANGE)
        } else {
            reply.bytes(value)
        }
    }

    func setExtendedAttribute(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ name: UnsafePointer<CChar>?,
        _ value: UnsafeRawBufferPointer,
        _ flags: Int32
    ) {
        let name = unsafe bytes(of: name)
        let killsSetGroup = UInt32(bitPattern: flags) & KernelHook.killsPrivileges != 0
        let context = reply.context
        do throws(VolumeError) {
            let mode: AttributeWriteMode
            switch UInt32(bitPattern: flags) & ~KernelHook.killsPrivileges {
            case 0: mode = .createOrReplace
            // XATTR_CREATE and XATTR_REPLACE of setxattr(2); both can not be had.
            case 1: mode = .create
            case 2: mode = .replace
            case 3:
                _ = try volume.extendedAttribute(of: InodeNumber(inode), name)
                throw .exists
            default: throw .invalidArgument
            }
            try checkMayWrite(name)
            try volume.setExtendedAttribute(
                of: InodeNumber(inode),
                name,
                unsafe Array(value),
                mode: mode,
                killsSetGroup: killsSetGroup,
                context: context
            )
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func removeExtendedAttribute(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ name: UnsafePointer<CChar>?
    ) {
        let name = unsafe bytes(of: name)
        let context = reply.context
        do throws(VolumeError) {
            try checkMayWrite(name)
            try volume.removeExtendedAttribute(of: InodeNumber(inode), name, context: context)
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    private func checkMayWrite(_ name: [UInt8]) throws(VolumeError) {
        if name.starts(with: Self.ownNamespace) { throw .notPermitted }
    }
}

extension AttributeChanges {
    /// From the values and the mask of a SETATTR request.
    init(_ values: stat, _ mask: Int32) {
        self.init()
        func has(_ flag: Int32) -> Bool { mask & flag != 0 }
        if has(FUSE_SET_ATTR_MODE) { permissions = UInt16(values.st_mode & 0o7777) }
        if has(FUSE_SET_ATTR_UID) { user = values.st_uid }
        if has(FUSE_SET_ATTR_GID) { group = values.st_gid }
        if has(FUSE_SET_ATTR_SIZE) { size = UInt64(max(values.st_size, 0)) }
        if has(FUSE_SET_ATTR_ATIME_NOW) {
            accessed = .now
        } else if has(FUSE_SET_ATTR_ATIME) {
            accessed = .exactly(Timestamp(values.st_atim))
        }
        if has(FUSE_SET_ATTR_MTIME_NOW) {
            modified = .now
        } else if has(FUSE_SET_ATTR_MTIME) {
            modified = .exactly(Timestamp(values.st_mtim))
        }
        // Only with the write-back cache: the kernel keeps the times then.
        if has(FUSE_SET_ATTR_CTIME) { changed = .exactly(Timestamp(values.st_ctim)) }
        // chown(2) clears set-id bits of what is no directory, whoever asks; with
        // HANDLE_KILLPRIV_V2 that is left to the filesystem. A mode in the same request wins.
        killsPrivileges =
            has(Int32(FATTR_KILL_SUIDGID))
            || (permissions == nil && (user != nil || group != nil))
    }
}

extension statvfs {
    init(_ statistics: VolumeStatistics) {
        let unit: UInt = 4096
        self.init()
        f_bsize = unit
        f_frsize = unit
        f_blocks = fsblkcnt_t(statistics.bytesTotal / UInt64(unit))
        f_bfree = fsblkcnt_t(statistics.bytesFree / UInt64(unit))
        f_bavail = f_bfree
        f_files = fsfilcnt_t(statistics.inodesUsed &+ statistics.inodesFree)
        f_ffree = fsfilcnt_t(statistics.inodesFree)
        f_favail = f_ffree
        f_namemax = UInt(nameLengthMax)
    }
}
