internal import Synchronization

extension Volume {
    package func lookup(
        _ parent: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> InodeAttributes {
        try locked { (core) throws(VolumeError) in try core.lookup(parent.rawValue, name) }
    }

    package func remember(_ inode: InodeNumber) {
        core.withLock { $0.remember(inode.rawValue) }
    }

    package func forget(_ inode: InodeNumber, count: UInt64) {
        core.withLock { $0.forget(inode.rawValue, count: count) }
    }

    package func attributes(of inode: InodeNumber) throws(VolumeError) -> InodeAttributes {
        try locked { (core) throws(VolumeError) in
            try core.inode(inode.rawValue).inodeAttributes
        }
    }

    package func setAttributes(
        of inode: InodeNumber,
        _ changes: AttributeChanges,
        handle: HandleNumber?,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try locked { (core) throws(VolumeError) in
            try core.setAttributes(
                of: inode.rawValue,
                changes,
                handle: handle,
                user: context.user
            )
        }
    }

    package func readSymlink(_ inode: InodeNumber) throws(VolumeError) -> [UInt8] {
        try locked { (core) throws(VolumeError) in try core.readSymlink(inode.rawValue) }
    }

    package func makeNode(
        in parent: InodeNumber,
        _ name: [UInt8],
        kind: FileKind,
        permissions: UInt16,
        device: UInt32,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        guard kind != .directory, kind != .symlink else { throw .invalidArgument }
        let isDevice = kind == .characterDevice || kind == .blockDevice
        return try locked { (core) throws(VolumeError) in
            try core.make(
                in: parent.rawValue,
                name,
                kind: kind,
                permissions: permissions,
                device: isDevice ? device : 0,
                context: context
            ).inodeAttributes
        }
    }

    package func makeDirectory(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try locked { (core) throws(VolumeError) in
            try core.make(
                in: parent.rawValue,
                name,
                kind: .directory,
                permissions: permissions,
                context: context
            ).inodeAttributes
        }
    }

    package func makeSymlink(
        in parent: InodeNumber,
        _ name: [UInt8],
        target: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        guard target.count <= NameLimit.targetMax else { throw .nameTooLong }
        guard !target.isEmpty else { throw .notFound }
        guard !target.contains(0) else { throw .invalidArgument }
        return try locked { (core) throws(VolumeError) in
            try core.make(
                in: parent.rawValue,
                name,
                kind: .symlink,
                permissions: 0o777,
                target: target,
                context: context
            ).inodeAttributes
        }
    }

    package func unlink(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.unlink(parent.rawValue, name) }
    }

    package func removeDirectory(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.removeDirectory(parent.rawValue, name)
        }
    }

    package func rename(
        _ parent: InodeNumber,
        _ name: [UInt8],
        to newParent: InodeNumber,
        _ newName: [UInt8],
        flags: RenameFlags,
        context: RequestContext
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.rename(
                parent.rawValue,
                name,
                to: newParent.rawValue,
                newName,
                flags: flags,
                context: context
            )
        }
    }

    package func link(
        _ inode: InodeNumber,
        to parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try locked { (core) throws(VolumeError) in
            try core.link(inode.rawValue, to: parent.rawValue, name)
        }
    }

    package func openDirectory(_ inode: InodeNumber) throws(VolumeError) -> HandleNumber {
        HandleNumber(
            try locked { (core) throws(VolumeError) in try core.openDirectory(inode.rawValue) }
        )
    }

    /// Entries that one visit to the lock reads.
    private static let listingStep = 256

    package func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        withAttributes: Bool,
        _ body: (DirectoryEntry) -> Bool
    ) throws(VolumeError) {
        var cookie = cookie
        while true {
            let entries = try locked { (core) throws(VolumeError) in
                try core.readDirectory(
                    handle,
                    after: cookie,
                    limit: Self.listingStep,
                    withAttributes: withAttributes
                )
            }
            for entry in entries {
                guard body(entry) else { return }
                cookie = entry.cookie
            }
            guard entries.count == Self.listingStep else { return }
        }
    }

    package func releaseDirectory(_ handle: HandleNumber) { release(handle) }

    package func extendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> [UInt8] {
        try locked { (core) throws(VolumeError) in
            try core.extendedAttribute(of: inode.rawValue, name)
        }
    }

    package func extendedAttributeNames(
        of inode: InodeNumber
    ) throws(VolumeError) -> [[UInt8]] {
        try locked { (core) throws(VolumeError) in
            try core.extendedAttributeNames(of: inode.rawValue)
        }
    }

    package func setExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        killsSetGroup: Bool,
        context: RequestContext
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.setExtendedAttribute(
                of: inode.rawValue,
                name,
                value,
                mode: mode,
                killsSetGroup: killsSetGroup
            )
        }
    }

    package func removeExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.removeExtendedAttribute(of: inode.rawValue, name)
        }
    }

    package func statistics() throws(VolumeError) -> VolumeStatistics {
        try locked { (core) throws(VolumeError) in
            // What was removed a moment ago does not count any more.
            try core.reapSome()
            return core.statistics()
        }
    }
}
