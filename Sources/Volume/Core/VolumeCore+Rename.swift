internal import VolumeFormat

extension VolumeCore {
    /// One end of a rename.
    private struct Place {
        let directory: InodeEntry
        let name: [UInt8]
        let dirent: DirentRow
        let inode: InodeEntry
    }

    func rename(
        _ parent: UInt64,
        _ name: [UInt8],
        to newParent: UInt64,
        _ newName: [UInt8],
        flags: RenameFlags,
        context: RequestContext
    ) throws(VolumeError) {
        guard flags.areKnown else { throw .invalidArgument }
        let from = try directory(parent)
        let to = try directory(newParent)
        for name in [name, newName] {
            try check(name)
            guard name != [0x2E], name != [0x2E, 0x2E] else { throw .invalidArgument }
        }
        guard let found = try dirent(parent, name) else { throw .notFound }
        let source = Place(directory: from, name: name, dirent: found, inode: try child(found))
        var target: Place?
        if let other = try dirent(newParent, newName) {
            target = Place(directory: to, name: newName, dirent: other, inode: try child(other))
        }
        guard to.row.links > 0 else { throw .notFound }
        if flags.contains(.noReplace), target != nil { throw .exists }
        if source.inode.isDirectory, try contains(source.inode, to) { throw .invalidArgument }
        if flags.contains(.exchange) {
            guard let target else { throw .notFound }
            return try exchange(source, target)
        }
        if let target, target.inode === source.inode { return }
        try move(
            source,
            to: to,
            newName,
            replacing: target,
            leavingWhiteoutOf: flags.contains(.whiteout) ? context : nil
        )
    }

    /// Whether `directory` is `ancestor` or below it.
    private func contains(
        _ ancestor: InodeEntry,
        _ directory: InodeEntry
    ) throws(VolumeError) -> Bool {
        var at = directory
        var steps = 0
        while at !== ancestor {
            if at.number == InodeNumber.root.rawValue || at.row.links == 0 { return false }
            at = try inode(at.row.parent)
            steps += 1
            guard steps < 1 << 20 else { throw .corrupt("a loop of directories") }
        }
        return true
    }

    private func move(
        _ source: Place,
        to: InodeEntry,
        _ newName: [UInt8],
        replacing target: Place?,
        leavingWhiteoutOf context: RequestContext?
    ) throws(VolumeError) {
        let isDirectory = source.inode.isDirectory
        if let target {
            if isDirectory {
                guard target.inode.isDirectory else { throw .notDirectory }
                guard target.inode.row.entries == 0 else { throw .directoryNotEmpty }
            } else if target.inode.isDirectory {
                throw try contains(target.inode, source.directory)
                    ? .directoryNotEmpty : .isDirectory
            }
        }
        if isDirectory, source.directory !== to, to.row.links >= NameLimit.linksMax {
            throw .tooManyLinks
        }
        try beginChange()
        let whiteout = try context.map { (context) throws(VolumeError) in
            try newInode(
                in: source.directory,
                kind: .characterDevice,
                permissions: 0,
                context: context
            )
        }
        if let target {
            removeDirent(to, newName)
            if isDirectory { to.row.links -= 1 }
            dropLink(of: target.inode)
        }
        removeDirent(source.directory, source.name)
        if let whiteout { addDirent(source.directory, source.name, whiteout) }
        addDirent(to, newName, source.inode)
        if isDirectory {
            source.directory.row.links -= 1
            to.row.links += 1
            source.inode.row.parent = to.number
        }
        source.inode.row.changed = now
        touch(source.inode)
        try finish()
        if let target, reapable.contains(target.inode.number) { try reapSome() }
    }

    private func exchange(_ source: Place, _ target: Place) throws(VolumeError) {
        guard source.inode !== target.inode else { return }
        if target.inode.isDirectory, try contains(target.inode, source.directory) {
            throw .invalidArgument
        }
        try beginChange()
        for (place, other) in [(source, target), (target, source)] {
            setDirent(
                place.directory.number,
                place.name,
                DirentRow(
                    inode: other.inode.number,
                    kind: other.inode.row.kind,
                    cookie: place.dirent.cookie
                )
            )
            if place.inode.isDirectory { place.directory.row.links -= 1 }
            if other.inode.isDirectory {
                place.directory.row.links += 1
                other.inode.row.parent = place.directory.number
            }
            stampDirectory(place.directory)
            other.inode.row.changed = now
            touch(other.inode)
        }
        try finish()
    }
}
