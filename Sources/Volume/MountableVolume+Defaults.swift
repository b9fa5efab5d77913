// Calls with what most callers mean.

extension MountableVolume {
    package var keepsHandles: Bool { true }

    /// A tree that goes nowhere has nothing to say.
    package func status(of inode: InodeNumber) throws(VolumeError) -> StorageStatus {
        throw .noAttribute
    }

    package func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        _ body: (DirectoryEntry) -> Bool
    ) throws(VolumeError) {
        try readDirectory(handle, after: cookie, withAttributes: true, body)
    }

    package func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64
    ) throws(VolumeError) {
        try allocate(handle, mode: mode, offset: offset, length: length, killsPrivileges: false)
    }

    package func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64
    ) throws(VolumeError) -> UInt64 {
        try copyRange(
            from: source,
            offset: sourceOffset,
            to: target,
            offset: targetOffset,
            length: length,
            killsPrivileges: false
        )
    }

    package func setExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        context: RequestContext
    ) throws(VolumeError) {
        try setExtendedAttribute(
            of: inode,
            name,
            value,
            mode: mode,
            killsSetGroup: false,
            context: context
        )
    }
}
