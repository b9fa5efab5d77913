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

    /// Orphans that are removed by one operation.
    private static let reapBatch = 64

    /// Says that an inode is closed or forgotten.
    ///
    /// A few orphans are waited for, so that they go together: the background takes what is left.
    func noteUnused(_ entry: InodeEntry) throws(VolumeError) {
        guard entry.row.links == 0, !isHeld(entry) else { return }
        reapable.insert(entry.number)
        if reapable.count >= Self.reapBatch { try reapSome() }
    }

    /// Removes a few orphans; more of them wait for the background.
    func reapSome() throws(VolumeError) {
        guard failure == nil, !configuration.readOnly, token != nil else { return }
        let some = reapable.first(Self.reapBatch)
        guard !some.isEmpty else { return }
        do throws(VolumeError) {
            try reap(some.sorted())
            isReapingStuck = false
        } catch {
            isReapingStuck = true
            // What was asked for has happened; the orphans wait for room, or for the disk.
            if failure != nil { throw error }
        }
    }

    /// Whether orphans wait that the next call of ``reapSome()`` may remove.
    var canReap: Bool { !reapable.isEmpty && !isReapingStuck }

    /// An orphan that goes, and what is to be removed of it.
    private struct Leaving {
        let entry: InodeEntry
        let extents: [Extent]
        let attributes: [[UInt8]]
    }

    /// One step of removing orphans: as many as have no more extents than one step frees, or a run
    /// of extents of the first.
    private func reap(_ numbers: [UInt64]) throws(VolumeError) {
        var leaving: [Leaving] = []
        var count = 0
        for number in numbers {
            let entry = try inode(number)
            precondition(entry.row.links == 0)
            guard !isHeld(entry) else {
                // Found again by its number; it is noted once more when it is forgotten.
                reapable.remove(number)
                continue
            }
            let extents = try extents(of: entry).prefix(Self.reapStep + 1)
            guard leaving.isEmpty || count + extents.count <= Self.reapStep else { break }
            for extent in extents where slices[extent.slice] == nil { _ = try slice(extent.slice) }
            let names = try attributes(of: entry).keys
                .sorted { $0.lexicographicallyPrecedes($1) }
            leaving.append(Leaving(entry: entry, extents: extents, attributes: names))
            count += extents.count
        }
        guard let first = leaving.first else { return }
        let names = leaving.reduce(0) { $1.attributes.reduce($0) { $0 + $1.count + 32 } }
        let extents = count + 4 * Self.reapBatch
        try beginChange(bytes: Self.extentBytes * extents + names, frees: true)
        if first.extents.count > Self.reapStep {
            let upper = first.extents[Self.reapStep - 1].end
            let change = first.entry.replaceExtents(from: 0, to: upper, with: nil)
            record(change, of: first.entry)
            touch(first.entry)
        } else {
            for one in leaving { remove(one) }
        }
        try finish()
    }

    private func remove(_ leaving: Leaving) {
        let entry = leaving.entry
        if let last = leaving.extents.last {
            record(entry.replaceExtents(from: 0, to: last.end, with: nil), of: entry)
        }
        for name in leaving.attributes { put(.xattrs, RowKey.named(entry.number, name), nil) }
        if entry.kind == .symlink { put(.symlinks, RowKey.number(entry.number), nil) }
        reapable.remove(entry.number)
        inodes[entry.number] = nil
        inodeCount -= 1
        touch(entry)
    }

    /// Makes every row of an inode dirty: it enters or leaves what checkpoints have.
    func markAllDirty(of entry: InodeEntry) throws(VolumeError) {
        let keys = try rowKeys(of: entry)
        try putIntoView { () throws(VolumeError) in
            try database.markDirty(keys, generation: generation)
        }
    }

    /// The keys of every row of an inode.
    func rowKeys(of entry: InodeEntry) throws(VolumeError) -> [RowImage] {
        var keys = [
            RowImage(
                table: RowTable.inodes.rawValue,
                key: RowKey.number(entry.number),
                value: nil
            )
        ]
        for name in try attributes(of: entry).keys
            .sorted(by: { $0.lexicographicallyPrecedes($1) })
        {
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
        var slices: Set<UInt64> = []
        try extents(of: entry).forEach(from: 0, to: .max) { extent in
            slices.insert(extent.slice)
            keys.append(
                RowImage(
                    table: RowTable.extents.rawValue,
                    key: RowKey.extent(entry.number, offset: extent.offset),
                    value: nil
                )
            )
            return true
        }
        // Checkpoints count no references of orphans.
        for slice in slices.sorted() {
            keys.append(
                RowImage(
                    table: RowTable.slices.rawValue,
                    key: RowKey.number(slice),
                    value: nil
                )
            )
        }
        return keys
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
