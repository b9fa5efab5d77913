internal import Codec
internal import VolumeFormat

extension VolumeCheck {
    mutating func readDirents() throws(VolumeError) {
        var rows: [RowImage] = []
        try forEachRow(of: .dirents) { rows.append($0) }
        for row in rows {
            let parent = Self.number(row.key)
            let place = Self.place(ofName: row.key)
            guard var dirent: DirentRow = decode(row, place) else { continue }
            report.names += 1
            guard let directory = inodes[parent], directory.kind == FileKind.directory.rawValue
            else {
                report.add(.noInode, place, "that is no directory")
                continue
            }
            guard let inode = inodes[dirent.inode] else {
                report.add(.noInode, place, "it names inode \(dirent.inode), which is not there")
                danglingNames.append((row.key, dirent.inode))
                continue
            }
            names[dirent.inode, default: 0] += 1
            parents[dirent.inode] = parent
            var contents = contents[parent] ?? DirectoryContents()
            contents.entries += 1
            if inode.kind != dirent.kind {
                report.add(.directory, place, "kind \(dirent.kind) instead of \(inode.kind)")
                dirent.kind = inode.kind
                wrongNames[row.key] = dirent
            }
            let isFirst = contents.cookies.insert(dirent.cookie).inserted
            if dirent.cookie >= directory.cookie || !isFirst {
                report.add(.directory, place, "cookie \(dirent.cookie) is not its own")
                wrongNames[row.key] = dirent
                if !isFirst { contents.misnumbered.append(row.key) }
            }
            if inode.kind == FileKind.directory.rawValue {
                contents.directories += 1
                if inode.parent != parent {
                    report.add(.directory, place, "its parent is said to be \(inode.parent)")
                    misplaced[dirent.inode] = row.key
                }
            }
            self.contents[parent] = contents
        }
    }

    /// What hangs on an inode must have one.
    mutating func checkAttachments(of table: RowTable) throws(VolumeError) {
        var keys: [[UInt8]] = []
        try forEachRow(of: table) { keys.append($0.key) }
        var found: Set<UInt64> = []
        for key in keys {
            let number = Self.number(key)
            found.insert(number)
            let kind = inodes[number]?.kind
            let isRight = table == .symlinks ? kind == FileKind.symlink.rawValue : kind != nil
            if !isRight { report.add(.noInode, "\(table) of inode \(number)", "there is none") }
            if kind == nil { remains.insert(number) }
        }
        guard table == .symlinks else { return }
        for (number, inode) in inodes.sorted(by: { $0.key < $1.key })
        where inode.kind == FileKind.symlink.rawValue {
            if !found.contains(number) {
                report.add(.noInode, "inode \(number)", "a symlink without a target")
            }
        }
    }

    mutating func checkInodes() {
        for (number, inode) in inodes.sorted(by: { $0.key < $1.key }) {
            let place = "inode \(number)"
            let isDirectory = inode.kind == FileKind.directory.rawValue
            let found = names[number] ?? 0
            let contents = contents[number] ?? DirectoryContents()
            let isRoot = number == InodeNumber.root.rawValue
            if !isDirectory, found != inode.links {
                report.add(.linkCount, place, "\(found) names, \(inode.links) said")
            }
            if isDirectory {
                // Orphans have no names, and none is in them.
                let links = inode.links == 0 ? 0 : 2 + contents.directories
                if links != inode.links || (contents.entries > 0 && inode.links == 0) {
                    report.add(.linkCount, place, "\(links) links, \(inode.links) said")
                }
                let expected: UInt32 = isRoot || inode.links == 0 ? 0 : 1
                if found != expected { report.add(.linkCount, place, "\(found) names") }
                if contents.entries != inode.entries {
                    report.add(
                        .directory,
                        place,
                        "\(contents.entries) names, \(inode.entries) said"
                    )
                }
            }
            if inode.stored != stored[number] ?? 0 {
                report.add(
                    .storedBytes,
                    place,
                    "\(stored[number] ?? 0) covered, \(inode.stored) said"
                )
            }
        }
        if inodes[InodeNumber.root.rawValue] == nil {
            report.add(.noInode, "inode 1", "there is no root")
        }
    }

    /// Every directory must be below the root.
    mutating func checkDirectories() {
        var reached: Set<UInt64> = [InodeNumber.root.rawValue]
        for (number, inode) in inodes.sorted(by: { $0.key < $1.key })
        where inode.kind == FileKind.directory.rawValue && inode.links > 0 {
            var path: [UInt64] = []
            var at = number
            while !reached.contains(at), !path.contains(at), let row = inodes[at] {
                path.append(at)
                at = row.parent
            }
            if reached.contains(at) {
                reached.formUnion(path)
            } else {
                report.add(.unreachable, "inode \(number)", "no way up leads to the root")
            }
        }
    }
}
