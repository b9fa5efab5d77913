// The seam between a kernel adapter and the filesystem. `Mount` translates requests into these
// calls and answers back; it holds no policy. `Volume` implements them; tests may decorate them.
//
// All calls may come from any thread, many at once, and return without waiting for the network.
// Where an answer needs the network, or room that the uploader must free first, the call returns
// at once and says what to await: the adapter's thread goes back to the kernel.

/// The answer of a read.
package enum ReadOutcome: Sendable {
    /// So many bytes were put into the buffer; fewer than it holds only at the end of the file.
    case bytes(Int)
    /// The bytes are on the network; the closure fetches them (at most the buffer's length).
    case pending(@Sendable () async throws(VolumeError) -> [UInt8])
}

/// The answer of a write.
package enum WriteOutcome: Sendable {
    case written(Int)
    /// So many bytes were written, and the log fills up: answer when the closure returns.
    case slowed(Int, @Sendable () async -> Void)
    /// There is no room in the log yet: await, then call again with the same bytes.
    case mustWait(@Sendable () async throws(VolumeError) -> Void)
}

/// The answer of a durability request.
package enum SyncOutcome: Sendable {
    case durable
    /// The mount promises network durability; the closure returns when it is reached.
    case pending(@Sendable () async throws(VolumeError) -> Void)
}

package protocol MountableVolume: Sendable {
    /// Whether the volume must hear of each open(2) and close(2); else every call takes inodes for
    /// handles, and lists of directories may be kept. Does not change while it is mounted.
    var keepsHandles: Bool { get }

    /// The child's attributes. `.` and `..` are answered too (NFS export).
    func lookup(
        _ parent: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> InodeAttributes

    /// The kernel was told of this inode once more (lookup count); it may ask for it by number.
    func remember(_ inode: InodeNumber)

    /// The kernel forgot `count` of the tellings; at zero, an unlinked inode may go.
    func forget(_ inode: InodeNumber, count: UInt64)

    func attributes(of inode: InodeNumber) throws(VolumeError) -> InodeAttributes

    /// Applies all changes in one operation; `handle` when the kernel named an open file.
    func setAttributes(
        of inode: InodeNumber,
        _ changes: AttributeChanges,
        handle: HandleNumber?,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes

    func readSymlink(_ inode: InodeNumber) throws(VolumeError) -> [UInt8]

    /// Makes a file that is no directory and no symlink, without opening it (mknod(2)).
    func makeNode(
        in parent: InodeNumber,
        _ name: [UInt8],
        kind: FileKind,
        permissions: UInt16,
        device: UInt32,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes

    func makeDirectory(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes

    func makeSymlink(
        in parent: InodeNumber,
        _ name: [UInt8],
        target: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes

    func unlink(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError)

    func removeDirectory(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError)

    func rename(
        _ parent: InodeNumber,
        _ name: [UInt8],
        to newParent: InodeNumber,
        _ newName: [UInt8],
        flags: RenameFlags,
        context: RequestContext
    ) throws(VolumeError)

    func link(
        _ inode: InodeNumber,
        to parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes

    /// Opens a file, truncating it when asked.
    func open(
        _ inode: InodeNumber,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> HandleNumber

    /// Makes and opens a regular file, or opens the one that is there unless `.exclusive`.
    func create(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber)

    /// Makes and opens a regular file that has no name yet (O_TMPFILE).
    func createUnnamed(
        in parent: InodeNumber,
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber)

    /// Fills `buffer` from `offset` on.
    func read(
        _ handle: HandleNumber,
        offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> ReadOutcome

    /// Writes all of `bytes`, or says what to wait for.
    func write(
        _ handle: HandleNumber,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        killsPrivileges: Bool
    ) throws(VolumeError) -> WriteOutcome

    /// Called for every close(2) of every duplicate: cheap, and may come many times.
    func flush(_ handle: HandleNumber) throws(VolumeError)

    /// The last close; the handle is gone whatever happens.
    func release(_ handle: HandleNumber)

    func sync(
        _ handle: HandleNumber,
        dataOnly: Bool
    ) throws(VolumeError) -> SyncOutcome

    func syncDirectory(_ inode: InodeNumber) throws(VolumeError) -> SyncOutcome

    func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError)

    /// Clones a range between two open files of this volume; returns how much was copied.
    func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) -> UInt64

    /// The offset of the next data (SEEK_DATA) or hole (SEEK_HOLE) at or after `offset`.
    func seek(
        _ handle: HandleNumber,
        offset: UInt64,
        toData: Bool
    ) throws(VolumeError) -> UInt64

    func openDirectory(_ inode: InodeNumber) throws(VolumeError) -> HandleNumber

    /// Hands entries after `cookie` (0: from the start; `.` and `..` come first) to `body` until it
    /// returns false or there are no more.
    func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        withAttributes: Bool,
        _ body: (DirectoryEntry) -> Bool
    ) throws(VolumeError)

    func releaseDirectory(_ handle: HandleNumber)

    func extendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> [UInt8]

    func extendedAttributeNames(of inode: InodeNumber) throws(VolumeError) -> [[UInt8]]

    /// `killsSetGroup`: a new access list takes the set-group-ID bit with it, as the caller is not
    /// of the inode's group.
    func setExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        killsSetGroup: Bool,
        context: RequestContext
    ) throws(VolumeError)

    func removeExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError)

    func statistics() throws(VolumeError) -> VolumeStatistics

    /// How far a file has come on its way to the network.
    func status(of inode: InodeNumber) throws(VolumeError) -> StorageStatus
}
