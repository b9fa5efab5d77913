internal import VolumeFormat

extension VolumeCore {
    func newHandle(_ file: OpenFile) -> UInt64 {
        let number = nextHandle
        nextHandle += 1
        files[number] = file
        file.inode.handles += 1
        if isLateWriter(file) { file.inode.lateWriters += 1 }
        return number
    }

    private func isLateWriter(_ file: OpenFile) -> Bool {
        configuration.writesBack && !file.isDirectory && file.flags.contains(.write)
    }

    func file(_ handle: HandleNumber) throws(VolumeError) -> OpenFile {
        guard let flags = handle.direct else {
            guard let file = files[handle.rawValue] else { throw .badHandle }
            return file
        }
        let entry = try inode(handle.rawValue)
        return OpenFile(inode: entry, flags: flags, isDirectory: entry.isDirectory)
    }

    func open(_ number: UInt64, flags: OpenFlags) throws(VolumeError) -> UInt64 {
        let entry = try inode(number)
        guard !entry.isDirectory else { throw .isDirectory }
        guard entry.kind == .regular else { throw .invalidArgument }
        let changes = flags.contains(.write) || flags.contains(.truncate)
        if changes, configuration.readOnly || token == nil { throw .readOnly }
        if flags.contains(.truncate) {
            try truncateForOpen(entry, kills: flags.contains(.killsPrivileges))
        }
        return newHandle(OpenFile(inode: entry, flags: flags, isDirectory: false))
    }

    func create(
        in parent: UInt64,
        _ name: [UInt8],
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (InodeAttributes, UInt64) {
        let directory = try directory(parent)
        try check(name)
        if directory.row.links > 0, name != [0x2E], name != [0x2E, 0x2E],
            let found = try dirent(parent, name)
        {
            guard !flags.contains(.exclusive) else { throw .exists }
            let entry = try child(found)
            let handle = try open(entry.number, flags: flags)
            return (entry.inodeAttributes, handle)
        }
        let entry = try make(
            in: parent,
            name,
            kind: .regular,
            permissions: permissions,
            context: context
        )
        let handle = newHandle(OpenFile(inode: entry, flags: flags, isDirectory: false))
        return (entry.inodeAttributes, handle)
    }

    func createUnnamed(
        in parent: UInt64,
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (InodeAttributes, UInt64) {
        let entry = try makeUnnamed(in: parent, permissions: permissions, context: context)
        let handle = newHandle(OpenFile(inode: entry, flags: flags, isDirectory: false))
        return (entry.inodeAttributes, handle)
    }

    func openDirectory(_ number: UInt64) throws(VolumeError) -> UInt64 {
        let entry = try directory(number)
        return newHandle(OpenFile(inode: entry, flags: [.read], isDirectory: true))
    }

    /// Closes a handle; an orphan that nothing holds any more may go.
    func release(_ handle: UInt64) {
        guard let file = files.removeValue(forKey: handle) else { return }
        file.inode.handles -= 1
        if isLateWriter(file) { file.inode.lateWriters -= 1 }
        do throws(VolumeError) {
            try noteUnused(file.inode)
        } catch {
            // Nobody is left to be told; the orphan is removed later, or at the next opening.
            reapable.insert(file.inode.number)
        }
    }

    func remember(_ number: UInt64) { lookups[number, default: 0] += 1 }

    func forget(_ number: UInt64, count: UInt64) {
        guard let known = lookups[number] else { return }
        guard known <= count else {
            lookups[number] = known - count
            return
        }
        lookups[number] = nil
        // One that left memory is no orphan: those stay as long as they are held.
        guard let entry = inodes[number] else { return }
        do throws(VolumeError) {
            try noteUnused(entry)
        } catch {
            reapable.insert(number)
        }
    }

    func statistics() -> VolumeStatistics {
        let used = min(storedBytes, configuration.capacity)
        return VolumeStatistics(
            bytesTotal: configuration.capacity,
            bytesFree: configuration.capacity - used,
            inodesUsed: inodeCount,
            inodesFree: UInt64(UInt32.max)
        )
    }
}
