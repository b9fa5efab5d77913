package import Codec

/// Blocks as the APIs of ledger and nodes hand them out: a vector of byte strings in BCS.
///
/// What is in a block is for who asked: nodes hand out bytes that they can not vouch for.
package enum BlockList {
    package static func encode(_ blocks: some Collection<[UInt8]>) -> [UInt8] {
        let size = blocks.reduce(5) { $0 + $1.count + 5 }
        var writer = ByteWriter(reserving: size)
        writer.write(length: blocks.count)
        for block in blocks { writer.write(bytes: block) }
        return writer.bytes
    }

    /// Reads an answer with at most `limit` blocks.
    package static func decode(
        _ bytes: [UInt8],
        limit: Int
    ) throws(CodecError) -> [[UInt8]] {
        var reader = ByteReader(bytes)
        var blocks: [[UInt8]] = []
        for _ in 0..<(try reader.readLength(limit: limit)) {
            blocks.append(try reader.readBytes())
        }
        try reader.finish()
        return blocks
    }
}
