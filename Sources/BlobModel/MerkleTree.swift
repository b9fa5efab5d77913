package import Codec

// Binary Merkle trees of BLAKE2b-256 (`Docs/Formats/hashes.md`):
//
//     leaf = H(0x00 || data)      inner = H(0x01 || left || right)
//
// A level with an odd number of nodes above one gets one empty node of 32 zero bytes at its end;
// nothing is duplicated or promoted. A single leaf is the root; no leaves have an empty root.

/// A BLAKE2b-256 digest in a Merkle tree.
package struct MerkleDigest: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }
}

/// A node of a Merkle tree.
///
/// `empty` is not equal to a digest of zeros, though it hashes the same.
package enum MerkleNode: Hashable, Sendable, BCSCodable {
    case empty
    case digest(MerkleDigest)

    /// The 32 bytes that are hashed.
    package var bytes: [UInt8] {
        switch self {
        case .empty: [UInt8](repeating: 0, count: 32)
        case .digest(let digest): digest.bytes
        }
    }

    package init(digest bytes: [UInt8]) { self = .digest(MerkleDigest(bytes: bytes)) }

    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .empty: writer.write(uleb: 0)
        case .digest(let digest):
            writer.write(uleb: 1)
            writer.write(digest)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .empty
        case 1: self = .digest(try MerkleDigest(from: &reader))
        case let tag: throw .unknownTag(tag, of: "merkle node")
        }
    }
}

/// A Merkle tree, all levels of it.
package struct MerkleTree: Sendable {
    package let leafCount: Int
    /// Levels from the leaves up, each padded to an even number of nodes except the root's.
    private let nodes: [UInt8]
    private let levels: [Int]

    /// The tree over leaves of any lengths.
    package init(leaves: [[UInt8]]) {
        var hashes: [UInt8] = []
        hashes.reserveCapacity(32 * leaves.count)
        for leaf in leaves { hashes.append(contentsOf: Self.hash(leaf: leaf)) }
        self.init(leafHashes: hashes)
    }

    /// The tree over leaves that are hashed already, 32 bytes each, one after another.
    package init(leafHashes: [UInt8]) {
        precondition(leafHashes.count.isMultiple(of: 32))
        leafCount = leafHashes.count / 32
        var nodes = leafHashes
        var levels = [0]
        var start = 0
        var count = leafCount
        while count > 1 {
            if count % 2 == 1 {
                nodes.append(contentsOf: [UInt8](repeating: 0, count: 32))
                count += 1
            }
            let next = nodes.count
            count /= 2
            nodes.append(contentsOf: Self.parents(of: nodes[start..<next]))
            levels.append(next)
            start = next
        }
        self.nodes = nodes
        self.levels = levels
    }

    private static func parents(of level: ArraySlice<UInt8>) -> [UInt8] {
        unsafe level.withUnsafeBytes { children in
            unsafe BatchHash.digests(of: children, length: 64, prefix: 1)
        }
    }

    /// `H(0x00 || leaf)`.
    package static func hash(leaf: [UInt8]) -> [UInt8] { hash(leaf, prefix: 0) }

    private static func hash(_ bytes: [UInt8], prefix: UInt8) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { message in
            unsafe BatchHash.digests(of: message, length: message.count, prefix: prefix)
        }
    }

    fileprivate static func hash(_ left: MerkleNode, _ right: MerkleNode) -> [UInt8] {
        hash(left.bytes + right.bytes, prefix: 1)
    }

    package var root: MerkleNode {
        leafCount == 0 ? .empty : MerkleNode(digest: Array(nodes.suffix(32)))
    }

    /// The siblings on the way from a leaf to the root, the leaf's first.
    ///
    /// - Precondition: `index` is below `leafCount`.
    package func proof(of index: Int) -> MerkleProof {
        precondition((0..<leafCount).contains(index))
        var path: [MerkleNode] = []
        var position = index
        var count = leafCount
        for start in levels.dropLast() {
            let sibling = position ^ 1
            if sibling >= count {
                path.append(.empty)
            } else {
                let from = start + 32 * sibling
                path.append(MerkleNode(digest: Array(nodes[from..<from + 32])))
            }
            position /= 2
            count = (count + 1) / 2
        }
        return MerkleProof(path: path)
    }
}

/// The siblings that lead from a leaf to a root.
package struct MerkleProof: Hashable, Sendable, BCSCodable {
    package let path: [MerkleNode]

    /// 65,535 leaves are 16 levels under their root.
    package static let pathMax = 16

    package init(path: [MerkleNode]) { self.path = path }

    /// Whether `leaf` is number `index` of the `leafCount` leaves under `root`.
    package func verifies(
        root: MerkleNode,
        leafCount: Int,
        leaf: [UInt8],
        index: Int
    ) -> Bool {
        guard (0..<leafCount).contains(index), path.count <= Self.depth(of: leafCount),
            index >> path.count == 0
        else { return false }
        var node = MerkleNode(digest: MerkleTree.hash(leaf: leaf))
        var position = index
        for sibling in path {
            let digest =
                position % 2 == 0
                ? MerkleTree.hash(node, sibling) : MerkleTree.hash(sibling, node)
            node = MerkleNode(digest: digest)
            position /= 2
        }
        return node == root
    }

    static func depth(of leafCount: Int) -> Int {
        leafCount <= 1 ? 0 : Int.bitWidth - (leafCount - 1).leadingZeroBitCount
    }

    package func encode(to writer: inout ByteWriter) { writer.write(vector: path) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        path = try reader.readVector(limit: Self.pathMax)
    }
}
