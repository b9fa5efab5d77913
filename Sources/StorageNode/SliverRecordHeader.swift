internal import BlobModel
internal import Codec

/// What stands in front of a sliver's symbols in its record.
struct SliverRecordHeader {
    static let length = 38

    let name: SliverName
    let symbolSize: UInt16
    let index: SliverIndex

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.length)
        writer.write(name.blob)
        writer.write(name.pair)
        writer.write(symbolSize)
        writer.write(index)
        return writer.bytes
    }

    init(name: SliverName, symbolSize: UInt16, index: SliverIndex) {
        self.name = name
        self.symbolSize = symbolSize
        self.index = index
    }

    init(axis: SliverAxis, from reader: inout ByteReader) throws(CodecError) {
        let blob = try reader.read(BlobID.self)
        name = SliverName(blob: blob, pair: try reader.read(), axis: axis)
        symbolSize = try reader.readUInt16()
        index = try reader.read()
    }
}
