// Symbols of one sliver come with proofs from as many trees, all as deep and all about the same
// leaf number: they are followed side by side, so that their nodes fill the lanes of the hash.

extension MerkleProof {
    /// A leaf, and what is said to prove that it is in the tree with this root.
    package struct Claim: Sendable {
        package let leaf: [UInt8]
        package let proof: MerkleProof
        package let root: MerkleNode

        package init(leaf: [UInt8], proof: MerkleProof, root: MerkleNode) {
            self.leaf = leaf
            self.proof = proof
            self.root = root
        }
    }

    /// For each claim, what ``verifies(root:leafCount:leaf:index:)`` says of it.
    ///
    /// - Precondition: The leaves are of one length, which is not 0.
    package static func verify(_ claims: [Claim], leafCount: Int, index: Int) -> [Bool] {
        guard let first = claims.first else { return [] }
        precondition(claims.allSatisfy { $0.leaf.count == first.leaf.count })
        var leaves: [UInt8] = []
        leaves.reserveCapacity(claims.count * first.leaf.count)
        for claim in claims { leaves.append(contentsOf: claim.leaf) }
        var nodes = digests(leaves, length: first.leaf.count, prefix: 0)
        let deepest = claims.reduce(0) { max($0, $1.proof.path.count) }
        var pairs: [UInt8] = []
        for level in 0..<min(deepest, Self.pathMax) {
            let isLeft = index >> level & 1 == 0
            let climbing = claims.indices.filter { claims[$0].proof.path.count > level }
            pairs.removeAll(keepingCapacity: true)
            for place in climbing {
                let own = nodes[32 * place..<32 * (place + 1)]
                let sibling = claims[place].proof.path[level].bytes
                if isLeft { pairs.append(contentsOf: own) }
                pairs.append(contentsOf: sibling)
                if !isLeft { pairs.append(contentsOf: own) }
            }
            let parents = digests(pairs, length: 64, prefix: 1)
            for (number, place) in climbing.enumerated() {
                let parent = parents[32 * number..<32 * (number + 1)]
                nodes.replaceSubrange(32 * place..<32 * (place + 1), with: parent)
            }
        }
        return claims.indices.map { place in
            let length = claims[place].proof.path.count
            return (0..<leafCount).contains(index) && length <= depth(of: leafCount)
                && index >> length == 0
                && claims[place].root
                    == MerkleNode(digest: Array(nodes[32 * place..<32 * (place + 1)]))
        }
    }

    private static func digests(_ bytes: [UInt8], length: Int, prefix: UInt8) -> [UInt8] {
        unsafe bytes.withUnsafeBytes {
            unsafe BatchHash.digests(of: $0, length: length, prefix: prefix)
        }
    }
}
