// How far the checkpoint in flight is, as it survives a crash: a local value of the state directory
// (`Docs/Formats/checkpoint-progress.md`). Whatever is named here is durable before it is named, so
// that a restart goes on with the same sealed bytes and pays for nothing twice.

internal import BlobModel
internal import Codec
internal import VolumeFormat

/// The checkpoint that this state directory continues.
struct PublishedHead: Hashable, BCSCodable {
    static let localName = "checkpoint-head"

    var manifestBlob: BlobID
    var manifest: Manifest

    func encode(to writer: inout ByteWriter) {
        writer.write(manifestBlob)
        writer.write(manifest)
    }

    init(manifestBlob: BlobID, manifest: Manifest) {
        self.manifestBlob = manifestBlob
        self.manifest = manifest
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        manifestBlob = try reader.read()
        manifest = try reader.read()
    }
}

/// A pack in `<state>/packs` by what makes up its reference, its blob apart.
struct PackFile: Hashable, BCSCodable {
    var header: PackHeader
    var length: UInt64

    init(header: PackHeader, length: UInt64) {
        self.header = header
        self.length = length
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(raw: header.bytes)
        writer.write(length)
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        let bytes = try reader.readRaw(PackHeader.length)
        do throws(VolumeFormatError) {
            header = try PackHeader(bytes: bytes)
        } catch {
            throw .invalidValue("a pack's header")
        }
        length = try reader.readUInt64()
    }
}

/// The run of a checkpoint, sealed on the local disk.
struct SealedRows: Hashable, BCSCodable {
    var isBase: Bool
    var sequence: UInt64
    var rowCount: UInt64
    var byteCount: UInt64
    var index: [RunPlace]
    var packs: [PackFile]

    init(run: RunBuilder.Unplaced, isBase: Bool, packs: [PackFile]) {
        self.isBase = isBase
        sequence = run.sequence
        rowCount = run.rowCount
        byteCount = run.byteCount
        index = run.index
        self.packs = packs
    }

    func run(in blobs: [BlobID]) -> Run {
        precondition(blobs.count == packs.count)
        return Run(
            sequence: sequence,
            rowCount: rowCount,
            byteCount: byteCount,
            packs: zip(packs, blobs).map { pack, blob in
                PackReference(header: pack.header, blob: blob, length: pack.length)
            },
            index: index
        )
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(isBase)
        writer.write(sequence)
        writer.write(rowCount)
        writer.write(byteCount)
        writer.write(vector: index)
        writer.write(vector: packs)
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        isBase = try reader.readBool()
        sequence = try reader.readUInt64()
        rowCount = try reader.readUInt64()
        byteCount = try reader.readUInt64()
        index = try reader.readVector(limit: 1 << 16)
        packs = try reader.readVector(limit: 1 << 16, itemSize: PackHeader.length + 8)
        // What could not be read back must not be published either.
        let blob = BlobID(bytes: [UInt8](repeating: 0, count: 32))
        _ = try Run(bcsBytes: run(in: packs.map { _ in blob }).bcsBytes)
    }
}

/// A manifest, sealed on the local disk.
struct SealedManifest: Hashable, BCSCodable {
    var manifest: Manifest
    var pack: PackFile
    /// Known once it is stored; publishing it is intended from then on.
    var blob: BlobID?

    init(manifest: Manifest, pack: PackFile, blob: BlobID?) {
        self.manifest = manifest
        self.pack = pack
        self.blob = blob
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(manifest)
        writer.write(pack)
        writer.write(optional: blob)
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        manifest = try reader.read()
        pack = try reader.read()
        blob = try reader.readOptional()
    }
}

/// How far the checkpoint in flight is.
enum CheckpointProgress: Hashable, BCSCodable {
    static let localName = "checkpoint-progress"

    /// None is in flight, or its cut file is not complete.
    case idle
    /// The cut file is complete; packs of contents are being placed.
    case cut(generation: UInt64)
    case rows(generation: UInt64, SealedRows)
    case manifest(generation: UInt64, SealedManifest)
    /// It is the head; the log is not released yet.
    case published(generation: UInt64, PublishedHead)

    var generation: UInt64? {
        switch self {
        case .idle: nil
        case .cut(let generation), .rows(let generation, _), .manifest(let generation, _),
            .published(let generation, _):
            generation
        }
    }

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .idle:
            writer.write(uleb: 0)
        case .cut(let generation):
            writer.write(uleb: 1)
            writer.write(generation)
        case .rows(let generation, let rows):
            writer.write(uleb: 2)
            writer.write(generation)
            writer.write(rows)
        case .manifest(let generation, let manifest):
            writer.write(uleb: 3)
            writer.write(generation)
            writer.write(manifest)
        case .published(let generation, let head):
            writer.write(uleb: 4)
            writer.write(generation)
            writer.write(head)
        }
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        let tag = try reader.readULEB()
        switch tag {
        case 0: self = .idle
        case 1: self = .cut(generation: try reader.readUInt64())
        case 2: self = .rows(generation: try reader.readUInt64(), try reader.read())
        case 3: self = .manifest(generation: try reader.readUInt64(), try reader.read())
        case 4: self = .published(generation: try reader.readUInt64(), try reader.read())
        default: throw .unknownTag(tag, of: "checkpoint progress")
        }
    }
}
