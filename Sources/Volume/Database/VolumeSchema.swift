package import Codec
internal import SQLite
internal import VolumeFormat

/// The tables of `volume.db`, `Docs/Formats/volume-state.md`.
enum VolumeSchema {
    static let totalsName = "totals"

    static func name(of table: RowTable) -> String {
        switch table {
        case .inodes: "inodes"
        case .dirents: "dirents"
        case .xattrs: "xattrs"
        case .symlinks: "symlinks"
        case .extents: "extents"
        case .volume: "volume"
        case .slices: "slices"
        case .sliceChunks: "slice_chunks"
        case .chunks: "chunks"
        case .packs: "packs"
        }
    }

    /// Columns that repeat a part of key or value, to be found by.
    static func extraColumns(of table: RowTable) -> [String] {
        switch table {
        case .inodes: ["orphan"]
        case .dirents: ["parent", "cookie"]
        case .extents: ["slice"]
        default: []
        }
    }

    static var statements: String {
        var sql = ""
        for table in RowTable.allCases {
            let extra = extraColumns(of: table).map { ", \($0) INTEGER" }.joined()
            sql += """
                CREATE TABLE IF NOT EXISTS \(name(of: table))(
                    key BLOB PRIMARY KEY, value BLOB NOT NULL\(extra)) WITHOUT ROWID;

                """
        }
        return sql + """
            CREATE INDEX IF NOT EXISTS inodes_orphan ON inodes(orphan) WHERE orphan IS NOT NULL;
            CREATE INDEX IF NOT EXISTS dirents_cookie ON dirents(parent, cookie);
            CREATE INDEX IF NOT EXISTS extents_slice ON extents(slice);
            CREATE TABLE IF NOT EXISTS pieces(
                slice INTEGER, offset INTEGER, length INTEGER, segment INTEGER, position INTEGER,
                lsn INTEGER, payload INTEGER, data INTEGER,
                PRIMARY KEY (slice, offset)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS unplaced(slice INTEGER PRIMARY KEY, generation INTEGER);
            CREATE TABLE IF NOT EXISTS dirty(
                tbl INTEGER, key BLOB, generation INTEGER, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS local(name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
            """
    }

    static func rows(
        _ connection: Connection,
        _ table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(SQLiteError) -> [RowImage] {
        let below = upper == nil ? "" : "AND key < ?"
        let statement = try connection.prepare(
            """
            SELECT key, value FROM \(name(of: table)) WHERE key >= ? \(below)
            ORDER BY key LIMIT \(limit)
            """
        )
        try statement.bind(lower, at: 0)
        if let upper { try statement.bind(upper, at: 1) }
        var rows: [RowImage] = []
        try statement.forEachRow { (row) throws(SQLiteError) in
            rows.append(
                RowImage(table: table.rawValue, key: row.blob(at: 0), value: row.blob(at: 1))
            )
            return true
        }
        return rows
    }

    /// The names and rows of dirents as they are stored.
    static func dirents(
        _ stored: [(key: [UInt8], value: [UInt8])],
        of parent: UInt64
    ) throws(VolumeError) -> [(name: [UInt8], row: DirentRow)] {
        var entries: [(name: [UInt8], row: DirentRow)] = []
        entries.reserveCapacity(stored.count)
        for (key, value) in stored {
            let row: DirentRow = try VolumeCore.decode(value, "dirent of \(parent)")
            entries.append((Array(key.dropFirst(8)), row))
        }
        return entries
    }

    /// Whether an inode's row has no links: bytes 3 to 6 of its value.
    static func isOrphan(_ value: [UInt8]) -> Bool {
        value.count >= 7 && value[3..<7].allSatisfy { $0 == 0 }
    }

    static func littleEndian(_ bytes: [UInt8], at offset: Int) -> Int64 {
        var number: UInt64 = 0
        for index in 0..<8 where offset + index < bytes.count {
            number |= UInt64(bytes[offset + index]) << UInt64(8 * index)
        }
        return Int64(bitPattern: number)
    }

    static func bigEndian(_ bytes: [UInt8], at offset: Int) -> Int64 {
        var number: UInt64 = 0
        for index in offset..<min(offset + 8, bytes.count) {
            number = number << 8 | UInt64(bytes[index])
        }
        return Int64(bitPattern: number)
    }
}

extension ViewTotals: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        for number in [
            appliedLSN, generation, cutInFlight, publishedSequence, inodes, stored, cutMark,
            publishedMark,
        ] {
            writer.write(number)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init()
        appliedLSN = try reader.readUInt64()
        generation = try reader.readUInt64()
        cutInFlight = try reader.readUInt64()
        publishedSequence = try reader.readUInt64()
        inodes = try reader.readUInt64()
        stored = try reader.readUInt64()
        // Directories from before there were marks have none.
        guard reader.remaining > 0 else { return }
        cutMark = try reader.readUInt64()
        publishedMark = try reader.readUInt64()
    }
}

extension VolumeError {
    init(_ error: SQLiteError) {
        self =
            if error.isQuotaExceeded {
                .quotaExceeded
            } else if error.isFull {
                .noSpace
            } else if error.isCorrupt {
                .corrupt("database: \(error)")
            } else {
                .inputOutput("database: \(error)")
            }
    }
}
