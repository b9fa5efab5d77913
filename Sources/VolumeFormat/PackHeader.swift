// Every pack begins with these 64 bytes; `Docs/Formats/pack.md` is normative.

internal import Codec

/// What a pack holds; the numbers are stored.
package enum PackKind: UInt8, Sendable, CaseIterable {
    case contents = 1
    case delta = 2
    case base = 3
    case manifest = 4
}

/// The clear beginning of a pack.
package struct PackHeader: Hashable, Sendable {
    package static let length = 64
    package static let magic = Array("WalrusFS".utf8)
    package static let version: UInt8 = 1
    /// No pack is longer; offsets above it are refused.
    package static let packLengthMax = 4 << 30

    package let kind: PackKind
    /// Lease token (24 bits) ‖ counter (40 bits): never used twice in a volume.
    package let id: UInt64
    /// The checkpoint that the pack was sealed for; 0 for contents.
    package let sequence: UInt64
    package let salt: [UInt8]

    /// - Precondition: `salt` has 32 bytes, drawn for this pack alone.
    package init(kind: PackKind, id: UInt64, sequence: UInt64, salt: [UInt8]) {
        precondition(salt.count == 32)
        precondition(kind != .contents || sequence == 0)
        self.kind = kind
        self.id = id
        self.sequence = sequence
        self.salt = salt
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.length)
        writer.write(raw: Self.magic)
        writer.write(kind.rawValue)
        writer.write(Self.version)
        writer.write(raw: [0, 0, 0, 0, 0, 0])
        writer.write(id)
        writer.write(sequence)
        writer.write(raw: salt)
        return writer.bytes
    }

    /// Reads the first bytes of a pack.
    package init(bytes: [UInt8]) throws(VolumeFormatError) {
        guard bytes.count >= Self.length, Array(bytes.prefix(8)) == Self.magic else {
            throw .foreign
        }
        guard let kind = PackKind(rawValue: bytes[8]), bytes[9] == Self.version else {
            throw .unsupportedVersion(kind: bytes[8], version: bytes[9])
        }
        self.kind = kind
        (id, sequence, salt) = try decoding { () throws(CodecError) in
            var reader = ByteReader(bytes[8..<Self.length])
            try reader.skip(2)
            guard try reader.readRaw(6).allSatisfy({ $0 == 0 }) else {
                throw .invalidValue("reserved bytes of a pack's header")
            }
            let id = try reader.readUInt64()
            let sequence = try reader.readUInt64()
            guard kind != .contents || sequence == 0 else {
                throw .invalidValue("contents sealed for a sequence")
            }
            return (id, sequence, try reader.readRaw(32))
        }
    }
}
