internal import VolumeFormat

extension VolumeCore {
    /// The inode, with the contents that the kernel means by this number.
    ///
    /// Throws `stale` when those are no longer the newest and nobody has them open: the kernel then
    /// looks the name up again, and finds the newer ones.
    func entry(ofEdition number: UInt64) throws(VolumeError) -> InodeEntry {
        if let entry = kept[number] { return entry }
        let entry = try inode(Edition.inode(of: number))
        guard entry.edition == number else { throw .stale }
        return entry
    }

    /// Closes a file of a mount that follows.
    func releaseFollowed(_ handle: UInt64) {
        guard let entry = files[handle]?.inode else { return }
        release(handle)
        if entry.handles == 0, kept[entry.edition] === entry { kept[entry.edition] = nil }
    }

    /// Shows the checkpoint that was loaded last; files that are open keep what they have.
    ///
    /// - Returns: Names that the kernel may have heard, and that are no longer so.
    func show(
        _ changes: CheckpointChanges,
        in database: FollowedDatabase
    ) throws(VolumeError) -> [StaleName] {
        try keepOpenFiles(changes.contents)
        try database.advance()
        inodeCount = changes.totals.inodes
        storedBytes = changes.totals.stored
        publishedSequence = changes.totals.publishedSequence
        slices = [:]
        for number in changes.inodes.union(changes.contents) { try renew(number, changes) }
        for key in changes.names {
            guard let (parent, name) = try? RowKey.readNamed(key) else { continue }
            dirents[DirentID(parent: parent, name: name)] = nil
            inodes[parent]?.hasAllNames = false
        }
        return staleNames(changes)
    }

    /// Reads what open files of the checkpoint so far need, while it can be read.
    private func keepOpenFiles(_ changed: Set<UInt64>) throws(VolumeError) {
        for file in files.values where !file.isDirectory && changed.contains(file.inode.number) {
            let entry = file.inode
            guard inodes[entry.number] === entry else { continue }
            try extents(of: entry)
            _ = try attributes(of: entry)
            kept[entry.edition] = entry
            inodes[entry.number] = nil
        }
    }

    /// Brings an inode in memory to the checkpoint that is shown now.
    private func renew(_ number: UInt64, _ changes: CheckpointChanges) throws(VolumeError) {
        guard let entry = inodes[number] else { return }
        guard let bytes = try value(.inodes, RowKey.number(number)) else {
            // Who has a removed directory open finds it empty.
            entry.row.links = 0
            entry.row.entries = 0
            inodes[number] = nil
            return
        }
        if changes.contents.contains(number), !entry.isDirectory {
            inodes[number] = nil
            return
        }
        entry.row = try Self.decode(bytes, "inode \(number)")
        entry.attributes = nil
    }

    private func staleNames(_ changes: CheckpointChanges) -> [StaleName] {
        var stale: [StaleName] = []
        func add(_ key: [UInt8], isKept: Bool) {
            // The kernel knows no name in a directory that it was never told of.
            guard let (parent, name) = try? RowKey.readNamed(key), isKnown(parent) else { return }
            stale.append(StaleName(parent: InodeNumber(parent), name: name, isKept: isKept))
        }
        for key in changes.names { add(key, isKept: false) }
        for (key, isDirectory) in changes.namesOfInodes where !changes.names.contains(key) {
            add(key, isKept: isDirectory)
        }
        return stale
    }

    /// Those of `inodes` that the kernel was told of, by the numbers that it was told.
    func known(of inodes: ArraySlice<UInt64>) throws(VolumeError) -> [InodeNumber] {
        var known: [InodeNumber] = []
        for inode in inodes {
            let number = Edition.number(of: inode, try database.edition(of: inode))
            if isKnown(number) { known.append(InodeNumber(number)) }
        }
        return known
    }

    private func isKnown(_ number: UInt64) -> Bool {
        number == InodeNumber.root.rawValue || lookups[number] != nil
    }
}
