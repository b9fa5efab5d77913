internal import Synchronization
internal import Volume

/// Names.
extension PlainTree {
    func lookup(
        _ parent: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            try state.inode(state.child(parent.rawValue, name)).attributes
        }
    }

    func remember(_ inode: InodeNumber) {
        state.withLock { $0.inodes[inode.rawValue]?.lookups += 1 }
    }

    func forget(_ inode: InodeNumber, count: UInt64) {
        state.withLock { state in
            guard let known = state.inodes[inode.rawValue]?.lookups else { return }
            precondition(known >= count, "forgotten more often than told")
            state.inodes[inode.rawValue]?.lookups -= count
            state.collect(inode.rawValue)
        }
    }

    /// Makes an inode and a name for it, or none.
    private func make(
        _ state: inout PlainState,
        _ parent: InodeNumber,
        _ name: [UInt8]?,
        _ kind: FileKind,
        _ permissions: UInt16,
        _ context: RequestContext
    ) throws(VolumeError) -> UInt64 {
        let directory = try state.inode(parent.rawValue).attributes
        guard directory.kind == .directory else { throw .notDirectory }
        guard directory.linkCount > 0 else { throw .notFound }
        if let name, try state.inode(parent.rawValue).entries[name] != nil { throw .exists }
        state.inodeLast += 1
        let number = state.inodeLast
        // A directory with the set-group bit hands its group on, and the bit to directories.
        let inherits = directory.permissions & 0o2000 != 0
        let masked = kind == .symlink ? permissions : permissions & ~context.umask
        let bits = inherits && kind == .directory ? masked | 0o2000 : masked
        var attributes = Self.makeAttributes(
            number,
            kind,
            bits,
            user: context.user,
            group: inherits ? directory.group : context.group
        )
        if name == nil { attributes.linkCount = 0 }
        state.inodes[number] = PlainInode(attributes: attributes)
        if let name { state.addEntry(parent.rawValue, name, number) }
        return number
    }

    func makeNode(
        in parent: InodeNumber,
        _ name: [UInt8],
        kind: FileKind,
        permissions: UInt16,
        device: UInt32,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            let number = try make(&state, parent, name, kind, permissions, context)
            state.change(number) { $0.attributes.device = device }
            return try state.inode(number).attributes
        }
    }

    func makeDirectory(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            let number = try make(&state, parent, name, .directory, permissions, context)
            return try state.inode(number).attributes
        }
    }

    func makeSymlink(
        in parent: InodeNumber,
        _ name: [UInt8],
        target: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            let number = try make(&state, parent, name, .symlink, 0o777, context)
            state.change(number) { inode in
                inode.target = target
                inode.attributes.size = UInt64(target.count)
            }
            return try state.inode(number).attributes
        }
    }

    func readSymlink(_ inode: InodeNumber) throws(VolumeError) -> [UInt8] {
        try state.withLock { state throws(VolumeError) in
            let inode = try state.inode(inode.rawValue)
            guard inode.attributes.kind == .symlink else { throw .invalidArgument }
            return inode.target
        }
    }

    func create(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        try state.withLock { state throws(VolumeError) in
            if !flags.contains(.exclusive),
                let there = try state.inode(parent.rawValue).entries[name]?.inode
            {
                if flags.contains(.truncate) { state.change(there) { $0.truncate(to: 0) } }
                return (try state.inode(there).attributes, state.openHandle(there, flags))
            }
            let number = try make(&state, parent, name, .regular, permissions, context)
            return (try state.inode(number).attributes, state.openHandle(number, flags))
        }
    }

    func createUnnamed(
        in parent: InodeNumber,
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        try state.withLock { state throws(VolumeError) in
            let number = try make(&state, parent, nil, .regular, permissions, context)
            return (try state.inode(number).attributes, state.openHandle(number, flags))
        }
    }

    func unlink(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try state.withLock { state throws(VolumeError) in
            let number = try state.child(parent.rawValue, name)
            if try state.inode(number).attributes.kind == .directory { throw .isDirectory }
            state.removeEntry(parent.rawValue, name, number)
            state.unlink(number)
        }
    }

    func removeDirectory(
        _ parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try state.withLock { state throws(VolumeError) in
            let number = try state.child(parent.rawValue, name)
            let inode = try state.inode(number)
            guard inode.attributes.kind == .directory else { throw .notDirectory }
            guard inode.entries.isEmpty else { throw .directoryNotEmpty }
            state.removeEntry(parent.rawValue, name, number)
            state.unlink(number)
        }
    }

    func rename(
        _ parent: InodeNumber,
        _ name: [UInt8],
        to newParent: InodeNumber,
        _ newName: [UInt8],
        flags: RenameFlags,
        context: RequestContext
    ) throws(VolumeError) {
        try state.withLock { state throws(VolumeError) in
            let moved = try state.child(parent.rawValue, name)
            let there = try state.inode(newParent.rawValue).entries[newName]?.inode
            if flags.contains(.whiteout) { throw .invalidArgument }
            if flags.contains(.noReplace), there != nil { throw .exists }
            if moved == there { return }
            if flags.contains(.exchange) {
                guard let there else { throw .notFound }
                state.removeEntry(parent.rawValue, name, moved)
                state.removeEntry(newParent.rawValue, newName, there)
                state.addEntry(parent.rawValue, name, there)
                state.addEntry(newParent.rawValue, newName, moved)
                return
            }
            if let there {
                let old = try state.inode(there)
                let isDirectory = try state.inode(moved).attributes.kind == .directory
                if old.attributes.kind == .directory {
                    if !isDirectory { throw .isDirectory }
                    if !old.entries.isEmpty { throw .directoryNotEmpty }
                } else if isDirectory {
                    throw .notDirectory
                }
                state.removeEntry(newParent.rawValue, newName, there)
                state.unlink(there)
            }
            state.removeEntry(parent.rawValue, name, moved)
            state.addEntry(newParent.rawValue, newName, moved)
            state.change(moved) { $0.attributes.changed = Self.now() }
        }
    }

    func link(
        _ inode: InodeNumber,
        to parent: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            if try state.inode(parent.rawValue).entries[name] != nil { throw .exists }
            if try state.inode(inode.rawValue).attributes.kind == .directory { throw .notPermitted }
            state.addEntry(parent.rawValue, name, inode.rawValue)
            state.change(inode.rawValue) { inode in
                inode.attributes.linkCount += 1
                inode.attributes.changed = Self.now()
            }
            return try state.inode(inode.rawValue).attributes
        }
    }

    func openDirectory(_ inode: InodeNumber) throws(VolumeError) -> HandleNumber {
        try state.withLock { state throws(VolumeError) in
            guard try state.inode(inode.rawValue).attributes.kind == .directory else {
                throw .notDirectory
            }
            return state.openHandle(inode.rawValue, .read)
        }
    }

    func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        withAttributes: Bool,
        _ body: (DirectoryEntry) -> Bool
    ) throws(VolumeError) {
        let entries = try state.withLock { state throws(VolumeError) in
            let number = try state.inode(of: handle)
            let directory = try state.inode(number)
            let dots: [([UInt8], UInt64, UInt64)] = [
                ([0x2E], number, 1), ([0x2E, 0x2E], directory.parent, 2),
            ]
            let names = directory.entries.map { ($0.key, $0.value.inode, $0.value.cookie) }
            return (dots + names).filter { $0.2 > cookie }.sorted { $0.2 < $1.2 }
                .compactMap { name, number, cookie in
                    state.inodes[number].map {
                        DirectoryEntry(name: name, attributes: $0.attributes, cookie: cookie)
                    }
                }
        }
        for entry in entries where !body(entry) { return }
    }

    func releaseDirectory(_ handle: HandleNumber) { release(handle) }
}
