internal import BlobModel
package import Codec

/// Merkle roots of a block's contents: the project's tree over the canonical bytes of each item.
package enum LedgerRoot {
    /// The root over `items`, in order; 32 zero bytes for none.
    package static func root<Item: BCSEncodable>(of items: [Item]) -> [UInt8] {
        var level = items.map { Blake2b256.hash([0] + $0.bcsBytes) }
        guard !level.isEmpty else { return [UInt8](repeating: 0, count: 32) }
        while level.count > 1 {
            if level.count % 2 == 1 { level.append([UInt8](repeating: 0, count: 32)) }
            level = stride(from: 0, to: level.count, by: 2).map { index in
                Blake2b256.hash([1] + level[index] + level[index + 1])
            }
        }
        return level[0]
    }
}
