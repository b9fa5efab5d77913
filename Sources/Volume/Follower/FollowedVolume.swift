package import SQLite
internal import Synchronization
package import SystemIO

/// A volume as its newest checkpoint has it, read-only; a ``Follower`` moves it on.
///
/// The numbers that it is asked by are those of editions: what they name never changes.
package final class FollowedVolume: Sendable {
    /// Rows, handles and caches; it has no log, and no token to write under.
    package let volume: Volume
    let loader: CheckpointLoader
    private let path: String
    private let files: FileSystemVFS?

    /// Opens the database of a mount that follows, made if missing; it may be empty still.
    package init(
        databasePath: String,
        databaseFiles: FileSystemVFS? = nil,
        time: any TimeSource
    ) throws(VolumeError) {
        path = databasePath
        files = databaseFiles
        loader = try CheckpointLoader(databasePath, files: databaseFiles)
        var configuration = VolumeConfiguration()
        configuration.readOnly = true
        configuration.token = nil
        volume = try Volume(
            log: NoLog(),
            database: FollowedDatabase(databasePath, files: databaseFiles),
            time: time,
            configuration: configuration
        )
    }

    /// Whether any file is open as an older checkpoint had it.
    var isAnythingKept: Bool { volume.core.withLock { !$0.kept.isEmpty } }

    /// Shows what was loaded; returns the names of which the kernel has to hear.
    func show(_ changes: CheckpointChanges) throws(VolumeError) -> [StaleName] {
        try volume.locked { (core) throws(VolumeError) in
            guard let database = core.database as? FollowedDatabase else {
                preconditionFailure("what is followed lies in a follower's database")
            }
            return try core.show(changes, in: database)
        }
    }

    /// Inodes that one visit to the lock looks at.
    private static let knownStep = 256

    /// Tells the kernel what is no longer so; blocks.
    ///
    /// Names come first: that waits for look-ups under way, whose answers may be older. What they
    /// brought is known when attributes have their turn.
    func tell(
        _ cache: any KernelCache,
        _ names: [StaleName],
        _ changes: CheckpointChanges
    ) throws(VolumeError) {
        cache.forget(names)
        let inodes = Array(changes.inodes.subtracting(changes.contents))
        for start in stride(from: 0, to: inodes.count, by: Self.knownStep) {
            let part = inodes[start..<min(inodes.count, start + Self.knownStep)]
            cache.forgetAttributes(
                of: try volume.locked { (core) throws(VolumeError) in try core.known(of: part) }
            )
        }
    }

    private func entry<Result: Sendable>(
        _ number: InodeNumber,
        _ body: (VolumeCore, InodeEntry) throws(VolumeError) -> Result
    ) throws(VolumeError) -> Result {
        try volume.locked { (core) throws(VolumeError) in
            try body(core, try core.entry(ofEdition: number.rawValue))
        }
    }
}

extension FollowedVolume: MountableVolume {
    package func lookup(
        _ parent: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> InodeAttributes {
        // By number, as NFS export asks, also what is kept.
        if name == [0x2E] { return try attributes(of: parent) }
        return try volume.lookup(parent, name)
    }

    package func remember(_ inode: InodeNumber) { volume.remember(inode) }

    package func forget(_ inode: InodeNumber, count: UInt64) {
        volume.forget(inode, count: count)
    }

    package func attributes(of inode: InodeNumber) throws(VolumeError) -> InodeAttributes {
        try entry(inode) { (_, entry) throws(VolumeError) in entry.inodeAttributes }
    }

    package func readSymlink(_ inode: InodeNumber) throws(VolumeError) -> [UInt8] {
        try entry(inode) { (core, entry) throws(VolumeError) in
            try core.readSymlink(entry.number)
        }
    }

    package func open(
        _ inode: InodeNumber,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> HandleNumber {
        guard !flags.contains(.write), !flags.contains(.truncate) else { throw .readOnly }
        return try entry(inode) { (core, entry) throws(VolumeError) in
            guard !entry.isDirectory else { throw .isDirectory }
            guard entry.kind == .regular else { throw .invalidArgument }
            let file = OpenFile(inode: entry, flags: flags, isDirectory: false)
            return HandleNumber(core.newHandle(file))
        }
    }

    package func read(
        _ handle: HandleNumber,
        offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> ReadOutcome {
        try unsafe volume.read(handle, offset: offset, into: buffer)
    }

    package func flush(_ handle: HandleNumber) throws(VolumeError) { try volume.flush(handle) }

    package func release(_ handle: HandleNumber) {
        volume.core.withLock { $0.releaseFollowed(handle.rawValue) }
    }

    package func sync(
        _ handle: HandleNumber,
        dataOnly: Bool
    ) throws(VolumeError) -> SyncOutcome { .durable }

    package func syncDirectory(_ inode: InodeNumber) throws(VolumeError) -> SyncOutcome { .durable }

    package func seek(
        _ handle: HandleNumber,
        offset: UInt64,
        toData: Bool
    ) throws(VolumeError) -> UInt64 {
        try volume.seek(handle, offset: offset, toData: toData)
    }

    package func openDirectory(_ inode: InodeNumber) throws(VolumeError) -> HandleNumber {
        try volume.openDirectory(inode)
    }

    package func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        withAttributes: Bool,
        _ body: (DirectoryEntry) -> Bool
    ) throws(VolumeError) {
        try volume.readDirectory(handle, after: cookie, withAttributes: withAttributes, body)
    }

    package func releaseDirectory(_ handle: HandleNumber) { volume.releaseDirectory(handle) }

    package func extendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> [UInt8] {
        try entry(inode) { (core, entry) throws(VolumeError) in
            guard let value = try core.attributes(of: entry)[name] else { throw .noAttribute }
            return value
        }
    }

    package func extendedAttributeNames(of inode: InodeNumber) throws(VolumeError) -> [[UInt8]] {
        try entry(inode) { (core, entry) throws(VolumeError) in
            try core.attributes(of: entry).keys.sorted { $0.lexicographicallyPrecedes($1) }
        }
    }

    package func statistics() throws(VolumeError) -> VolumeStatistics { try volume.statistics() }

    package func status(of inode: InodeNumber) throws(VolumeError) -> StorageStatus {
        let number = try entry(inode) { (_, entry) throws(VolumeError) in entry.number }
        return try volume.status(of: InodeNumber(number))
    }
}
