internal import BlobModel
package import Codec

/// Merkle roots of a block's contents: the project's tree over the canonical bytes of each item.
package enum LedgerRoot {
    /// The root over `items`, in order; 32 zero bytes for none.
    package static func root<Item: BCSEncodable>(of items: [Item]) -> [UInt8] {
        MerkleTree(leaves: items.map(\.bcsBytes)).root.bytes
    }
}
