// The head of a record of the log, `Docs/Formats/operation.md`: the after-images of one
// operation's rows, and where its data belongs.

internal import Codec
package import VolumeFormat

/// What one operation did.
package struct OperationRecord: Hashable, Sendable {
    /// Bytes of data that follow the head, and the slice that they are appended to.
    package struct Data: Hashable, Sendable {
        package let slice: UInt64
        package let offset: UInt32
        package let length: UInt32
        /// They are in the slice already, and from now on here.
        package let isMove: Bool

        package init(slice: UInt64, offset: UInt32, length: UInt32, isMove: Bool = false) {
            self.slice = slice
            self.offset = offset
            self.length = length
            self.isMove = isMove
        }
    }

    package static let version: UInt8 = 1
    /// Of records whose data is moved: who knows version 1 alone would take it for appended.
    package static let moveVersion: UInt8 = 2
    package static let rowsMax = 1 << 20

    /// How many inodes there are after the operation, and bytes that extents cover.
    package var inodes: UInt64
    package var stored: UInt64
    package var data: Data?
    package var rows: [RowImage]

    package init(inodes: UInt64, stored: UInt64, data: Data?, rows: [RowImage]) {
        self.inodes = inodes
        self.stored = stored
        self.data = data
        self.rows = rows
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 64 + rows.count * 64)
        writer.write(data?.isMove == true ? Self.moveVersion : Self.version)
        writer.write(inodes)
        writer.write(stored)
        writer.write(data != nil)
        if let data {
            writer.write(data.slice)
            writer.write(data.offset)
            writer.write(data.length)
        }
        writer.write(length: rows.count)
        for row in rows {
            writer.write(row.table)
            writer.write(bytes: row.key)
            writer.write(row.value != nil)
            if let value = row.value { writer.write(bytes: value) }
        }
        return writer.bytes
    }

    package init(bytes: [UInt8]) throws(VolumeError) {
        do throws(CodecError) {
            var reader = ByteReader(bytes)
            self = try Self(from: &reader)
            try reader.finish()
        } catch {
            throw .corrupt("record of the log: \(error)")
        }
    }

    private init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readUInt8()
        guard version == Self.version || version == Self.moveVersion else {
            throw .unknownTag(UInt32(version), of: "log record version")
        }
        inodes = try reader.readUInt64()
        stored = try reader.readUInt64()
        if try reader.readBool() {
            data = Data(
                slice: try reader.readUInt64(),
                offset: try reader.readUInt32(),
                length: try reader.readUInt32(),
                isMove: version == Self.moveVersion
            )
        } else {
            guard version == Self.version else { throw .invalidValue("a move of nothing") }
            data = nil
        }
        let count = try reader.readLength(limit: Self.rowsMax, itemSize: 3)
        var rows: [RowImage] = []
        rows.reserveCapacity(reader.reservation(for: count, of: RowImage.self))
        for _ in 0..<count {
            let table = try reader.readUInt8()
            guard RowTable(rawValue: table) != nil else {
                throw .unknownTag(UInt32(table), of: "table")
            }
            let key = try reader.readBytes(limit: 4096)
            let value = try reader.readBool() ? try reader.readBytes(limit: 1 << 20) : nil
            rows.append(RowImage(table: table, key: key, value: value))
        }
        self.rows = rows
    }
}
