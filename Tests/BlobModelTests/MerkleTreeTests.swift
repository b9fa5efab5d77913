internal import BlobModel
internal import Codec
internal import TestSupport
internal import Testing

@Suite struct MerkleTreeTests {
    struct Known: Decodable {
        struct Proof: Decodable {
            let index: Int
            let path: [String]
            let bcs: String
        }
        let leaves: [String]
        let root: String
        let proofs: [Proof]
    }

    let trees: [Known]

    init() throws { trees = try Fixtures.json("vectors/merkle.json") }

    @Test func rootsAndProofsAreTheReferences() throws {
        for known in trees {
            let leaves = try known.leaves.map { try Hex.decode($0) }
            let tree = MerkleTree(leaves: leaves)
            #expect(tree.root.bytes == (try Hex.decode(known.root)))
            for expected in known.proofs {
                let proof = tree.proof(of: expected.index)
                let path = try expected.path.map { node in
                    node == "empty" ? MerkleNode.empty : MerkleNode(digest: try Hex.decode(node))
                }
                #expect(proof.path == path)
                #expect(Hex.encode(proof.bcsBytes) == expected.bcs)
                #expect(try MerkleProof(bcsBytes: proof.bcsBytes) == proof)
                #expect(
                    proof.verifies(
                        root: tree.root,
                        leafCount: leaves.count,
                        leaf: leaves[expected.index],
                        index: expected.index
                    )
                )
            }
        }
    }

    @Test func nothingElseVerifies() {
        for count in 1...17 {
            let leaves = (0..<count).map { [UInt8($0), 7] }
            let tree = MerkleTree(leaves: leaves)
            for index in 0..<count {
                let proof = tree.proof(of: index)
                for other in -1...count where other != index {
                    #expect(
                        !proof.verifies(
                            root: tree.root,
                            leafCount: count,
                            leaf: leaves[index],
                            index: other
                        )
                    )
                }
                #expect(
                    !proof.verifies(
                        root: tree.root,
                        leafCount: count,
                        leaf: [9, 9],
                        index: index
                    )
                )
                let long = MerkleProof(path: proof.path + [.empty])
                #expect(
                    !long.verifies(
                        root: tree.root,
                        leafCount: count,
                        leaf: leaves[index],
                        index: index
                    )
                )
            }
        }
    }

    @Test func batchedHashesAreThoseOfTheLibrary() {
        for length in [0, 1, 63, 64, 126, 127, 128, 129, 254, 255, 256, 257, 1000] {
            for count in 1...(length == 0 ? 1 : 9) {
                let bytes = (0..<length * count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0) }
                let digests = unsafe bytes.withUnsafeBytes {
                    unsafe BatchHash.digests(of: $0, length: length, prefix: 0)
                }
                var expected: [UInt8] = []
                for index in 0..<count {
                    let message = Array(bytes[index * length..<(index + 1) * length])
                    expected += Blake2b256.hash([0] + message)
                }
                #expect(digests == expected)
            }
        }
    }
}
