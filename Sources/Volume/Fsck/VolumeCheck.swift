// Checks a volume by brute force: every row is read, and what is kept twice is computed anew. Takes
// memory for all inodes and slices, some 200 bytes each, and holds the volume's lock: a check is
// for a volume that nobody mounts, or for tests.

internal import Codec
internal import VolumeFormat

/// One check of all rows.
struct VolumeCheck {
    let core: VolumeCore
    /// Whether bytes that the log does not have must have a place on the network.
    let checksPlacement: Bool
    var report = FsckReport()

    var inodes: [UInt64: InodeRow] = [:]
    /// How many dirents name an inode.
    var names: [UInt64: UInt32] = [:]
    /// What the dirents of a directory come to.
    var contents: [UInt64: DirectoryContents] = [:]
    var stored: [UInt64: UInt64] = [:]
    var refs: [UInt64: UInt32] = [:]
    var slices: [UInt64: SliceRow] = [:]

    struct DirectoryContents {
        var entries: UInt64 = 0
        var directories: UInt32 = 0
        var cookies: Set<UInt64> = []
    }

    init(_ core: VolumeCore, checksPlacement: Bool) {
        self.core = core
        self.checksPlacement = checksPlacement
    }

    mutating func run() throws(VolumeError) -> FsckReport {
        try core.flush()
        try readInodes()
        try readDirents()
        try checkAttachments(of: .xattrs)
        try checkAttachments(of: .symlinks)
        try readSlices()
        try checkExtents()
        checkInodes()
        checkDirectories()
        checkSlices()
        try checkTotals()
        if checksPlacement { try checkPlacements() }
        return report
    }

    /// Hands over all rows of a table, in order.
    func forEachRow(
        of table: RowTable,
        _ body: (RowImage) throws(VolumeError) -> Void
    ) throws(VolumeError) {
        var lower: [UInt8] = []
        while true {
            let rows = try core.database.rows(of: table, from: lower, to: nil, limit: 4096)
            for row in rows { try body(row) }
            guard rows.count == 4096, let last = rows.last else { return }
            lower = last.key + [0]
        }
    }

    /// The value of a row, or nil and a problem.
    mutating func decode<Value: BCSDecodable>(_ row: RowImage, _ place: String) -> Value? {
        if let value = try? Value(bcsBytes: row.value ?? []) { return value }
        report.add(.unreadableRow, place, "\(row.value?.count ?? 0) bytes")
        return nil
    }

    static func number(_ key: [UInt8]) -> UInt64 {
        key.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func text(_ name: some Sequence<UInt8>) -> String {
        String(decoding: Array(name), as: UTF8.self)
    }

    private mutating func readInodes() throws(VolumeError) {
        var rows: [RowImage] = []
        try forEachRow(of: .inodes) { rows.append($0) }
        for row in rows {
            let number = Self.number(row.key)
            guard let inode: InodeRow = decode(row, "inode \(number)") else { continue }
            inodes[number] = inode
            report.inodes += 1
        }
    }

    private mutating func readSlices() throws(VolumeError) {
        var rows: [RowImage] = []
        try forEachRow(of: .slices) { rows.append($0) }
        for row in rows {
            let number = Self.number(row.key)
            guard let slice: SliceRow = decode(row, "slice \(number)") else { continue }
            slices[number] = slice
            report.slices += 1
        }
    }

    private mutating func checkTotals() throws(VolumeError) {
        if UInt64(inodes.count) != core.inodeCount {
            report.add(.total, "inodes", "\(inodes.count) rows, \(core.inodeCount) counted")
        }
        let bytes = stored.values.reduce(0, +)
        if bytes != core.storedBytes {
            report.add(.total, "stored bytes", "\(bytes) found, \(core.storedBytes) counted")
        }
        if let last = inodes.keys.max(), last >= core.inodeMark, last > 1 {
            report.add(.mark, "inode \(last)", "the mark is \(core.inodeMark)")
        }
        for number in slices.keys {
            let counter = number & (1 << 40 - 1)
            if counter >= core.sliceMark {
                report.add(.mark, "slice \(number)", "the mark is \(core.sliceMark)")
            }
        }
    }
}

extension Volume {
    /// Reads all rows, computes what is kept twice anew, and tells what disagrees.
    ///
    /// With `checksPlacement`, also whether all bytes have a home. Changes nothing.
    package func check(checksPlacement: Bool = true) throws(VolumeError) -> FsckReport {
        try locked { (core) throws(VolumeError) in
            var check = VolumeCheck(core, checksPlacement: checksPlacement)
            return try check.run()
        }
    }
}
