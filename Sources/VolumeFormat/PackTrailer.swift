// The encrypted table of contents at the end of a pack, and the clear footer that finds it.
// `Docs/Formats/pack.md` is normative.

internal import BlobModel
internal import Codec

/// What lies in a pack.
package struct PackTrailer: Hashable, Sendable {
    /// Bounds that a reader holds a trailer to.
    package static let chunksMax = 1 << 20
    package static let plainLengthMax = 64 << 20

    /// A chunk and where it lies.
    package struct Chunk: Hashable, Sendable {
        package let id: ChunkID
        package let layout: ChunkLayout

        package init(id: ChunkID, layout: ChunkLayout) {
            self.id = id
            self.layout = layout
        }
    }

    package let chunks: [Chunk]
    package let slices: [SliceChunk]

    package init(chunks: [Chunk], slices: [SliceChunk]) {
        self.chunks = chunks
        self.slices = slices
    }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: chunks.count * 48 + slices.count * 56 + 16)
        writer.write(length: chunks.count)
        for chunk in chunks {
            writer.write(chunk.id)
            writer.write(chunk.layout.length)
            writer.write(vector: chunk.layout.frames)
        }
        writer.write(vector: slices)
        return writer.bytes
    }

    /// Reads a body whose frames end at `framesEnd` of the pack.
    init(body: [UInt8], framesEnd: UInt64) throws(CodecError) {
        var reader = ByteReader(body)
        let count = try reader.readLength(limit: Self.chunksMax, itemSize: 41)
        var chunks: [Chunk] = []
        chunks.reserveCapacity(reader.reservation(for: count, of: Chunk.self))
        var offset = UInt64(PackHeader.length)
        var frame: UInt32 = 0
        for _ in 0..<count {
            let id = try reader.read(ChunkID.self)
            let length = try reader.readUInt32()
            let frames = try reader.readVector(of: StoredFrame.self, limit: 64, itemSize: 4)
            guard length > 0, length <= UInt32(ChunkLayout.lengthMax),
                frames.count == ChunkLayout.frameCount(of: length)
            else { throw .invalidValue("frames that do not make up their chunk") }
            let layout = ChunkLayout(
                offset: offset,
                firstFrame: frame,
                length: length,
                frames: frames
            )
            offset += UInt64(layout.storedLength)
            frame += UInt32(frames.count)
            chunks.append(Chunk(id: id, layout: layout))
        }
        guard offset == framesEnd else { throw .invalidValue("frames that do not fill the pack") }
        self.chunks = chunks
        slices = try reader.readVector(
            limit: Int(UInt32.max),
            itemSize: SliceChunk.encodedSize
        )
        try reader.finish()
    }
}

/// The last 16 bytes of a pack.
package struct PackFooter: Hashable, Sendable {
    package static let length = 16
    private static let magic = Array("WFSE".utf8)

    /// Bytes of the trailer in the pack, tag included.
    package let storedLength: UInt32
    package let plainLength: UInt32
    package let codec: FrameCodec

    init(storedLength: UInt32, plainLength: UInt32, codec: FrameCodec) {
        self.storedLength = storedLength
        self.plainLength = plainLength
        self.codec = codec
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.length)
        writer.write(storedLength)
        writer.write(plainLength)
        writer.write(codec.rawValue)
        writer.write(raw: [0, 0, 0])
        writer.write(raw: Self.magic)
        return writer.bytes
    }

    /// Reads the last 16 bytes of a pack.
    package init(bytes: [UInt8]) throws(VolumeFormatError) {
        guard bytes.count == Self.length, Array(bytes.suffix(4)) == Self.magic else {
            throw .foreign
        }
        guard let codec = FrameCodec(rawValue: bytes[8]), bytes[9..<12].allSatisfy({ $0 == 0 })
        else { throw .malformed(.invalidValue("the footer of a pack")) }
        self.codec = codec
        var reader = ByteReader(bytes)
        (storedLength, plainLength) = try decoding { () throws(CodecError) in
            let stored = try reader.readUInt32()
            let plain = try reader.readUInt32()
            guard stored > StoredFrame.tagLength, plain > 0,
                Int(plain) <= PackTrailer.plainLengthMax,
                Int(stored) <= Int(plain) + StoredFrame.tagLength
            else { throw .invalidValue("the footer of a pack") }
            return (stored, plain)
        }
    }
}
