package import BlobModel
package import Codec
package import Ledger

/// How far a node has followed the ledger.
package struct NodeCursor: Equatable, Sendable {
    /// The last block applied; height 0 stands for the genesis.
    package var block: BlockReference
    package var epoch: Epoch

    package init(block: BlockReference, epoch: Epoch) {
        self.block = block
        self.epoch = epoch
    }
}

extension NodeCursor: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(block)
        writer.write(epoch)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(block: try reader.read(), epoch: try reader.readUInt32())
    }
}
