internal import SQLite
internal import Synchronization
internal import VolumeFormat

/// A read transaction on a connection of its own: the volume as of the commit before it.
final class DatabaseSnapshot: CutSnapshot, RowReader {
    let generation: UInt64
    let inodeMark: UInt64
    let cutAt: UInt64

    /// Guards the connection; nil after `close`.
    private let connection: Mutex<Connection?>

    init(
        _ path: String,
        files: FileSystemVFS? = nil,
        generation: UInt64,
        inodeMark: UInt64,
        cutAt: UInt64
    ) throws(SQLiteError) {
        self.generation = generation
        self.inodeMark = inodeMark
        self.cutAt = cutAt
        var options = ConnectionOptions()
        options.access = .readOnly
        options.durability = .normal
        options.automaticCheckpointPages = 0
        options.enforcesForeignKeys = false
        options.files = files
        let connection = try Connection(path, options)
        try connection.begin(.read)
        // The snapshot is taken by the first read.
        _ = try connection.rows("SELECT count(*) FROM local")
        self.connection = Mutex(connection)
    }

    private func withConnection<Result: Sendable>(
        _ body: (Connection) throws -> Result
    ) throws -> Result {
        try connection.withLock { connection in
            guard let connection else { throw VolumeError.badHandle }
            do {
                return try body(connection)
            } catch let error as SQLiteError {
                throw VolumeError(error)
            }
        }
    }

    /// Whether an inode has no links, with the last answer kept: rows come in order of inodes.
    private struct OrphanFilter {
        let get: Statement
        var last: (key: [UInt8], isOrphan: Bool)?

        init(_ connection: Connection) throws(SQLiteError) {
            get = try connection.prepare("SELECT value FROM inodes WHERE key = ?")
        }

        mutating func drops(_ table: RowTable, _ key: [UInt8]) throws(SQLiteError) -> Bool {
            switch table {
            case .inodes, .xattrs, .symlinks, .extents: break
            default: return false
            }
            let inode = Array(key.prefix(8))
            if let last, last.key == inode { return last.isOrphan }
            try get.bind(inode, at: 0)
            var isOrphan = true
            if try get.step() {
                isOrphan = VolumeSchema.isOrphan(get.blob(at: 0))
                get.reset()
            }
            last = (inode, isOrphan)
            return isOrphan
        }
    }

    func forEachDirtyRow(_ body: (RowImage) throws -> Void) throws {
        try withConnection { connection in
            var filter = try OrphanFilter(connection)
            let orphans = try OrphanReferences(connection)
            for table in RowTable.allCases {
                let dirty = try connection.prepare(
                    """
                    SELECT d.key, t.value FROM dirty d
                    LEFT JOIN \(VolumeSchema.name(of: table)) t ON t.key = d.key
                    WHERE d.tbl = \(table.rawValue) ORDER BY d.key
                    """
                )
                defer { dirty.reset() }
                while try dirty.step() {
                    let key = dirty.blob(at: 0)
                    var value = dirty.isNull(at: 1) ? nil : dirty.blob(at: 1)
                    if value != nil, try filter.drops(table, key) { value = nil }
                    if table == .slices, let row = value { value = try orphans.image(key, row) }
                    try body(RowImage(table: table.rawValue, key: key, value: value))
                }
            }
        }
    }

    func forEachRow(of table: RowTable, _ body: (RowImage) throws -> Void) throws {
        try withConnection { connection in
            var filter = try OrphanFilter(connection)
            let orphans = try OrphanReferences(connection)
            let rows = try connection.prepare(
                "SELECT key, value FROM \(VolumeSchema.name(of: table)) ORDER BY key"
            )
            defer { rows.reset() }
            while try rows.step() {
                let key = rows.blob(at: 0)
                if try filter.drops(table, key) { continue }
                var value = rows.blob(at: 1)
                if table == .slices { value = try orphans.image(key, value) }
                try body(RowImage(table: table.rawValue, key: key, value: value))
            }
        }
    }

    func rows(
        of table: RowTable,
        from lower: [UInt8],
        limit: Int
    ) throws(VolumeError) -> [RowImage] {
        do {
            return try withConnection { connection in
                try VolumeSchema.rows(connection, table, from: lower, to: nil, limit: limit)
            }
        } catch {
            throw error as? VolumeError ?? .inputOutput("\(error)")
        }
    }

    func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        do {
            return try withConnection { connection in
                let get = try connection.prepare(
                    "SELECT value FROM \(VolumeSchema.name(of: table)) WHERE key = ?"
                )
                try get.bind(key, at: 0)
                guard try get.step() else { return nil }
                defer { get.reset() }
                return get.blob(at: 0)
            }
        } catch {
            throw error as? VolumeError ?? .inputOutput("\(error)")
        }
    }

    func unplacedRanges() throws(VolumeError) -> [UnplacedRange] {
        do {
            return try withConnection { connection in
                var found: [UnplacedRange] = []
                let extents = try connection.prepare(
                    """
                    SELECT e.key, e.value FROM unplaced u JOIN extents e ON e.slice = u.slice
                    """
                )
                defer { extents.reset() }
                while try extents.step() {
                    let (inode, offset) = try RowKey.readExtent(extents.blob(at: 0))
                    let row: ExtentRow = try VolumeCore.decode(extents.blob(at: 1), "extent")
                    found.append(
                        UnplacedRange(
                            slice: row.slice,
                            offset: row.start,
                            length: row.length,
                            inode: inode,
                            fileOffset: offset
                        )
                    )
                }
                return Self.withoutRepeats(found)
            }
        } catch {
            throw error as? VolumeError ?? .inputOutput("\(error)")
        }
    }

    /// Each byte of a slice once: of extents that share bytes, the first keeps them.
    static func withoutRepeats(_ ranges: [UnplacedRange]) -> [UnplacedRange] {
        let bySlice = ranges.sorted {
            ($0.slice, $0.offset, $0.inode, $0.fileOffset)
                < ($1.slice, $1.offset, $1.inode, $1.fileOffset)
        }
        var result: [UnplacedRange] = []
        var slice: UInt64?
        var covered: UInt32 = 0
        for range in bySlice {
            if range.slice != slice {
                slice = range.slice
                covered = 0
            }
            let end = range.offset + range.length
            guard end > covered else { continue }
            let skipped = max(covered, range.offset) - range.offset
            result.append(
                UnplacedRange(
                    slice: range.slice,
                    offset: range.offset + skipped,
                    length: range.length - skipped,
                    inode: range.inode,
                    fileOffset: range.fileOffset + UInt64(skipped)
                )
            )
            covered = end
        }
        return result.sorted { ($0.inode, $0.fileOffset) < ($1.inode, $1.fileOffset) }
    }

    func close() {
        // The read transaction ends with its connection.
        connection.withLock { $0 = nil }
    }
}
