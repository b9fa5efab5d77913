internal import Codec
internal import VolumeFormat

extension VolumeCore {
    /// Rows of one operation.
    private static let repairStep = 1024

    /// Sets right what a plan says, and forgets what memory knew of it.
    ///
    /// - Precondition: Nothing is open.
    func apply(_ plan: RepairPlan) throws(VolumeError) {
        precondition(files.isEmpty, "a volume is repaired before it is used")
        try beginChange(bytes: 1 << 20)
        if let mark = plan.inodeMark { setInodeMark(mark) }
        if let mark = plan.sliceMark { setSliceMark(mark) }
        inodeCount = plan.inodeCount ?? inodeCount
        storedBytes = plan.storedBytes ?? storedBytes
        for (number, row) in plan.slices.sorted(by: { $0.key < $1.key }) {
            let entry = try slice(number)
            entry.row = row
            put(.slices, RowKey.number(number), row.bcsBytes)
            try step()
        }
        for (number, row) in plan.inodes.sorted(by: { $0.key < $1.key }) {
            put(.inodes, RowKey.number(number), row.bcsBytes)
            if row.links > 0 { reapable.remove(number) }
            try step()
        }
        let names = plan.dirents.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (key, row) in names {
            put(.dirents, key, row?.bcsBytes)
            try step()
        }
        try finish()
        inodes = [:]
        dirents = [:]
        for number in plan.lost { try findHome(for: number) }
    }

    private func step() throws(VolumeError) {
        guard operationRows.count >= Self.repairStep else { return }
        try finish()
        try beginChange(bytes: 1 << 20)
    }

    private func setInodeMark(_ mark: UInt64) {
        nextInode = max(nextInode, mark)
        inodeMark = nextInode
        put(.volume, VolumeRowName.inodeMark, inodeMark.bcsBytes)
    }

    private func setSliceMark(_ mark: UInt64) {
        nextSlice = max(nextSlice, mark)
        sliceMark = nextSlice
        put(.volume, VolumeRowName.sliceMark, sliceMark.bcsBytes)
    }

    private static let lostName = Array("lost+found".utf8)

    /// Gives an inode without a name one in `lost+found`: `#` and its number.
    private func findHome(for number: UInt64) throws(VolumeError) {
        let lost = try lostAndFound()
        let entry = try inode(number)
        var name = Array("#\(number)".utf8)
        while try dirent(lost.number, name) != nil { name.append(0x23) }
        try beginChange()
        let row = DirentRow(inode: number, kind: entry.row.kind, cookie: lost.row.cookie)
        setDirent(lost.number, name, row)
        lost.row.cookie += 1
        lost.row.entries += 1
        if entry.isDirectory {
            lost.row.links += 1
            entry.row.parent = lost.number
        } else {
            entry.row.links = 1
        }
        touch(lost)
        touch(entry)
        try finish()
    }

    /// The directory `lost+found` of the root, made if there is none.
    private func lostAndFound() throws(VolumeError) -> InodeEntry {
        let root = try directory(InodeNumber.root.rawValue)
        var name = Self.lostName
        // A file of that name stays what it is.
        while let found = try dirent(root.number, name) {
            let entry = try inode(found.inode)
            if entry.isDirectory { return entry }
            name.append(0x23)
        }
        try beginChange()
        let number = newInodeNumber()
        let row = InodeRow(
            kind: FileKind.directory.rawValue,
            permissions: 0o700,
            links: 2,
            user: configuration.rootUser,
            group: configuration.rootGroup,
            time: now,
            generation: UInt64(token ?? 0),
            parent: root.number,
            cookie: 3
        )
        let entry = InodeEntry(number: number, row: row, lastLSN: 0)
        entry.extents = ExtentMap()
        entry.attributes = [:]
        inodes[number] = entry
        inodeCount += 1
        setDirent(
            root.number,
            name,
            DirentRow(inode: number, kind: row.kind, cookie: root.row.cookie)
        )
        root.row.cookie += 1
        root.row.entries += 1
        root.row.links += 1
        touch(root)
        touch(entry)
        try finish()
        return entry
    }
}
