package import BlobModel
internal import Codec
package import Ledger
internal import SQLite
internal import SegmentLog
internal import SystemIO

/// Kinds of records in the log of slivers.
enum SliverRecordKind {
    static let metadata: UInt8 = 0
    static func sliver(_ axis: SliverAxis) -> UInt8 { 1 + axis.rawValue }
}

extension RecordLocation {
    var values: [Value] {
        [
            .integer(Int64(clamping: segment)), .integer(Int64(offset)),
            .integer(Int64(length)), .integer(Int64(clamping: lsn)),
        ]
    }

    /// Reads what `values` wrote; nil for numbers that no location has.
    init?(_ values: ArraySlice<Value>) {
        var numbers: [Int64] = []
        for case .integer(let number) in values where number >= 0 { numbers.append(number) }
        guard numbers.count == 4, numbers[1] >= SegmentFormat.segmentHeaderSize,
            numbers[2] <= SegmentFormat.payloadMax
        else { return nil }
        self.init(
            segment: UInt64(numbers[0]),
            offset: Int(numbers[1]),
            length: Int(numbers[2]),
            lsn: UInt64(numbers[3])
        )
    }
}

/// Blocks, metadata and slivers: records, and the rows that find them.
extension DiskNodeStore {
    private static let place = "segment, offset, length, lsn"

    private func location(
        _ find: (Connection) throws(SQLiteError) -> [[Value]]
    ) throws(NodeStoreError) -> RecordLocation? {
        let rows = try indexed { index throws(NodeStoreError) in try sql(index, find) }
        return rows.first.flatMap { RecordLocation($0[...]) }
    }

    private func read(
        _ log: SegmentLog,
        _ location: RecordLocation,
        _ range: Range<Int>
    ) throws(NodeStoreError) -> [UInt8] {
        do throws(SegmentLogError) {
            return try log.read(location, range)
        } catch {
            throw Self.storeError(error)
        }
    }

    /// Refuses when the disk has too little room left.
    private func checkRoom(for count: Int) throws(NodeStoreError) {
        let available: UInt64
        do throws(SystemError) {
            available = try directory.files.space(at: directory.path).available
        } catch {
            throw .failed("\(error)")
        }
        guard available > Self.reserve + UInt64(count) else { throw .full }
    }

    // MARK: Blocks

    package func append(_ block: Block) throws(NodeStoreError) {
        let bytes = block.bcsBytes
        // A block that was appended before a crash and not yet applied is here already.
        if try blocks(from: block.height, limit: 1).first == bytes { return }
        try indexed { index throws(NodeStoreError) in
            let location: RecordLocation
            do throws(SegmentLogError) {
                location = try blocks.append(kind: 0, bytes)
            } catch {
                throw Self.storeError(error)
            }
            try sql(index) { database throws(SQLiteError) in
                try Self.insert(block: block.height, location, in: database)
            }
            try wrote(1, index)
        }
    }

    static func insert(
        block height: UInt64,
        _ location: RecordLocation,
        in database: Connection
    ) throws(SQLiteError) {
        let values = location.values
        try database.run(
            "INSERT OR REPLACE INTO blocks(height, \(place)) VALUES(?, ?, ?, ?, ?)",
            .integer(Int64(clamping: height)),
            values[0],
            values[1],
            values[2],
            values[3]
        )
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) throws(NodeStoreError) -> [[UInt8]] {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(
                    "SELECT height, \(Self.place) FROM blocks WHERE height >= ? "
                        + "ORDER BY height LIMIT ?",
                    .integer(Int64(clamping: height)),
                    .integer(Int64(limit))
                )
            }
        }
        var found: [[UInt8]] = []
        for (offset, row) in rows.enumerated() {
            guard row[0] == .integer(Int64(clamping: height) + Int64(offset)),
                let location = RecordLocation(row[1...])
            else { break }
            found.append(try read(blocks, location, 0..<location.length))
        }
        return found
    }

    // MARK: Metadata

    package func hasMetadata(of blob: BlobID) throws(NodeStoreError) -> Bool {
        try single("SELECT 1 FROM metadata WHERE blob = ?", .blob(blob.bytes)) != nil
    }

    package func metadata(of blob: BlobID) throws(NodeStoreError) -> BlobMetadata? {
        let found = try location { database throws(SQLiteError) in
            try database.rows(
                "SELECT \(Self.place) FROM metadata WHERE blob = ?",
                .blob(blob.bytes)
            )
        }
        guard let found, found.length > 32 else { return nil }
        let bytes = try read(slivers, found, 32..<found.length)
        do throws(CodecError) {
            return try BlobMetadata(bcsBytes: bytes)
        } catch {
            throw .damaged("metadata of \(blob): \(error)")
        }
    }

    package func store(_ metadata: VerifiedBlobMetadata) throws(NodeStoreError) {
        let bytes = metadata.blobID.bytes + metadata.metadata.bcsBytes
        try checkRoom(for: bytes.count)
        try indexed { index throws(NodeStoreError) in
            let location: RecordLocation
            do throws(SegmentLogError) {
                location = try slivers.append(kind: SliverRecordKind.metadata, bytes)
            } catch {
                throw Self.storeError(error)
            }
            try sql(index) { database throws(SQLiteError) in
                try Self.insert(metadata: metadata.blobID, location, in: database)
            }
            try wrote(1, index)
        }
    }

    static func insert(
        metadata blob: BlobID,
        _ location: RecordLocation,
        in database: Connection
    ) throws(SQLiteError) {
        let values = location.values
        try database.run(
            "INSERT OR REPLACE INTO metadata(blob, \(place)) VALUES(?, ?, ?, ?, ?)",
            .blob(blob.bytes),
            values[0],
            values[1],
            values[2],
            values[3]
        )
    }

    // MARK: Slivers

    private func keys(_ name: SliverName) -> [Value] {
        [
            .blob(name.blob.bytes), .integer(Int64(name.pair.rawValue)),
            .integer(Int64(name.axis.rawValue)),
        ]
    }

    private func location(of name: SliverName) throws(NodeStoreError) -> RecordLocation? {
        let keys = keys(name)
        return try location { database throws(SQLiteError) in
            try database.rows(
                "SELECT \(Self.place) FROM slivers WHERE blob = ? AND pair = ? AND axis = ?",
                keys[0],
                keys[1],
                keys[2]
            )
        }
    }

    package func hasSliver(_ name: SliverName) throws(NodeStoreError) -> Bool {
        try location(of: name) != nil
    }

    package func sliver(_ name: SliverName) throws(NodeStoreError) -> VerifiedSliver? {
        guard let location = try location(of: name) else { return nil }
        let bytes = try read(slivers, location, 0..<location.length)
        var reader = ByteReader(bytes)
        do throws(CodecError) {
            let header = try SliverRecordHeader(axis: name.axis, from: &reader)
            guard header.name == name else { throw .invalidValue("another sliver") }
            return VerifiedSliver(
                attested: Sliver(
                    axis: name.axis,
                    index: header.index,
                    symbolSize: header.symbolSize,
                    bytes: try reader.readRaw(reader.remaining)
                ),
                of: name.blob
            )
        } catch {
            throw .damaged("sliver \(name): \(error)")
        }
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>
    ) throws(NodeStoreError) -> [UInt8]? {
        guard let location = try location(of: name) else { return nil }
        let symbols = max(0, location.length - SliverRecordHeader.length)
        let within = range.clamped(to: 0..<symbols)
        return try read(
            slivers,
            location,
            SliverRecordHeader.length + within.lowerBound..<SliverRecordHeader.length
                + within.upperBound
        )
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName
    ) throws(NodeStoreError) {
        try checkRoom(for: sliver.bytes.count)
        let header = SliverRecordHeader(
            name: name,
            symbolSize: sliver.sliver.symbolSize,
            index: sliver.index
        ).bytes
        try indexed { index throws(NodeStoreError) in
            let location: RecordLocation
            do throws(SegmentLogError) {
                location = try unsafe header.withBytes { (header) throws(SegmentLogError) in
                    try unsafe sliver.bytes.withBytes { (symbols) throws(SegmentLogError) in
                        try unsafe slivers.append(
                            kind: SliverRecordKind.sliver(name.axis),
                            parts: [header, symbols]
                        )
                    }
                }
            } catch {
                throw Self.storeError(error)
            }
            try sql(index) { database throws(SQLiteError) in
                try Self.insert(sliver: name, location, in: database)
            }
            try wrote(1, index)
        }
    }

    static func insert(
        sliver name: SliverName,
        _ location: RecordLocation,
        in database: Connection
    ) throws(SQLiteError) {
        let values = location.values
        try database.run(
            "INSERT OR REPLACE INTO slivers(blob, pair, axis, \(place)) "
                + "VALUES(?, ?, ?, ?, ?, ?, ?)",
            .blob(name.blob.bytes),
            .integer(Int64(name.pair.rawValue)),
            .integer(Int64(name.axis.rawValue)),
            values[0],
            values[1],
            values[2],
            values[3]
        )
    }

    package func forgetMetadata(of blob: BlobID) throws(NodeStoreError) {
        try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.run("DELETE FROM metadata WHERE blob = ?", .blob(blob.bytes))
            }
            try wrote(1, index)
        }
    }

    package func forget(_ name: SliverName) throws(NodeStoreError) {
        let keys = keys(name)
        try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.run(
                    "DELETE FROM slivers WHERE blob = ? AND pair = ? AND axis = ?",
                    keys[0],
                    keys[1],
                    keys[2]
                )
            }
            try wrote(1, index)
        }
    }
}
