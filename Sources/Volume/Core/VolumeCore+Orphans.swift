// An inode without links is its own record of being an orphan. It lives while it is open or the
// kernel remembers it; then it is removed, with big files in steps, so that no step holds the lock
// for long. What is left of it after a crash is removed when the volume is opened.

internal import VolumeFormat

extension VolumeCore {
    /// Extents that one step of a removal frees.
    static let reapStep = 2048

    /// Whether a process or the kernel may still use an inode without links.
    func isHeld(_ entry: InodeEntry) -> Bool {
        entry.handles > 0 || lookups[entry.number] != nil
    }

    func noteOrphan(_ entry: InodeEntry) {
        if !isHeld(entry) { reapable.insert(entry.number) }
    }

    /// Says that an inode is closed or forgotten.
    func noteUnused(_ entry: InodeEntry) throws(VolumeError) {
        guard entry.row.links == 0, !isHeld(entry) else { return }
        reapable.insert(entry.number)
        try reapSome()
    }

    /// Removes a few orphans; more of them wait for the background.
    func reapSome() throws(VolumeError) {
        guard failure == nil, !configuration.readOnly, token != nil else { return }
        for _ in 0..<4 {
            guard let number = reapable.first else { return }
            do throws(VolumeError) {
                try reapStep(number)
            } catch {
                // What was asked for has happened; the orphan waits for room.
                if error == .noSpace { return }
                throw error
            }
        }
    }

    /// One step of removing an orphan: a run of extents, or what is left.
    private func reapStep(_ number: UInt64) throws(VolumeError) {
        let entry = try inode(number)
        precondition(entry.row.links == 0)
        let extents = try extents(of: entry).prefix(Self.reapStep + 1)
        for extent in extents where slices[extent.slice] == nil { _ = try slice(extent.slice) }
        let attributes = try attributes(of: entry)
        try beginChange(bytes: 64 * Self.reapStep, frees: true)
        if extents.count > Self.reapStep {
            let upper = extents[Self.reapStep - 1].end
            record(entry.replaceExtents(from: 0, to: upper, with: nil), of: entry)
            touch(entry)
            return try finish()
        }
        if let last = extents.last {
            record(entry.replaceExtents(from: 0, to: last.end, with: nil), of: entry)
        }
        for name in attributes.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            put(.xattrs, RowKey.named(number, name), nil)
        }
        if entry.kind == .symlink { put(.symlinks, RowKey.number(number), nil) }
        reapable.remove(number)
        inodes[number] = nil
        inodeCount -= 1
        touch(entry)
        try finish()
    }

    /// Makes every row of an inode dirty: it enters or leaves what checkpoints have.
    func markAllDirty(of entry: InodeEntry) throws(VolumeError) {
        var keys = [
            RowImage(
                table: RowTable.inodes.rawValue,
                key: RowKey.number(entry.number),
                value: nil
            )
        ]
        for name in try attributes(of: entry).keys {
            keys.append(
                RowImage(
                    table: RowTable.xattrs.rawValue,
                    key: RowKey.named(entry.number, name),
                    value: nil
                )
            )
        }
        if entry.kind == .symlink {
            keys.append(
                RowImage(
                    table: RowTable.symlinks.rawValue,
                    key: RowKey.number(entry.number),
                    value: nil
                )
            )
        }
        try extents(of: entry).forEach(from: 0, to: .max) { extent in
            keys.append(
                RowImage(
                    table: RowTable.extents.rawValue,
                    key: RowKey.extent(entry.number, offset: extent.offset),
                    value: nil
                )
            )
            return true
        }
        do throws(VolumeError) {
            try database.markDirty(keys, generation: generation)
        } catch {
            throw fail("the database can not be written: \(error)")
        }
    }
}

extension InodeEntry {
    /// - Precondition: The extents were loaded.
    func replaceExtents(from lower: UInt64, to upper: UInt64, with new: Extent?) -> ExtentChange {
        guard let change = extents?.replace(from: lower, to: upper, with: new) else {
            preconditionFailure("extents are changed before they are read")
        }
        return change
    }
}
