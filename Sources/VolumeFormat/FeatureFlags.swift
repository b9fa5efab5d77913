package import Codec

/// What a volume's format needs of its readers, in three classes.
package struct FeatureFlags: Hashable, Sendable, BCSCodable {
    /// May be ignored.
    package var compatible: UInt32
    /// Who does not know these may read, not write.
    package var readOnlyCompatible: UInt32
    /// Who does not know these must not open the volume.
    package var incompatible: UInt32

    /// A volume that any reader can read.
    package static let none = FeatureFlags(compatible: 0, readOnlyCompatible: 0, incompatible: 0)

    /// Rows of packs may say which checkpoints still read what has left (``PackRow/departed``).
    package static let departures = FeatureFlags(
        compatible: 0,
        readOnlyCompatible: 0,
        incompatible: 1 << 0
    )

    /// All that this program knows (`Docs/Formats/manifest.md`).
    package static let known = departures

    package init(compatible: UInt32, readOnlyCompatible: UInt32, incompatible: UInt32) {
        self.compatible = compatible
        self.readOnlyCompatible = readOnlyCompatible
        self.incompatible = incompatible
    }

    /// Refuses features that must be known and are not.
    package func verifyReadable() throws(VolumeFormatError) {
        let unknown = Self.bits(incompatible & ~Self.known.incompatible)
        guard unknown.isEmpty else { throw .unsupportedFeatures(unknown) }
    }

    /// Refuses features that must be known to write, and are not.
    package func verifyWritable() throws(VolumeFormatError) {
        try verifyReadable()
        let unknown = Self.bits(readOnlyCompatible & ~Self.known.readOnlyCompatible)
        guard unknown.isEmpty else { throw .readOnlyFeatures(unknown) }
    }

    /// What both need together.
    package func union(_ other: FeatureFlags) -> FeatureFlags {
        FeatureFlags(
            compatible: compatible | other.compatible,
            readOnlyCompatible: readOnlyCompatible | other.readOnlyCompatible,
            incompatible: incompatible | other.incompatible
        )
    }

    private static func bits(_ value: UInt32) -> [Int] {
        (0..<32).filter { value >> UInt32($0) & 1 == 1 }
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(compatible)
        writer.write(readOnlyCompatible)
        writer.write(incompatible)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        compatible = try reader.readUInt32()
        readOnlyCompatible = try reader.readUInt32()
        incompatible = try reader.readUInt32()
    }
}
