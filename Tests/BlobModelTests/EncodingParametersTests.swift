internal import BlobModel
internal import Codec
internal import TestSupport
internal import Testing

@Suite struct EncodingParametersTests {
    struct Vectors: Decodable {
        struct Committee: Decodable {
            struct Size: Decodable {
                let length: UInt64
                let symbolSize: Int
                let encodedLength: UInt64
            }
            let n: Int
            let f: Int
            let kPrimary: Int
            let kSecondary: Int
            let maxBlobSize: UInt64
            let metadataLength: UInt64
            let sizes: [Size]
            let tooLarge: UInt64
        }
        struct Rotation: Decodable {
            let n: Int
            let blobId: String
            let pair: UInt16
            let shard: UInt16
        }
        let committee: [Committee]
        let rotation: [Rotation]
    }

    let vectors: Vectors

    init() throws { vectors = try Fixtures.json("vectors/params.json") }

    @Test func numbersAreTheReferences() throws {
        for known in vectors.committee {
            let parameters = try EncodingParameters(shardCount: known.n)
            #expect(parameters.faultyMax == known.f)
            #expect(parameters.sourceRows == known.kPrimary)
            #expect(parameters.sourceColumns == known.kSecondary)
            #expect(parameters.blobLengthMax == known.maxBlobSize)
            #expect(parameters.metadataLength == known.metadataLength)
            for size in known.sizes {
                #expect(try parameters.symbolSize(of: size.length) == size.symbolSize)
                #expect(try parameters.encodedLength(of: size.length) == size.encodedLength)
            }
            #expect(try parameters.symbolSize(of: known.maxBlobSize) == 65_534)
            let refusal = EncodingParametersError.dataTooLarge(
                length: known.tooLarge,
                maximum: known.maxBlobSize
            )
            #expect(throws: refusal) { try parameters.symbolSize(of: known.tooLarge) }
            #expect(throws: EncodingParametersError.self) {
                try parameters.encodedLength(of: .max)
            }
        }
    }

    @Test func committeesWithoutACodeAreRefused() {
        for count in [Int.min, -1, 0, 1, 2, 3, 49_156, 65_535, Int.max] {
            #expect(throws: EncodingParametersError.unsupportedShardCount(count)) {
                try EncodingParameters(shardCount: count)
            }
        }
    }

    @Test func rotationIsTheReferences() throws {
        for known in vectors.rotation {
            let parameters = try EncodingParameters(shardCount: known.n)
            let blob = BlobID(bytes: try Hex.decode(known.blobId))
            let pair = SliverPairIndex(known.pair)
            let shard = ShardIndex(known.shard)
            #expect(parameters.shard(holding: pair, of: blob) == shard)
            #expect(parameters.pair(on: shard, of: blob) == pair)
        }
    }

    @Test(arguments: [4, 5, 7, 10, 13, 101]) func placementIsABijection(count: Int) throws {
        let parameters = try EncodingParameters(shardCount: count)
        for seed in 0..<UInt8(20) {
            let blob = BlobID(bytes: Blake2b256.hash([seed]))
            var shards: Set<ShardIndex> = []
            for number in 0..<UInt16(count) {
                let pair = SliverPairIndex(number)
                let shard = parameters.shard(holding: pair, of: blob)
                #expect(parameters.pair(on: shard, of: blob) == pair)
                shards.insert(shard)
                for axis in SliverAxis.allCases {
                    #expect(parameters.pair(of: parameters.sliver(of: pair, axis), axis) == pair)
                }
            }
            #expect(shards.count == count)
        }
    }

    @Test func quorumsOverlapInACorrectShard() throws {
        for count in 4...400 {
            let parameters = try EncodingParameters(shardCount: count)
            let quorum = parameters.quorumWeight
            #expect(parameters.isQuorum(weight: quorum))
            #expect(!parameters.isQuorum(weight: quorum - 1))
            #expect(2 * quorum - count > parameters.faultyMax)
            #expect(!parameters.includesCorrect(weight: parameters.faultyMax))
            #expect(parameters.includesCorrect(weight: parameters.faultyMax + 2))
            #expect(parameters.isAboveValidity(weight: parameters.faultyMax + 1))
            #expect(!parameters.isClientQuorum(weight: 2 * parameters.faultyMax))
        }
    }
}
