package import BlobModel
package import Codec

/// The number of a slice: never given out twice.
package enum SliceNumber {
    /// Lease tokens have 24 bits, counters 40.
    package static let counterMax = UInt64(1) << 40 - 1
    package static let tokenMax = UInt32(1) << 24 - 1

    /// - Precondition: Both fit their bits.
    package static func make(token: UInt32, counter: UInt64) -> UInt64 {
        precondition(token <= tokenMax)
        precondition(counter <= counterMax)
        return UInt64(token) << 40 | counter
    }
}

/// The value of a row of `slices`.
package struct SliceRow: Hashable, Sendable, BCSCodable {
    /// A slice has at most 64 MiB.
    package static let lengthMax: UInt64 = 64 << 20

    package var length: UInt32
    /// How many extents name it.
    package var refs: UInt32
    /// No checkpoint below needs it.
    package var born: UInt64
    /// No checkpoint from here on needs it; 0: it lives.
    package var died: UInt64

    package init(length: UInt32, refs: UInt32, born: UInt64, died: UInt64) {
        self.length = length
        self.refs = refs
        self.born = born
        self.died = died
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(length)
        writer.write(refs)
        writer.write(born)
        writer.write(died)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        length = try reader.readUInt32()
        guard length <= Self.lengthMax else { throw .invalidValue("slice length") }
        refs = try reader.readUInt32()
        born = try reader.readUInt64()
        died = try reader.readUInt64()
    }
}

/// The value of a row of `slice_chunks`.
package struct SliceChunkRow: Hashable, Sendable, BCSCodable {
    /// 32 bytes.
    package var chunk: [UInt8]
    /// Where in the chunk's plaintext the slice's bytes begin.
    package var start: UInt32
    package var length: UInt32

    package init(chunk: [UInt8], start: UInt32, length: UInt32) {
        precondition(chunk.count == 32)
        self.chunk = chunk
        self.start = start
        self.length = length
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(raw: chunk)
        writer.write(start)
        writer.write(length)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        chunk = try reader.readRaw(32)
        start = try reader.readUInt32()
        length = try reader.readUInt32()
    }
}

/// The value of a row of `chunks`.
package struct ChunkRow: Hashable, Sendable, BCSCodable {
    /// A chunk of 4 MiB has 64 frames of 64 KiB.
    package static let framesMax = 64

    package var pack: UInt64
    /// Where in the pack its first frame begins.
    package var offset: UInt64
    /// The number of its first frame in the pack.
    package var first: UInt32
    /// Bytes of plaintext.
    package var length: UInt32
    /// For each frame its stored length with tag, and the codec in bit 31.
    package var frames: [UInt32]

    package init(pack: UInt64, offset: UInt64, first: UInt32, length: UInt32, frames: [UInt32]) {
        self.pack = pack
        self.offset = offset
        self.first = first
        self.length = length
        self.frames = frames
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(pack)
        writer.write(offset)
        writer.write(first)
        writer.write(length)
        writer.write(vector: frames)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        pack = try reader.readUInt64()
        offset = try reader.readUInt64()
        first = try reader.readUInt32()
        length = try reader.readUInt32()
        frames = try reader.readVector(limit: Self.framesMax, itemSize: 4)
    }
}

/// What became of a pack; the numbers are stored: append only.
package enum PackState: UInt8, Sendable, CaseIterable {
    /// Sealed on the local disk.
    case sealed = 1
    case certified = 2
    case retired = 3
    case damaged = 4
}

/// The value of a row of `packs`.
package struct PackRow: Hashable, Sendable, BCSCodable {
    /// nil until it is encoded.
    package var blob: BlobID?
    package var kind: UInt8
    package var sequence: UInt64
    /// 32 bytes.
    package var salt: [UInt8]
    package var length: UInt64
    package var state: PackState
    /// The first epoch without it.
    package var end: Epoch
    /// Checkpoints that may read chunks here which later ones have in other packs; nil when none
    /// has left.
    package var departed: Range<UInt64>?

    package init(
        blob: BlobID?,
        kind: UInt8,
        sequence: UInt64,
        salt: [UInt8],
        length: UInt64,
        state: PackState,
        end: Epoch,
        departed: Range<UInt64>? = nil
    ) {
        precondition(salt.count == 32)
        self.blob = blob
        self.kind = kind
        self.sequence = sequence
        self.salt = salt
        self.length = length
        self.state = state
        self.end = end
        self.departed = departed
    }

    /// Notes that chunks left, which checkpoints of `readers` may read here.
    package mutating func noteDeparture(_ readers: Range<UInt64>) {
        guard let known = departed else { return departed = readers }
        let first = min(known.lowerBound, readers.lowerBound)
        departed = first..<max(known.upperBound, readers.upperBound)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(optional: blob)
        writer.write(kind)
        writer.write(sequence)
        writer.write(raw: salt)
        writer.write(length)
        writer.write(state.rawValue)
        writer.write(end)
        guard let departed else { return }
        writer.write(departed.lowerBound)
        writer.write(departed.upperBound)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        blob = try reader.readOptional(BlobID.self)
        kind = try reader.readUInt8()
        sequence = try reader.readUInt64()
        salt = try reader.readRaw(32)
        length = try reader.readUInt64()
        let number = try reader.readUInt8()
        guard let state = PackState(rawValue: number) else {
            throw .unknownTag(UInt32(number), of: "pack state")
        }
        self.state = state
        end = try reader.readUInt32()
        guard reader.remaining > 0 else { return }
        let (first, limit) = (try reader.readUInt64(), try reader.readUInt64())
        guard first <= limit else { throw .invalidValue("the readers of a pack") }
        departed = first..<limit
    }
}
