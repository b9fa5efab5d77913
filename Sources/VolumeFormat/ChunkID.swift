internal import BlobModel
package import Codec

/// The name of a chunk: keyed BLAKE2b-256 of its plaintext under the volume's chunk-id key.
package struct ChunkID: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }
}

/// A range of a slice, and where its bytes lie in a chunk.
package struct SliceChunk: Hashable, Sendable, BCSCodable {
    package let slice: UInt64
    /// Where the range begins in the slice.
    package let offset: UInt32
    package let chunk: ChunkID
    /// Where its bytes begin in the chunk's plaintext.
    package let start: UInt32
    package let length: UInt32

    package static let encodedSize = 8 + 4 + 32 + 4 + 4

    package init(slice: UInt64, offset: UInt32, chunk: ChunkID, start: UInt32, length: UInt32) {
        self.slice = slice
        self.offset = offset
        self.chunk = chunk
        self.start = start
        self.length = length
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(slice)
        writer.write(offset)
        writer.write(chunk)
        writer.write(start)
        writer.write(length)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        slice = try reader.readUInt64()
        offset = try reader.readUInt32()
        chunk = try reader.read()
        start = try reader.readUInt32()
        length = try reader.readUInt32()
        guard length > 0, UInt64(start) + UInt64(length) <= UInt64(ChunkLayout.lengthMax),
            !offset.addingReportingOverflow(length).overflow
        else { throw .invalidValue("a range outside its chunk") }
    }
}
