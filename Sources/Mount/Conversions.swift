internal import CFuse
internal import Glibc
internal import Volume

/// The longest name of a file, in bytes.
///
/// The kernel passes on longer ones since its 6.x versions.
let nameLengthMax = 255

/// The bytes of a C string, without its end.
func bytes(of string: UnsafePointer<CChar>?) -> [UInt8] {
    guard let string = unsafe string else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: string, count: strlen(string)))
}

/// A name that came from the kernel, if it is not too long.
func fileName(_ string: UnsafePointer<CChar>?) throws(VolumeError) -> [UInt8] {
    let name = unsafe bytes(of: string)
    if name.count > nameLengthMax { throw .nameTooLong }
    return name
}

extension FileKind {
    /// The type bits of st_mode.
    var modeBits: mode_t {
        switch self {
        case .regular: S_IFREG
        case .directory: S_IFDIR
        case .symlink: S_IFLNK
        case .fifo: S_IFIFO
        case .socket: S_IFSOCK
        case .characterDevice: S_IFCHR
        case .blockDevice: S_IFBLK
        }
    }

    init?(mode: mode_t) {
        switch mode & S_IFMT {
        // mknod(2): no type is a regular file.
        case S_IFREG, 0: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symlink
        case S_IFIFO: self = .fifo
        case S_IFSOCK: self = .socket
        case S_IFCHR: self = .characterDevice
        case S_IFBLK: self = .blockDevice
        default: return nil
        }
    }
}

extension Timestamp {
    var timespec: timespec { Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }

    /// Nanoseconds out of range are the kernel's fault, and are cut.
    init(_ time: timespec) {
        self.init(
            seconds: Int64(time.tv_sec),
            nanoseconds: UInt32(clamping: min(max(time.tv_nsec, 0), 999_999_999))
        )
    }
}

extension stat {
    init(_ attributes: InodeAttributes) {
        self.init()
        st_ino = UInt(attributes.inode.rawValue)
        st_mode = attributes.kind.modeBits | mode_t(attributes.permissions & 0o7777)
        st_nlink = UInt(attributes.linkCount)
        st_uid = attributes.user
        st_gid = attributes.group
        st_rdev = dev_t(attributes.device)
        st_size = off_t(clamping: attributes.size)
        st_blocks = blkcnt_t(clamping: attributes.blocks)
        // What programs read and write at a time; cp(1) of coreutils takes it if over 128 KiB.
        st_blksize = 256 << 10
        st_atim = attributes.accessed.timespec
        st_mtim = attributes.modified.timespec
        st_ctim = attributes.changed.timespec
    }
}

extension OpenFlags {
    /// O_NOATIME, which Glibc's module hides.
    private static let noAccessTimeFlag: Int32 = 0o1000000

    /// From the flags of open(2).
    init(kernel flags: Int32) {
        var result: OpenFlags = []
        switch flags & O_ACCMODE {
        case O_WRONLY: result.insert(.write)
        case O_RDWR: result.formUnion([.read, .write])
        default: result.insert(.read)
        }
        if flags & O_TRUNC != 0 { result.insert(.truncate) }
        if flags & O_APPEND != 0 { result.insert(.append) }
        if flags & O_EXCL != 0 { result.insert(.exclusive) }
        if flags & (O_SYNC | O_DSYNC) != 0 { result.insert(.sync) }
        if flags & Self.noAccessTimeFlag != 0 { result.insert(.noAccessTime) }
        if UInt32(bitPattern: flags) & KernelHook.killsPrivileges != 0 {
            result.insert(.killsPrivileges)
        }
        self = result
    }
}

extension KernelAdapter {
    func entry(_ attributes: InodeAttributes) -> fuse_entry_param {
        fuse_entry_param(
            ino: attributes.edition.rawValue,
            // The kernel knows the root from the start, by generation 0.
            generation: attributes.inode == .root ? 0 : attributes.generation,
            attr: stat(attributes),
            attr_timeout: attributeTimeout(attributes),
            entry_timeout: options.timeout
        )
    }

    /// How long the kernel may remember attributes.
    ///
    /// With late writes, the blocks of an empty file are asked for each time: they depend on
    /// whether it is open for writing, which changes without a request that would tell.
    func attributeTimeout(_ attributes: InodeAttributes) -> Double {
        options.writesBack && attributes.kind == .regular && attributes.blocks == 0
            ? 0 : options.timeout
    }

    /// What tells the kernel that a name is not there, and that it may remember so.
    var noEntry: fuse_entry_param {
        var entry = fuse_entry_param()
        entry.entry_timeout = options.timeout
        return entry
    }
}
