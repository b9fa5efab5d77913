// Checks a volume by brute force: every row is read, and what is kept twice is computed anew. Reads
// rows as of one commit, through a connection of its own, so that a mounted volume goes on
// meanwhile. Takes memory for all inodes and slices, some 200 bytes each.

internal import Codec
internal import VolumeFormat

/// What memory says of the rows of one commit.
struct CheckFacts: Sendable {
    var publishedSequence: UInt64
    var inodeCount: UInt64
    var storedBytes: UInt64
    var inodeMark: UInt64
    var sliceMark: UInt64
    var isCutInFlight: Bool
    /// What of each slice lies in the log.
    var pieces: [UInt64: [Range<UInt32>]]

    init(_ core: VolumeCore) {
        publishedSequence = core.publishedSequence
        inodeCount = core.inodeCount
        storedBytes = core.storedBytes
        inodeMark = core.inodeMark
        sliceMark = core.sliceMark
        isCutInFlight = core.cutInFlight != nil
        pieces = [:]
        for slice in core.slices.values where !slice.pieces.isEmpty {
            pieces[slice.number] = slice.pieces.map { $0.offset..<$0.end }
        }
    }
}

/// One check of all rows.
struct VolumeCheck: Sendable {
    let facts: CheckFacts
    let view: any RowReader
    /// Whether bytes that the log does not have must have a place on the network.
    let checksPlacement: Bool
    var report = FsckReport()

    var inodes: [UInt64: InodeRow] = [:]
    /// How many dirents name an inode.
    var names: [UInt64: UInt32] = [:]
    /// A directory that has a name of an inode; for those with one, the only one.
    var parents: [UInt64: UInt64] = [:]
    /// Names of directories that say they are elsewhere.
    var misplaced: [UInt64: [UInt8]] = [:]
    /// What the dirents of a directory come to.
    var contents: [UInt64: DirectoryContents] = [:]
    var stored: [UInt64: UInt64] = [:]
    var refs: [UInt64: UInt32] = [:]
    var slices: [UInt64: SliceRow] = [:]
    /// Names that say something else than they should, and names of nothing.
    var wrongNames: [[UInt8]: DirentRow] = [:]
    var danglingNames: [(key: [UInt8], inode: UInt64)] = []
    /// Numbers that attributes, targets or extents have, of inodes that are not there.
    var remains: Set<UInt64> = []
    /// Files whose extents contradict each other.
    var unclearFiles: Set<UInt64> = []

    struct DirectoryContents {
        var entries: UInt64 = 0
        var directories: UInt32 = 0
        var cookies: Set<UInt64> = []
        /// Entries whose cookie another has, or that the directory may give out again.
        var misnumbered: [[UInt8]] = []
    }

    init(_ facts: CheckFacts, _ view: any RowReader, checksPlacement: Bool) {
        self.facts = facts
        self.view = view
        self.checksPlacement = checksPlacement
    }

    mutating func run() throws(VolumeError) {
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
    }

    /// Hands over all rows of a table, in order.
    func forEachRow(
        of table: RowTable,
        _ body: (RowImage) throws(VolumeError) -> Void
    ) throws(VolumeError) {
        var lower: [UInt8] = []
        while true {
            let rows = try view.rows(of: table, from: lower, limit: 4096)
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

    /// How people write the name of a dirent.
    static func place(ofName key: [UInt8]) -> String {
        "name \(text(key.dropFirst(8))) in inode \(number(key))"
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
        if UInt64(inodes.count) != facts.inodeCount {
            report.add(.total, "inodes", "\(inodes.count) rows, \(facts.inodeCount) counted")
        }
        let bytes = stored.values.reduce(0, +)
        if bytes != facts.storedBytes {
            report.add(.total, "stored bytes", "\(bytes) found, \(facts.storedBytes) counted")
        }
        if let last = inodes.keys.max(), last >= facts.inodeMark, last > 1 {
            report.add(.mark, "inode \(last)", "the mark is \(facts.inodeMark)")
        }
        for number in slices.keys.sorted() where Self.counter(number) >= facts.sliceMark {
            report.add(.mark, "slice \(number)", "the mark is \(facts.sliceMark)")
        }
    }

    static func counter(_ slice: UInt64) -> UInt64 { slice & SliceNumber.counterMax }
}
