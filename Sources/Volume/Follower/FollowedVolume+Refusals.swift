/// Nothing is changed through a mount that follows.
extension FollowedVolume {
    package func setAttributes(
        of inode: InodeNumber,
        _ changes: AttributeChanges,
        handle: HandleNumber?,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes { throw .readOnly }

    package func makeNode(
        in parent: InodeNumber,
        _ name: [UInt8],
        kind: FileKind,
        permissions: UInt16,
        device: UInt32,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes { throw .readOnly }

    package func makeDirectory(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes { throw .readOnly }

    package func makeSymlink(
        in parent: InodeNumber,
        _ name: [UInt8],
        target: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes { throw .readOnly }

    package func unlink(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) { throw .readOnly }

    package func removeDirectory(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) { throw .readOnly }

    package func rename(
        _ parent: InodeNumber,
        _ name: [UInt8],
        to newParent: InodeNumber,
        _ newName: [UInt8],
        flags: RenameFlags,
        context: RequestContext
    ) throws(VolumeError) { throw .readOnly }

    package func link(
        _ inode: InodeNumber,
        to parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes { throw .readOnly }

    package func create(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        throw .readOnly
    }

    package func createUnnamed(
        in parent: InodeNumber,
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        throw .readOnly
    }

    package func write(
        _ handle: HandleNumber,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        killsPrivileges: Bool
    ) throws(VolumeError) -> WriteOutcome { throw .readOnly }

    package func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) { throw .readOnly }

    package func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) -> UInt64 { throw .readOnly }

    package func setExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        killsSetGroup: Bool,
        context: RequestContext
    ) throws(VolumeError) { throw .readOnly }

    package func removeExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) { throw .readOnly }
}
