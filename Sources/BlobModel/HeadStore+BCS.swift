package import Codec

// Layouts: `Docs/Formats/ledger-state.md`, "Volumes".

extension Head: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(sequence)
        writer.write(manifest)
        writer.write(token)
        writer.write(publishedAt)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(
            sequence: try reader.readUInt64(),
            manifest: try reader.read(),
            token: try reader.readUInt32(),
            publishedAt: try reader.readUInt64()
        )
    }
}

extension Lease.Claim: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(claimant)
        writer.write(recordedAt)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(claimant: try reader.read(), recordedAt: try reader.readUInt64())
    }
}

extension Lease: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(token)
        writer.write(optional: holder)
        writer.write(optional: claim)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(
            token: try reader.readUInt32(),
            holder: try reader.readOptional(),
            claim: try reader.readOptional()
        )
    }
}

extension VolumeRecord: BCSCodable {
    /// The most sequences that a volume keeps besides its head.
    package static let pinsMax = 256

    package func encode(to writer: inout ByteWriter) {
        writer.write(volume)
        writer.write(optional: head)
        writer.write(lease)
        writer.write(vector: pins)
        writer.write(poolCapacity)
        writer.write(poolUsed)
        writer.write(poolEnd)
        writer.write(currentEpoch)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(
            volume: try reader.read(),
            head: try reader.readOptional(),
            lease: try reader.read(),
            pins: try reader.readVector(limit: Self.pinsMax, itemSize: 8),
            poolCapacity: try reader.readUInt64(),
            poolUsed: try reader.readUInt64(),
            poolEnd: try reader.readUInt32(),
            currentEpoch: try reader.readUInt32()
        )
    }
}
