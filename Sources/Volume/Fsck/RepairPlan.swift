// What of a volume's problems can be set right for certain: what is kept twice is taken from where
// it is said once, and what has lost its name gets one. Decided purely, from a check that is over.
//
// While rows can not be read nothing is repaired: what is missed may be what they say.

internal import VolumeFormat

/// The repairs of one check.
struct RepairPlan {
    /// After-images.
    private(set) var inodes: [UInt64: InodeRow] = [:]
    private(set) var slices: [UInt64: SliceRow] = [:]
    /// nil: the name goes.
    private(set) var dirents: [[UInt8]: DirentRow?] = [:]
    /// Inodes without a name, which get one in `lost+found`.
    private(set) var lost: [UInt64] = []
    /// Totals, and marks below which numbers are in use.
    private(set) var inodeCount: UInt64?
    private(set) var storedBytes: UInt64?
    private(set) var inodeMark: UInt64?
    private(set) var sliceMark: UInt64?
    private(set) var names: Set<FsckRepair> = []

    init(_ check: VolumeCheck) {
        guard !check.report.isClean, !check.report.has(.unreadableRow) else { return }
        planNames(check)
        planInodes(check)
        planSlices(check)
        planTotals(check)
    }

    private mutating func note(_ kind: FsckProblem.Kind, _ place: String) {
        names.insert(FsckRepair(kind: kind, place: place))
    }

    // Names.

    private mutating func planNames(_ check: VolumeCheck) {
        for (key, row) in check.wrongNames {
            dirents[key] = .some(row)
            note(.directory, VolumeCheck.place(ofName: key))
        }
        for name in check.danglingNames where isCertain(name.inode, check) {
            dirents[name.key] = .some(nil)
            note(.noInode, VolumeCheck.place(ofName: name.key))
        }
        for (number, inode) in check.inodes.sorted(by: { $0.key < $1.key }) {
            guard number != InodeNumber.root.rawValue, inode.links > 0, check.names[number] == nil
            else { continue }
            lost.append(number)
            note(.linkCount, "inode \(number)")
            note(.unreachable, "inode \(number)")
            note(.directory, "inode \(number)")
        }
    }

    /// Whether nothing at all is left of an inode that a name names.
    private func isCertain(_ inode: UInt64, _ check: VolumeCheck) -> Bool {
        inode > 1 && inode < check.facts.inodeMark && !check.remains.contains(inode)
    }

    // Inodes.

    private mutating func planInodes(_ check: VolumeCheck) {
        let unclear = Set(
            check.danglingNames.filter { !isCertain($0.inode, check) }.map {
                VolumeCheck.number($0.key)
            }
        )
        for (number, inode) in check.inodes {
            var row = inode
            if inode.kind == FileKind.directory.rawValue {
                guard !unclear.contains(number) else { continue }
                repairDirectory(number, &row, check)
            } else if let names = check.names[number], names != inode.links {
                row.links = names
                note(.linkCount, "inode \(number)")
            }
            let stored = check.stored[number] ?? 0
            if row.stored != stored, !check.unclearFiles.contains(number) {
                row.stored = stored
                note(.storedBytes, "inode \(number)")
            }
            if row != inode { inodes[number] = row }
        }
    }

    private mutating func repairDirectory(
        _ number: UInt64,
        _ row: inout InodeRow,
        _ check: VolumeCheck
    ) {
        let contents = check.contents[number] ?? VolumeCheck.DirectoryContents()
        let isRoot = number == InodeNumber.root.rawValue
        // One without links goes with all that is in it, and nothing must be.
        guard row.links > 0 || check.names[number] == 1 else { return }
        let place = "inode \(number)"
        let found = check.names[number] ?? 0
        guard isRoot ? found == 0 : found <= 1 else { return }
        row.links = 2 + contents.directories
        row.entries = contents.entries
        note(.linkCount, place)
        note(.directory, place)
        if !isRoot, let parent = check.parents[number], parent != row.parent {
            row.parent = parent
            note(.unreachable, place)
            if let key = check.misplaced[number] {
                note(.directory, VolumeCheck.place(ofName: key))
            }
        }
        row.cookie = max(row.cookie, (contents.cookies.max() ?? 2) + 1)
        for key in contents.misnumbered.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard case .some(.some(var dirent)) = dirents[key] else { continue }
            dirent.cookie = row.cookie
            dirents[key] = dirent
            row.cookie += 1
        }
    }

    // Slices and totals.

    private mutating func planSlices(_ check: VolumeCheck) {
        let newest = check.facts.publishedSequence
        for (number, slice) in check.slices {
            var row = slice
            row.refs = check.refs[number] ?? 0
            if row.refs > 0 {
                row.died = 0
            } else if row.died == 0 || row.died > newest + 2 {
                // Too high keeps bytes too long, too low loses them.
                row.died = newest + 2
            }
            row.born = min(row.born, newest + 1)
            guard row != slice else { continue }
            slices[number] = row
            note(.sliceReferences, "slice \(number)")
            note(.sliceLife, "slice \(number)")
        }
    }

    private mutating func planTotals(_ check: VolumeCheck) {
        if UInt64(check.inodes.count) != check.facts.inodeCount {
            inodeCount = UInt64(check.inodes.count)
            note(.total, "inodes")
        }
        let stored = check.stored.values.reduce(0, +)
        if stored != check.facts.storedBytes, check.unclearFiles.isEmpty {
            storedBytes = stored
            note(.total, "stored bytes")
        }
        if let last = check.inodes.keys.max(), last > 1, last >= check.facts.inodeMark {
            inodeMark = last + 1
            note(.mark, "inode \(last)")
        }
        let counters = check.slices.keys.filter {
            VolumeCheck.counter($0) >= check.facts.sliceMark
        }
        for number in counters { note(.mark, "slice \(number)") }
        if let last = counters.map(VolumeCheck.counter).max() { sliceMark = last + 1 }
    }
}
