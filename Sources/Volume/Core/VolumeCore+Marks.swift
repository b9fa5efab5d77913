// Marks tie checkpoints to the log (`Docs/Decisions/0155-the-view-is-made-anew.md`). A checkpoint
// has, as one of its rows, the place in the log where it was cut; the log has the same row there.
// The rows of the head, and the records from its mark on, are the live volume.

internal import Codec
internal import VolumeFormat

extension VolumeCore {
    /// Adds the mark to the operation under way.
    func putMark() {
        let mark = LogMark(token: token ?? 0, lsn: log.lastLSN + 1)
        put(.volume, VolumeRowName.logMark, mark.bcsBytes)
    }

    /// Writes the mark of a cut that is not empty, and behind it what no checkpoint has: the
    /// inodes without links.
    ///
    /// - Precondition: Nothing is pending.
    func markCut(_ orphans: [UInt64]) throws(VolumeError) {
        guard !configuration.readOnly, token != nil else { return }
        guard try database.hasDirtyKeys(after: 0) else { return }
        // A checkpoint makes room in the log.
        try beginChange(frees: true)
        cutMark = log.lastLSN + 1
        putMark()
        try finish()
        for number in orphans { try restate(inode(number)) }
    }

    /// Rows that one record of a restated inode has.
    private static let restateStep = 4096

    /// Writes all rows of an inode to the log once more, as they are.
    private func restate(_ entry: InodeEntry) throws(VolumeError) {
        let extents = try extents(of: entry).parts(from: 0, to: .max)
        for extent in extents where slices[extent.slice] == nil { _ = try slice(extent.slice) }
        let attributes = try attributes(of: entry)
        let bytes = attributes.reduce(0) { $0 + $1.key.count + $1.value.count + 64 }
        try beginChange(bytes: bytes + 128 * Self.restateStep, frees: true)
        for name in attributes.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            put(.xattrs, RowKey.named(entry.number, name), attributes[name])
        }
        if entry.kind == .symlink {
            let key = RowKey.number(entry.number)
            put(.symlinks, key, try value(.symlinks, key))
        }
        touch(entry)
        for start in stride(from: 0, to: extents.count, by: Self.restateStep) {
            if start > 0 {
                try finish()
                try beginChange(bytes: 128 * Self.restateStep, frees: true)
            }
            for extent in extents[start..<min(extents.count, start + Self.restateStep)] {
                let key = RowKey.extent(entry.number, offset: extent.offset)
                put(.extents, key, extent.row.bcsBytes)
                if let slice = slices[extent.slice] { touch(slice) }
            }
        }
        try finish()
    }

    /// Begins the log of a volume that was loaded with the mark of what was loaded, so that the log
    /// says what it continues.
    func beginLog() throws(VolumeError) {
        guard let mark = try value(.volume, VolumeRowName.logMark) else { return }
        let row = RowImage(
            table: RowTable.volume.rawValue,
            key: VolumeRowName.logMark,
            value: mark
        )
        let record = OperationRecord(
            inodes: inodeCount,
            stored: storedBytes,
            data: nil,
            rows: [row]
        )
        try log.reserve(4096, frees: false)
        // The database has the row; written as an operation it would be a change to publish.
        appliedLSN = try unsafe log.append(
            record.bytes,
            UnsafeRawBufferPointer(start: nil, count: 0)
        ).lsn
        try syncLog(through: appliedLSN)
        committedLSN = appliedLSN
    }
}

extension RowDatabase {
    /// How many inodes there are, and the bytes that they say they have.
    func countInodes() throws(VolumeError) -> (inodes: UInt64, stored: UInt64) {
        var (count, stored): (UInt64, UInt64) = (0, 0)
        var lower: [UInt8] = []
        while true {
            let rows = try rows(of: .inodes, from: lower, to: nil, limit: 4096)
            for row in rows {
                let inode: InodeRow = try VolumeCore.decode(row.value ?? [], "inode")
                count += 1
                stored += inode.stored
            }
            guard rows.count == 4096, let last = rows.last else { return (count, stored) }
            lower = last.key + [0]
        }
    }
}
