internal import BlobModel
internal import Testing

@Suite struct MerkleBatchTests {
    /// Proofs that hold, and ones with a leaf, a sibling, a root or a length that is not theirs.
    @Test func manyProofsAreJudgedAsOneIs() {
        for leafCount in [1, 2, 3, 4, 7, 10, 33] {
            let leaves = (0..<leafCount).map { number in
                (0..<77).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 31) }
            }
            let tree = MerkleTree(leaves: leaves)
            let other = MerkleTree(leaves: leaves.map { $0.map { ~$0 } })
            for index in [0, leafCount / 2, leafCount - 1, leafCount] {
                let place = min(index, leafCount - 1)
                let leaf = leaves[place]
                let path = tree.proof(of: place).path
                var paths = [path, path + [.empty], Array(path.dropLast()), []]
                paths.append(path.map { _ in .empty })
                paths.append([MerkleNode](repeating: .empty, count: 40))
                if !path.isEmpty { paths.append(other.proof(of: place).path) }
                var claims: [MerkleProof.Claim] = []
                for path in paths {
                    for root in [tree.root, other.root, .empty] {
                        for leaf in [leaf, leaf.reversed()] {
                            let proof = MerkleProof(path: path)
                            claims.append(.init(leaf: leaf, proof: proof, root: root))
                        }
                    }
                }
                let one = claims.map {
                    $0.proof.verifies(
                        root: $0.root,
                        leafCount: leafCount,
                        leaf: $0.leaf,
                        index: index
                    )
                }
                let many = MerkleProof.verify(claims, leafCount: leafCount, index: index)
                #expect(many == one, "\(leafCount) leaves, \(index)")
                #expect(many.contains(true) == (index < leafCount))
            }
        }
        #expect(MerkleProof.verify([], leafCount: 3, index: 1).isEmpty)
    }
}
