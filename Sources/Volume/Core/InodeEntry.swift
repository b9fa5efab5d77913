internal import VolumeFormat

/// An inode in memory: what is newest about it.
final class InodeEntry {
    let number: UInt64
    /// The number by which the kernel knows these contents (``Edition``).
    let edition: UInt64
    var row: InodeRow
    /// Open files and directories.
    var handles = 0
    /// Handles through which the kernel may still bring bytes that programs wrote long ago.
    var lateWriters = 0
    /// The newest operation that changed it; at most so much must be synced for it.
    var lastLSN: UInt64
    /// nil: not read yet.
    var extents: ExtentMap?
    var attributes: [[UInt8]: [UInt8]]?
    /// The slice that takes this file's writes.
    var openSlice: UInt64?
    /// The access time is newer than its row in the log.
    var hasNewAccess = false
    /// Of a directory: each of its names is in the cache of dirents, so no other is there.
    var hasAllNames = false
    /// Within the operation under way.
    var isTouched = false
    /// Since the caches were last swept.
    var isUsed = true

    init(number: UInt64, row: InodeRow, lastLSN: UInt64, edition: UInt64? = nil) {
        self.number = number
        self.edition = edition ?? number
        self.row = row
        self.lastLSN = lastLSN
    }

    var kind: FileKind {
        // Rows are checked when they are read, so the kind is one of those.
        FileKind(rawValue: row.kind) ?? .regular
    }

    var isDirectory: Bool { row.kind == FileKind.directory.rawValue }

    var isPinned: Bool { handles > 0 || hasNewAccess }

    var cost: Int { 320 + (extents?.count ?? 0) * 32 + (attributes?.count ?? 0) * 128 }

    var inodeAttributes: InodeAttributes {
        var attributes = InodeAttributes(
            inode: InodeNumber(number),
            generation: row.generation,
            kind: kind,
            permissions: row.permissions,
            linkCount: row.links,
            user: row.user,
            group: row.group,
            size: row.size,
            // No block at all makes tar(1) take a file for a hole.
            blocks: max((row.stored + 511) / 512, lateWriters > 0 ? 1 : 0),
            accessed: row.accessed.timestamp,
            modified: row.modified.timestamp,
            changed: row.changed.timestamp,
            device: row.device
        )
        attributes.edition = InodeNumber(edition)
        return attributes
    }
}

/// A slice in memory.
final class SliceEntry {
    let number: UInt64
    var row: SliceRow
    /// What of it lies in the log, ascending.
    var pieces: [Piece] = []
    /// The generation in which it was made, while it has no place on the network.
    var unplaced: UInt64?
    var isTouched = false

    init(number: UInt64, row: SliceRow) {
        self.number = number
        self.row = row
    }
}

extension RowTime {
    var timestamp: Timestamp { Timestamp(seconds: seconds, nanoseconds: nanoseconds) }

    init(_ time: Timestamp) {
        self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
    }
}

/// What open(2) gave.
struct OpenFile {
    let inode: InodeEntry
    let flags: OpenFlags
    let isDirectory: Bool
}

/// The name of a row.
struct RowID: Hashable {
    let table: UInt8
    let key: [UInt8]
}

/// The name of a dirent.
struct DirentID: Hashable {
    let parent: UInt64
    let name: [UInt8]
}
