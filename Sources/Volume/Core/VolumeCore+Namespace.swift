internal import Codec
internal import VolumeFormat

/// Bounds of names and targets, as Linux has them.
enum NameLimit {
    static let nameMax = 255
    /// PATH_MAX without its terminator.
    static let targetMax = 4095
    static let linksMax = UInt32(Int32.max)
}

extension VolumeCore {
    /// Throws unless `name` can be the name of a dirent.
    func check(_ name: [UInt8]) throws(VolumeError) {
        guard name.count <= NameLimit.nameMax else { throw .nameTooLong }
        guard !name.isEmpty, !name.contains(0), !name.contains(0x2F) else { throw .invalidArgument }
    }

    /// Throws unless `name` can be given to something new.
    private func checkNew(_ name: [UInt8]) throws(VolumeError) {
        try check(name)
        if name == [0x2E] || name == [0x2E, 0x2E] { throw .exists }
    }

    func lookup(_ parent: UInt64, _ name: [UInt8]) throws(VolumeError) -> InodeAttributes {
        // The kernel asks so for any inode that it has a file handle of, and has forgotten.
        if name == [0x2E] { return try inode(parent).inodeAttributes }
        let directory = try directory(parent)
        try check(name)
        if name == [0x2E, 0x2E] { return try inode(directory.row.parent).inodeAttributes }
        guard let found = try dirent(parent, name) else { throw .notFound }
        return try child(found).inodeAttributes
    }

    /// The inode that a dirent names.
    func child(_ dirent: DirentRow) throws(VolumeError) -> InodeEntry {
        do throws(VolumeError) {
            return try inode(dirent.inode)
        } catch {
            if error == .stale { throw .corrupt("a name of inode \(dirent.inode), which is not") }
            throw error
        }
    }

    /// A directory that names can be added to.
    private func livingDirectory(_ number: UInt64) throws(VolumeError) -> InodeEntry {
        let entry = try directory(number)
        guard entry.row.links > 0 else { throw .notFound }
        return entry
    }

    func addDirent(_ directory: InodeEntry, _ name: [UInt8], _ inode: InodeEntry) {
        setDirent(
            directory.number,
            name,
            DirentRow(inode: inode.number, kind: inode.row.kind, cookie: directory.row.cookie)
        )
        directory.row.cookie += 1
        directory.row.entries += 1
        stampDirectory(directory)
    }

    func removeDirent(_ directory: InodeEntry, _ name: [UInt8]) {
        setDirent(directory.number, name, nil)
        directory.row.entries -= 1
        stampDirectory(directory)
    }

    func stampDirectory(_ directory: InodeEntry) {
        let now = now
        directory.row.modified = now
        directory.row.changed = now
        touch(directory)
    }

    /// Makes an inode in memory and in the operation; throws before it has changed anything.
    func newInode(
        in parent: InodeEntry,
        kind: FileKind,
        permissions: UInt16,
        device: UInt32 = 0,
        context: RequestContext
    ) throws(VolumeError) -> InodeEntry {
        // inode(7): a directory's set-group-ID bit hands its group down, and itself to directories.
        let inherits = parent.row.permissions & 0o2000 != 0
        let isDirectory = kind == .directory
        let list = try defaultList(of: parent)
        try beginChange(bytes: 2 * (list?.bytes.count ?? 0))
        var bits = permissions & 0o7777
        if inherits && isDirectory { bits |= 0o2000 }
        let row = InodeRow(
            kind: kind.rawValue,
            permissions: bits,
            links: isDirectory ? 2 : 1,
            user: context.user,
            group: inherits ? parent.row.group : context.group,
            time: now,
            device: device,
            generation: UInt64(token ?? 0),
            parent: isDirectory ? parent.number : 0,
            cookie: isDirectory ? 3 : 0
        )
        let entry = InodeEntry(number: newInodeNumber(), row: row, lastLSN: 0)
        entry.extents = ExtentMap()
        entry.attributes = [:]
        setPermissions(of: entry, from: list, bits, umask: context.umask)
        entry.hasAllNames = isDirectory
        inodes[entry.number] = entry
        inodeCount += 1
        touch(entry)
        return entry
    }

    /// What a directory hands down to what is made in it.
    private func defaultList(of directory: InodeEntry) throws(VolumeError) -> AccessList? {
        guard let bytes = try attributes(of: directory)[AccessList.defaultName] else { return nil }
        return try AccessList.parse(bytes)
    }

    func make(
        in parentNumber: UInt64,
        _ name: [UInt8],
        kind: FileKind,
        permissions: UInt16,
        device: UInt32 = 0,
        target: [UInt8] = [],
        context: RequestContext
    ) throws(VolumeError) -> InodeEntry {
        let parent = try livingDirectory(parentNumber)
        try checkNew(name)
        guard try dirent(parentNumber, name) == nil else { throw .exists }
        if kind == .directory, parent.row.links >= NameLimit.linksMax { throw .tooManyLinks }
        let entry = try newInode(
            in: parent,
            kind: kind,
            permissions: permissions,
            device: device,
            context: context
        )
        if kind == .symlink {
            entry.row.size = UInt64(target.count)
            put(.symlinks, RowKey.number(entry.number), target)
        }
        addDirent(parent, name, entry)
        if kind == .directory { parent.row.links += 1 }
        try finish()
        return entry
    }

    func makeUnnamed(
        in parentNumber: UInt64,
        permissions: UInt16,
        context: RequestContext
    ) throws(VolumeError) -> InodeEntry {
        let parent = try livingDirectory(parentNumber)
        let entry = try newInode(
            in: parent,
            kind: .regular,
            permissions: permissions,
            context: context
        )
        entry.row.links = 0
        try finish()
        return entry
    }

    func readSymlink(_ number: UInt64) throws(VolumeError) -> [UInt8] {
        let entry = try inode(number)
        guard entry.kind == .symlink else { throw .invalidArgument }
        guard let target = try value(.symlinks, RowKey.number(number)) else {
            throw .corrupt("symlink \(number) has no target")
        }
        noteAccess(entry)
        return target
    }

    func link(
        _ number: UInt64,
        to parentNumber: UInt64,
        _ name: [UInt8]
    ) throws(VolumeError) -> InodeAttributes {
        let parent = try livingDirectory(parentNumber)
        try checkNew(name)
        let entry = try inode(number)
        guard !entry.isDirectory else { throw .notPermitted }
        guard entry.row.links < NameLimit.linksMax else { throw .tooManyLinks }
        guard try dirent(parentNumber, name) == nil else { throw .exists }
        if entry.row.links == 0 {
            // Only a file that never had a name, or is still open, comes back (O_TMPFILE).
            guard isHeld(entry) else { throw .notFound }
            try markAllDirty(of: entry)
        }
        try beginChange()
        entry.row.links += 1
        entry.row.changed = now
        touch(entry)
        addDirent(parent, name, entry)
        try finish()
        reapable.remove(number)
        return entry.inodeAttributes
    }

    func unlink(_ parentNumber: UInt64, _ name: [UInt8]) throws(VolumeError) {
        let parent = try directory(parentNumber)
        try check(name)
        guard name != [0x2E], name != [0x2E, 0x2E] else { throw .isDirectory }
        guard let found = try dirent(parentNumber, name) else { throw .notFound }
        let entry = try child(found)
        guard !entry.isDirectory else { throw .isDirectory }
        try beginChange(frees: true)
        removeDirent(parent, name)
        dropLink(of: entry)
        try finish()
        if reapable.contains(entry.number) { try reapSome() }
    }

    func removeDirectory(_ parentNumber: UInt64, _ name: [UInt8]) throws(VolumeError) {
        let parent = try directory(parentNumber)
        try check(name)
        guard name != [0x2E] else { throw .invalidArgument }
        guard name != [0x2E, 0x2E] else { throw .directoryNotEmpty }
        guard let found = try dirent(parentNumber, name) else { throw .notFound }
        let entry = try child(found)
        guard entry.isDirectory else { throw .notDirectory }
        guard entry.row.entries == 0 else { throw .directoryNotEmpty }
        try beginChange(frees: true)
        removeDirent(parent, name)
        parent.row.links -= 1
        dropLink(of: entry)
        try finish()
        if reapable.contains(entry.number) { try reapSome() }
    }

    /// Takes one name away from an inode; of a directory, the only one.
    func dropLink(of entry: InodeEntry) {
        entry.row.links = entry.isDirectory ? 0 : entry.row.links - 1
        entry.row.changed = now
        touch(entry)
        if entry.row.links == 0 { noteOrphan(entry) }
    }

    /// Without attributes no inode is looked at, which a million names would drive out of memory.
    func readDirectory(
        _ handle: HandleNumber,
        after cookie: UInt64,
        limit: Int,
        withAttributes: Bool = true
    ) throws(VolumeError) -> [DirectoryEntry] {
        let file = try file(handle)
        guard file.isDirectory else { throw .badHandle }
        let directory = file.inode
        var entries: [DirectoryEntry] = []
        if cookie < 1 {
            entries.append(
                DirectoryEntry(name: [0x2E], attributes: directory.inodeAttributes, cookie: 1)
            )
        }
        if cookie < 2 {
            // A removed directory has no parent any more; itself will do.
            let parent =
                directory.row.links == 0 ? directory : try inode(directory.row.parent)
            entries.append(
                DirectoryEntry(name: [0x2E, 0x2E], attributes: parent.inodeAttributes, cookie: 2)
            )
        }
        if cookie == 0 { noteAccess(directory) }
        guard directory.row.entries > 0 else { return entries }
        let found = try names(
            of: directory.number,
            after: max(cookie, 2),
            limit: limit - entries.count
        )
        for (name, row) in found {
            entries.append(
                withAttributes
                    ? DirectoryEntry(
                        name: name,
                        attributes: try child(row).inodeAttributes,
                        cookie: row.cookie
                    )
                    : DirectoryEntry(
                        name: name,
                        inode: InodeNumber(row.inode),
                        kind: FileKind(rawValue: row.kind) ?? .regular,
                        cookie: row.cookie
                    )
            )
        }
        return entries
    }

    /// Names of one directory that are merged from memory; more of them go to the database first.
    private static let mergeMax = 256

    /// The dirents of a directory with cookies above `cookie`, ascending; fewer than `limit` only
    /// at the end.
    private func names(
        of directory: UInt64,
        after cookie: UInt64,
        limit: Int
    ) throws(VolumeError) -> [(name: [UInt8], row: DirentRow)] {
        if pendingNames[directory]?.count ?? 0 > Self.mergeMax { try flush() }
        guard let newer = pendingNames[directory] else {
            return try database.directory(directory, after: cookie, limit: limit)
        }
        var waiting: [(name: [UInt8], row: DirentRow)] = []
        for (name, value) in newer {
            guard let value else { continue }
            waiting.append((name, try Self.decode(value, "dirent of \(directory)") as DirentRow))
        }
        var found: [(name: [UInt8], row: DirentRow)] = []
        var after = cookie
        while found.count < limit {
            let stored = try database.directory(directory, after: after, limit: limit)
            // Those beyond the last stored one come in their turn.
            let isEnd = stored.count < limit
            let last = isEnd ? UInt64.max : stored.last?.row.cookie ?? UInt64.max
            var part = stored.filter { newer[$0.name] == nil }
            part += waiting.filter { $0.row.cookie > after && $0.row.cookie <= last }
            found += part.sorted { $0.row.cookie < $1.row.cookie }
            if isEnd { break }
            after = last
        }
        return Array(found.prefix(limit))
    }
}
