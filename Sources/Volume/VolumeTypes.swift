/// The number of an inode: never given out twice in the life of a volume.
package struct InodeNumber: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The root directory, in every volume.
    package static let root = InodeNumber(1)

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// An open file or directory: the number that `open` gave, unique while the volume is mounted, or
/// the inode itself, where the kernel opens files without asking
/// (`Docs/Decisions/0146-opening-asks-nothing.md`).
package struct HandleNumber: Hashable, Sendable {
    package let rawValue: UInt64
    /// What the inode with this number is used for; nil when `open` gave the number.
    package let direct: OpenFlags?

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
        direct = nil
    }

    /// An inode that the kernel holds; who asks was let in by the kernel.
    package init(of inode: InodeNumber, _ flags: OpenFlags) {
        rawValue = inode.rawValue
        direct = flags
    }
}

/// Nanoseconds since 1970 UTC in two parts, as stat(2) has them.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let seconds: Int64
    package let nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        precondition(nanoseconds < 1_000_000_000)
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// What an inode is; the numbers are stored, so they are only ever appended to.
package enum FileKind: UInt8, Sendable, CaseIterable {
    case regular = 1
    case directory = 2
    case symlink = 3
    case fifo = 4
    case socket = 5
    case characterDevice = 6
    case blockDevice = 7
}

/// What stat(2) tells.
package struct InodeAttributes: Hashable, Sendable {
    package var inode: InodeNumber
    /// The number by which the kernel is to ask for it: the inode's own, or, in a mount that
    /// follows, that of these contents (``Edition``).
    package var edition: InodeNumber
    package var generation: UInt64
    package var kind: FileKind
    /// The twelve permission bits, set-id and sticky included.
    package var permissions: UInt16
    package var linkCount: UInt32
    package var user: UInt32
    package var group: UInt32
    /// Bytes; for a symlink the length of its target.
    package var size: UInt64
    /// Units of 512 bytes that are not holes.
    package var blocks: UInt64
    package var accessed: Timestamp
    package var modified: Timestamp
    package var changed: Timestamp
    /// Device number of a device file, as Linux's dev_t packs it in 32 bits.
    package var device: UInt32

    package init(
        inode: InodeNumber,
        generation: UInt64,
        kind: FileKind,
        permissions: UInt16,
        linkCount: UInt32,
        user: UInt32,
        group: UInt32,
        size: UInt64,
        blocks: UInt64,
        accessed: Timestamp,
        modified: Timestamp,
        changed: Timestamp,
        device: UInt32
    ) {
        self.inode = inode
        edition = inode
        self.generation = generation
        self.kind = kind
        self.permissions = permissions
        self.linkCount = linkCount
        self.user = user
        self.group = group
        self.size = size
        self.blocks = blocks
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
        self.device = device
    }
}

/// Who asks.
package struct RequestContext: Sendable {
    package let user: UInt32
    package let group: UInt32
    package let process: UInt32
    package let umask: UInt16

    package init(user: UInt32, group: UInt32, process: UInt32, umask: UInt16) {
        self.user = user
        self.group = group
        self.process = process
        self.umask = umask
    }
}

/// What setattr changes; nil leaves as is.
package struct AttributeChanges: Sendable {
    package enum Time: Sendable {
        case now
        case exactly(Timestamp)
    }

    package var permissions: UInt16?
    package var user: UInt32?
    package var group: UInt32?
    package var size: UInt64?
    package var accessed: Time?
    package var modified: Time?
    package var changed: Time?
    /// The kernel asks to drop set-id bits and file capabilities with this change.
    package var killsPrivileges = false

    package init() {}

    /// Whether there is nothing to change.
    package var isEmpty: Bool {
        permissions == nil && user == nil && group == nil && size == nil && accessed == nil
            && modified == nil && changed == nil && !killsPrivileges
    }
}

/// What open(2) asked for.
package struct OpenFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let read = OpenFlags(rawValue: 1)
    package static let write = OpenFlags(rawValue: 2)
    package static let truncate = OpenFlags(rawValue: 4)
    package static let append = OpenFlags(rawValue: 8)
    package static let exclusive = OpenFlags(rawValue: 16)
    /// Every write is durable before it returns (O_SYNC, O_DSYNC).
    package static let sync = OpenFlags(rawValue: 32)
    /// Truncating drops set-id bits and file capabilities.
    package static let killsPrivileges = OpenFlags(rawValue: 64)
    /// Reads leave the access time alone (O_NOATIME).
    package static let noAccessTime = OpenFlags(rawValue: 128)
}

/// One row of a directory listing.
package struct DirectoryEntry: Sendable {
    package let name: [UInt8]
    package let inode: InodeNumber
    package let kind: FileKind
    /// Nil where they were not asked for.
    package let attributes: InodeAttributes?
    /// Where to go on after this entry; never reused within a directory.
    package let cookie: UInt64

    package init(name: [UInt8], inode: InodeNumber, kind: FileKind, cookie: UInt64) {
        self.name = name
        self.inode = inode
        self.kind = kind
        self.cookie = cookie
        attributes = nil
    }

    package init(name: [UInt8], attributes: InodeAttributes, cookie: UInt64) {
        self.name = name
        inode = attributes.inode
        kind = attributes.kind
        self.cookie = cookie
        self.attributes = attributes
    }
}

package struct RenameFlags: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noReplace = RenameFlags(rawValue: 1)
    package static let exchange = RenameFlags(rawValue: 2)
    /// Leaves a character device 0, 0 in the old place, which hides what a lower layer of overlayfs
    /// has there.
    package static let whiteout = RenameFlags(rawValue: 4)

    /// Whether rename(2) has a meaning for them together.
    package var areKnown: Bool {
        isSubset(of: [.noReplace, .exchange, .whiteout])
            && (!contains(.exchange) || self == .exchange)
    }
}

package struct AllocationMode: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let keepSize = AllocationMode(rawValue: 1)
    package static let punchHole = AllocationMode(rawValue: 2)
    package static let zeroRange = AllocationMode(rawValue: 4)
}

/// What statfs(2) tells, in bytes and inodes.
package struct VolumeStatistics: Sendable {
    package let bytesTotal: UInt64
    package let bytesFree: UInt64
    package let inodesUsed: UInt64
    package let inodesFree: UInt64

    package init(bytesTotal: UInt64, bytesFree: UInt64, inodesUsed: UInt64, inodesFree: UInt64) {
        self.bytesTotal = bytesTotal
        self.bytesFree = bytesFree
        self.inodesUsed = inodesUsed
        self.inodesFree = inodesFree
    }
}

/// How setxattr(2) treats an attribute that is there, or is not.
package enum AttributeWriteMode: Sendable {
    case createOrReplace
    case create
    case replace
}
