package import Codec

// A coded row or column of a blob's matrix. On the wire the axis is usually known from the request,
// so there are two forms: `dataBytes`, without it, and BCS, with its tag in front
// (`Docs/Formats/bcs.md`).

/// A sliver as it came from somewhere, unchecked.
package struct Sliver: Hashable, Sendable {
    package let axis: SliverAxis
    /// The symbols, one after another.
    package let bytes: [UInt8]
    package let symbolSize: UInt16
    package let index: SliverIndex

    package init(axis: SliverAxis, index: SliverIndex, symbolSize: UInt16, bytes: [UInt8]) {
        self.axis = axis
        self.bytes = bytes
        self.symbolSize = symbolSize
        self.index = index
    }
}

extension Sliver: BCSCodable {
    /// The form without the axis: the body of a node's sliver requests and responses.
    package var dataBytes: [UInt8] {
        var writer = ByteWriter(reserving: bytes.count + 9)
        encodeData(to: &writer)
        return writer.bytes
    }

    package func encodeData(to writer: inout ByteWriter) {
        writer.write(bytes: bytes)
        writer.write(symbolSize)
        writer.write(index)
    }

    /// Reads a sliver of this axis that takes up all of `dataBytes`.
    package init(axis: SliverAxis, dataBytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(dataBytes)
        self = try Sliver(axis: axis, from: &reader)
        try reader.finish()
    }

    package init(axis: SliverAxis, from reader: inout ByteReader) throws(CodecError) {
        self.axis = axis
        bytes = try reader.readBytes()
        symbolSize = try reader.readUInt16()
        guard symbolSize > 0 else { throw .invalidValue("a symbol size of zero") }
        index = try SliverIndex(from: &reader)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(axis)
        encodeData(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let axis = try SliverAxis(from: &reader)
        self = try Sliver(axis: axis, from: &reader)
    }
}

/// A sliver whose root was compared with the blob's metadata, or that was encoded here.
package struct VerifiedSliver: Hashable, Sendable {
    package let sliver: Sliver
    package let blobID: BlobID

    /// Takes the caller's word that `sliver` belongs to `blob`.
    ///
    /// Only for the encoder, the verifier and the decoder of `ErasureCoding`, and for storage that
    /// reads back, over a checksum, what it wrote after verifying.
    package init(attested sliver: Sliver, of blob: BlobID) {
        self.sliver = sliver
        blobID = blob
    }

    package var axis: SliverAxis { sliver.axis }
    package var index: SliverIndex { sliver.index }
    package var bytes: [UInt8] { sliver.bytes }
}

/// The two slivers of a blob that one shard holds, both verified.
package struct VerifiedSliverPair: Hashable, Sendable {
    package let index: SliverPairIndex
    package let primary: VerifiedSliver
    package let secondary: VerifiedSliver

    package init(index: SliverPairIndex, primary: VerifiedSliver, secondary: VerifiedSliver) {
        precondition(primary.axis == .primary)
        precondition(secondary.axis == .secondary)
        self.index = index
        self.primary = primary
        self.secondary = secondary
    }

    package subscript(axis: SliverAxis) -> VerifiedSliver {
        axis == .primary ? primary : secondary
    }
}
