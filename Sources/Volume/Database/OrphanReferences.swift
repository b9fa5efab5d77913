internal import Codec
internal import SQLite
internal import VolumeFormat

/// References of slices by inodes without links, which no checkpoint has and so none counts.
struct OrphanReferences {
    private var counts: [UInt64: UInt32] = [:]
    /// Of the checkpoint that will be made.
    private let sequence: UInt64

    init(_ connection: Connection) throws {
        let totals = try connection.rows(
            "SELECT value FROM local WHERE name = ?",
            .text(VolumeSchema.totalsName)
        )
        var published: UInt64 = 0
        if case .blob(let bytes)? = totals.first?.first {
            let totals: ViewTotals = try VolumeCore.decode(bytes, "totals of the database")
            published = totals.publishedSequence
        }
        sequence = published + 1
        let orphans = try connection.rows("SELECT key FROM inodes WHERE orphan IS NOT NULL")
        for orphan in orphans {
            guard case .blob(let key)? = orphan.first else { continue }
            let number = try RowKey.readNumber(key)
            let extents = try connection.rows(
                "SELECT slice, count(*) FROM extents WHERE key >= ? AND key < ? GROUP BY slice",
                .blob(key),
                .blob(RowKey.number(number + 1))
            )
            for extent in extents {
                guard case .integer(let slice) = extent[0], case .integer(let count) = extent[1]
                else { continue }
                counts[UInt64(bitPattern: slice), default: 0] += UInt32(clamping: count)
            }
        }
    }

    /// The row of a slice as a checkpoint has it.
    func image(_ key: [UInt8], _ value: [UInt8]) throws -> [UInt8] {
        guard !counts.isEmpty else { return value }
        let number = try RowKey.readNumber(key)
        guard let count = counts[number] else { return value }
        var row: SliceRow = try VolumeCore.decode(value, "slice \(number)")
        row.refs -= min(row.refs, count)
        if row.refs == 0, row.died == 0 { row.died = sequence }
        return row.bcsBytes
    }
}
