// A run is a sorted list of rows in packs: a base or a delta. The manifest has its packs and the
// places of its index; the index has the places of its leaves. `Docs/Formats/base.md` is normative.

package import BlobModel
package import Codec

/// A pack that the manifest lists.
package struct PackReference: Hashable, Sendable, BCSCodable {
    package static let encodedSize = 8 + 1 + 8 + 32 + 32 + 8

    package let header: PackHeader
    package let blob: BlobID
    package let length: UInt64

    package init(header: PackHeader, blob: BlobID, length: UInt64) {
        self.header = header
        self.blob = blob
        self.length = length
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(header.id)
        writer.write(header.kind.rawValue)
        writer.write(header.sequence)
        writer.write(raw: header.salt)
        writer.write(blob)
        writer.write(length)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let id = try reader.readUInt64()
        let kind = try reader.readUInt8()
        let sequence = try reader.readUInt64()
        let salt = try reader.readRaw(32)
        guard let kind = PackKind(rawValue: kind), kind == .delta || kind == .base else {
            throw .unknownTag(UInt32(kind), of: "kind of a pack of rows")
        }
        header = PackHeader(kind: kind, id: id, sequence: sequence, salt: salt)
        blob = try reader.read()
        length = try reader.readUInt64()
        guard length > UInt64(PackHeader.length + PackFooter.length),
            length <= UInt64(PackHeader.packLengthMax)
        else { throw .invalidValue("a pack of \(length) bytes") }
    }
}

/// Where a chunk of a run lies.
package struct RunPlace: Hashable, Sendable, BCSCodable {
    /// Counts in the run's list of packs.
    package let pack: UInt32
    package let chunk: ChunkID
    package let layout: ChunkLayout

    package init(pack: UInt32, chunk: ChunkID, layout: ChunkLayout) {
        self.pack = pack
        self.chunk = chunk
        self.layout = layout
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(pack)
        writer.write(chunk)
        writer.write(layout)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        pack = try reader.readUInt32()
        chunk = try reader.read()
        layout = try reader.read()
    }
}

/// What a manifest says of a base or a delta.
package struct Run: Hashable, Sendable, BCSCodable {
    static let packsMax = 1 << 16
    static let indexMax = 1 << 10

    /// The checkpoint that it was made for.
    package let sequence: UInt64
    package let rowCount: UInt64
    /// Plaintext bytes of its leaves.
    package let byteCount: UInt64
    package let packs: [PackReference]
    /// The chunks that make up the index, in order.
    package let index: [RunPlace]

    package init(
        sequence: UInt64,
        rowCount: UInt64,
        byteCount: UInt64,
        packs: [PackReference],
        index: [RunPlace]
    ) {
        self.sequence = sequence
        self.rowCount = rowCount
        self.byteCount = byteCount
        self.packs = packs
        self.index = index
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(sequence)
        writer.write(rowCount)
        writer.write(byteCount)
        writer.write(vector: packs)
        writer.write(vector: index)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        sequence = try reader.readUInt64()
        rowCount = try reader.readUInt64()
        byteCount = try reader.readUInt64()
        packs = try reader.readVector(
            limit: Self.packsMax,
            itemSize: PackReference.encodedSize
        )
        index = try reader.readVector(limit: Self.indexMax, itemSize: 52)
        let count = packs.count
        guard index.allSatisfy({ Int($0.pack) < count }) else {
            throw .invalidValue("an index outside the run's packs")
        }
    }
}

/// The leaves of a run.
package struct RunIndex: Hashable, Sendable, BCSCodable {
    /// A leaf, by its first key.
    package struct Entry: Hashable, Sendable, BCSCodable {
        package let table: UInt8
        package let key: [UInt8]
        package let place: RunPlace

        package init(table: UInt8, key: [UInt8], place: RunPlace) {
            self.table = table
            self.key = key
            self.place = place
        }

        package func encode(to writer: inout ByteWriter) {
            writer.write(table)
            writer.write(bytes: key)
            writer.write(place)
        }

        package init(from reader: inout ByteReader) throws(CodecError) {
            table = try reader.readUInt8()
            key = try reader.readBytes(limit: RowImage.keyLengthMax)
            place = try reader.read()
        }
    }

    package let entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(to writer: inout ByteWriter) { writer.write(vector: entries) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        entries = try reader.readVector(limit: 1 << 24, itemSize: 54)
    }

    /// Reads the index of `run` from the plaintext of its chunks.
    package init(bytes: [UInt8], of run: Run) throws(VolumeFormatError) {
        self = try decoding { () throws(CodecError) in
            let index = try RunIndex(bcsBytes: bytes)
            guard index.entries.allSatisfy({ Int($0.place.pack) < run.packs.count }) else {
                throw .invalidValue("a leaf outside the run's packs")
            }
            for (entry, next) in zip(index.entries, index.entries.dropFirst()) {
                let first = RowImage(table: entry.table, key: entry.key, value: nil)
                let second = RowImage(table: next.table, key: next.key, value: nil)
                guard first.precedes(second) else { throw .unsortedMap }
            }
            return index
        }
    }

    /// Reads one leaf from its plaintext and holds it to its entry.
    package static func leaf(
        _ bytes: [UInt8],
        of entry: Entry
    ) throws(VolumeFormatError) -> Leaf {
        try decoding { () throws(CodecError) in
            guard bytes.count <= Leaf.encodedLengthMax else {
                throw .tooLong(length: UInt64(bytes.count), limit: Leaf.encodedLengthMax)
            }
            let leaf = try Leaf(bcsBytes: bytes)
            guard let first = leaf.rows.first, first.table == entry.table,
                first.key == entry.key
            else { throw .invalidValue("a leaf that begins with another key") }
            return leaf
        }
    }
}
