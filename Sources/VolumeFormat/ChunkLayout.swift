package import Codec

/// How a frame's plaintext was made smaller; the numbers are stored.
package enum FrameCodec: UInt8, Sendable {
    case raw = 0
    case zstd = 1
}

/// The stored form of one frame: how long it is and how it was compressed.
package struct StoredFrame: Hashable, Sendable, BCSCodable {
    package static let plainLengthMax = 64 << 10
    package static let tagLength = 16

    /// Bytes in the pack, tag included.
    package let length: Int
    package let codec: FrameCodec

    package init(length: Int, codec: FrameCodec) {
        precondition(length > Self.tagLength)
        precondition(length <= Self.plainLengthMax + Self.tagLength)
        self.length = length
        self.codec = codec
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(UInt32(length) | UInt32(codec.rawValue) << 31)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let value = try reader.readUInt32()
        codec = value >> 31 == 0 ? .raw : .zstd
        length = Int(value & 0x7FFF_FFFF)
        guard length > Self.tagLength, length <= Self.plainLengthMax + Self.tagLength else {
            throw .invalidValue("a frame of \(length) bytes")
        }
    }
}

/// Where the frames of a chunk lie in its pack.
package struct ChunkLayout: Hashable, Sendable, BCSCodable {
    package static let lengthMax = 4 << 20
    private static let framesMax = lengthMax / StoredFrame.plainLengthMax

    /// Where the first frame begins in the pack.
    package let offset: UInt64
    /// The number of the first frame in the pack, which its nonce needs.
    package let firstFrame: UInt32
    /// Bytes of plaintext.
    package let length: UInt32
    package let frames: [StoredFrame]

    /// - Precondition: There are as many frames as `length` needs.
    package init(offset: UInt64, firstFrame: UInt32, length: UInt32, frames: [StoredFrame]) {
        precondition(length > 0 && length <= UInt32(Self.lengthMax))
        precondition(frames.count == Self.frameCount(of: length))
        self.offset = offset
        self.firstFrame = firstFrame
        self.length = length
        self.frames = frames
    }

    static func frameCount(of length: UInt32) -> Int {
        (Int(length) + StoredFrame.plainLengthMax - 1) / StoredFrame.plainLengthMax
    }

    /// Bytes that the frames take in the pack.
    package var storedLength: Int { frames.reduce(0) { $0 + $1.length } }

    /// The stretch of plaintext that this frame holds.
    package func plainRange(ofFrame index: Int) -> Range<Int> {
        let start = index * StoredFrame.plainLengthMax
        return start..<min(Int(length), start + StoredFrame.plainLengthMax)
    }

    /// The frames that hold this stretch of plaintext.
    ///
    /// - Precondition: The stretch is not empty and inside the chunk.
    package func frameRange(of plain: Range<Int>) -> Range<Int> {
        precondition(!plain.isEmpty && plain.lowerBound >= 0 && plain.upperBound <= Int(length))
        let size = StoredFrame.plainLengthMax
        return plain.lowerBound / size..<(plain.upperBound - 1) / size + 1
    }

    /// The bytes of the pack that these frames take.
    package func storedRange(ofFrames range: Range<Int>) -> Range<UInt64> {
        let start = frames[..<range.lowerBound].reduce(offset) { $0 + UInt64($1.length) }
        return start..<frames[range].reduce(start) { $0 + UInt64($1.length) }
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(offset)
        writer.write(firstFrame)
        writer.write(length)
        writer.write(vector: frames)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        offset = try reader.readUInt64()
        firstFrame = try reader.readUInt32()
        length = try reader.readUInt32()
        frames = try reader.readVector(limit: Self.framesMax, itemSize: 4)
        guard length > 0, length <= UInt32(Self.lengthMax),
            frames.count == Self.frameCount(of: length),
            offset <= UInt64(PackHeader.packLengthMax),
            Int(firstFrame) <= Int(UInt32.max) - Self.framesMax
        else { throw .invalidValue("frames that do not make up their chunk") }
    }
}
