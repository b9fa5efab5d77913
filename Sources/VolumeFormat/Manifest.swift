// `Docs/Formats/manifest.md` is normative.

package import BlobModel
package import Codec

/// Names all that is needed to mount one checkpoint.
package struct Manifest: Hashable, Sendable {
    package static let version: UInt8 = 1
    package static let nameLengthMax = 255
    package static let deltasMax = 1024
    /// The plaintext is cut into chunks of this length.
    private static let partLength = 1 << 20
    /// Bound on the blob, for readers.
    package static let packLengthMax: UInt64 = 64 << 20

    package var features: FeatureFlags
    package var volume: VolumeID
    package var sequence: UInt64
    /// The manifest with the sequence before; nil for the first.
    package var parent: BlobID?
    package var token: UInt32
    package var generation: UInt64
    /// Milliseconds since 1970 UTC.
    package var cutAt: UInt64
    /// No inode number at or above this was given out before the cut.
    package var inodeMark: UInt64
    package var name: String
    package var base: Run?
    package var deltas: [Run]

    package init(
        volume: VolumeID,
        sequence: UInt64,
        parent: BlobID?,
        token: UInt32,
        generation: UInt64,
        cutAt: UInt64,
        inodeMark: UInt64,
        name: String,
        base: Run?,
        deltas: [Run],
        features: FeatureFlags = .none
    ) {
        precondition(name.utf8.count <= Self.nameLengthMax)
        precondition(deltas.count <= Self.deltasMax)
        precondition((sequence == 1) == (parent == nil))
        self.features = features
        self.volume = volume
        self.sequence = sequence
        self.parent = parent
        self.token = token
        self.generation = generation
        self.cutAt = cutAt
        self.inodeMark = inodeMark
        self.name = name
        self.base = base
        self.deltas = deltas
    }
}

extension Manifest: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(features)
        writer.write(volume)
        writer.write(sequence)
        writer.write(parent ?? BlobID(bytes: [UInt8](repeating: 0, count: 32)))
        writer.write(token)
        writer.write(generation)
        writer.write(cutAt)
        writer.write(inodeMark)
        writer.write(string: name)
        writer.write(optional: base)
        writer.write(vector: deltas)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readUInt8()
        guard version == Self.version else { throw .unknownTag(UInt32(version), of: "manifest") }
        features = try reader.read()
        volume = try reader.read()
        sequence = try reader.readUInt64()
        let parent = try reader.read(BlobID.self)
        self.parent = parent.bytes.allSatisfy { $0 == 0 } ? nil : parent
        token = try reader.readUInt32()
        generation = try reader.readUInt64()
        cutAt = try reader.readUInt64()
        inodeMark = try reader.readUInt64()
        name = try reader.readString(limit: Self.nameLengthMax)
        base = try reader.readOptional()
        deltas = try reader.readVector(limit: Self.deltasMax, itemSize: 26)
        guard sequence > 0, (sequence == 1) == (self.parent == nil) else {
            throw .invalidValue("a manifest whose parent does not fit its sequence")
        }
    }
}

extension Manifest {
    /// The manifest as a pack.
    package func sealed(id: UInt64, salt: [UInt8], keys: VolumeKeys) -> SealedPack {
        let header = PackHeader(kind: .manifest, id: id, sequence: sequence, salt: salt)
        let builder = PackBuilder(header: header, volume: volume, keys: keys)
        let bytes = bcsBytes
        for start in stride(from: 0, to: bytes.count, by: Self.partLength) {
            let part = Array(bytes[start..<min(bytes.count, start + Self.partLength)])
            builder.append(keys.chunkID(of: part), part)
        }
        return builder.finish()
    }

    /// Opens the manifest of this volume that was sealed for `sequence`.
    ///
    /// - Throws: `corrupt` also for an honest manifest of another sequence or volume: it was not
    ///   what the head named.
    package init(
        packBytes: [UInt8],
        volume: VolumeID,
        sequence: UInt64,
        keys: VolumeKeys
    ) throws(VolumeFormatError) {
        let pack = try PackReader(packBytes, volume: volume, keys: keys)
        guard pack.header.kind == .manifest, pack.header.sequence == sequence else {
            throw .corrupt("a manifest sealed as something else")
        }
        var bytes: [UInt8] = []
        for chunk in pack.trailer.chunks { bytes += try pack.open(chunk) }
        // Features come before anything that they may change the meaning of.
        try Self.verifyFeatures(of: bytes)
        let manifest = try decoding { () throws(CodecError) in try Manifest(bcsBytes: bytes) }
        guard manifest.volume == volume, manifest.sequence == sequence else {
            throw .corrupt("a manifest of another volume or sequence")
        }
        self = manifest
    }

    private static func verifyFeatures(of bytes: [UInt8]) throws(VolumeFormatError) {
        var reader = ByteReader(bytes)
        let (version, flags) = try decoding { () throws(CodecError) in
            (try reader.readUInt8(), try reader.read(FeatureFlags.self))
        }
        guard version == Self.version else {
            throw .unsupportedVersion(kind: PackKind.manifest.rawValue, version: version)
        }
        try flags.verifyReadable()
    }

    /// All blobs besides packs of contents that this checkpoint needs.
    package var blobs: [BlobID] {
        (deltas + (base.map { [$0] } ?? [])).flatMap { $0.packs.map(\.blob) }
    }
}
