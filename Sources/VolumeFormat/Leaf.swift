// A leaf is a sorted list of rows: the unit in which bases and deltas are stored, locally and in
// packs. `Docs/Formats/base.md` is normative.

internal import BlobModel
package import Codec

extension RowImage {
    /// Bounds of what a leaf may hold.
    package static let keyLengthMax = 4 << 10
    package static let valueLengthMax = 1 << 20

    /// Whether this row comes before `other`: by table, then by key bytes.
    package func precedes(_ other: RowImage) -> Bool {
        table != other.table
            ? table < other.table : key.lexicographicallyPrecedes(other.key)
    }
}

/// Rows in ascending order, no key twice.
package struct Leaf: Hashable, Sendable, BCSCodable {
    /// No leaf is longer than this and one row more.
    package static let lengthMax = 256 << 10
    /// A leaf may end from here on.
    package static let lengthMin = 16 << 10
    /// Bound on the encoded form, for readers.
    package static let encodedLengthMax = lengthMax + (2 << 20)

    package let rows: [RowImage]

    /// - Precondition: The rows are in order.
    package init(rows: [RowImage]) {
        precondition(zip(rows, rows.dropFirst()).allSatisfy { $0.precedes($1) })
        self.rows = rows
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(length: rows.count)
        for row in rows { Self.encode(row, to: &writer) }
    }

    static func encode(_ row: RowImage, to writer: inout ByteWriter) {
        precondition(row.key.count <= RowImage.keyLengthMax)
        precondition((row.value?.count ?? 0) <= RowImage.valueLengthMax)
        writer.write(row.table)
        writer.write(bytes: row.key)
        writer.write(row.value != nil)
        if let value = row.value { writer.write(bytes: value) }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let count = try reader.readLength(limit: Self.encodedLengthMax, itemSize: 3)
        guard count > 0 else { throw .invalidValue("a leaf without rows") }
        var rows: [RowImage] = []
        rows.reserveCapacity(reader.reservation(for: count, of: RowImage.self))
        for _ in 0..<count {
            let table = try reader.readUInt8()
            let key = try reader.readBytes(limit: RowImage.keyLengthMax)
            let value =
                try reader.readBool()
                ? try reader.readBytes(limit: RowImage.valueLengthMax) : nil
            let row = RowImage(table: table, key: key, value: value)
            if let last = rows.last, !last.precedes(row) { throw .unsortedMap }
            rows.append(row)
        }
        self.rows = rows
    }
}

/// Cuts rows that come in order into leaves.
package struct LeafBuilder: Sendable {
    /// The share of keys that end a leaf: 1 in 2^9, about 64 KiB of common rows.
    private static let cutBits: UInt64 = 9

    private let gear: GearTable
    private var body = ByteWriter()
    private var rowCount = 0
    private var last: RowImage?
    /// The first row of the leaf that is being built.
    private var first: RowImage?

    package init(keys: VolumeKeys) { gear = keys.gear }

    /// A finished leaf in its encoded form.
    package struct Encoded: Sendable {
        package let firstTable: UInt8
        package let firstKey: [UInt8]
        package let rowCount: Int
        package let bytes: [UInt8]
    }

    /// Takes the next row; returns the leaf that ended before it or with it.
    ///
    /// - Precondition: The row comes after all before it.
    package mutating func append(_ row: RowImage) -> Encoded? {
        if let last { precondition(last.precedes(row), "rows come in order") }
        last = row
        var ended: Encoded?
        // Key, value, and at most 8 bytes of lengths and tags.
        let size = row.key.count + (row.value?.count ?? 0) + 8
        if rowCount > 0, body.count + size > Leaf.lengthMax { ended = finish() }
        if first == nil { first = row }
        Leaf.encode(row, to: &body)
        rowCount += 1
        // Were both to end here, the second would be a leaf of one row: leave it open instead.
        if ended == nil, body.count >= Leaf.lengthMin, endsLeaf(row) { ended = finish() }
        return ended
    }

    /// The rows that are left, as the last leaf.
    package mutating func finish() -> Encoded? {
        guard let first, rowCount > 0 else { return nil }
        var whole = ByteWriter(reserving: body.count + 5)
        whole.write(length: rowCount)
        whole.write(raw: body.bytes)
        let encoded = Encoded(
            firstTable: first.table,
            firstKey: first.key,
            rowCount: rowCount,
            bytes: whole.bytes
        )
        body = ByteWriter()
        rowCount = 0
        self.first = nil
        return encoded
    }

    private func endsLeaf(_ row: RowImage) -> Bool {
        var hash = UInt64(row.table)
        for byte in row.key {
            hash = (hash ^ gear.values[Int(byte)]) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        return hash >> (64 - Self.cutBits) == 0
    }
}
