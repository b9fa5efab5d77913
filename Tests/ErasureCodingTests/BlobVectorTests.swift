internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import TestSupport
internal import Testing

/// The known answers for whole blobs.
@Suite struct BlobVectorTests {
    struct Committee: Decodable {
        let nShards: Int
        let cases: [Case]
    }

    struct Case: Decodable {
        struct Hashes: Decodable {
            let primary: String
            let secondary: String
        }
        struct Full: Decodable {
            let primarySlivers: [String]
            let secondarySlivers: [String]
            let expandedRows: [String]
            let pairHashes: [[String]]
            let metadataBcs: String
            let metadataWithIdBcs: String
            let primarySliverBcs: [String]
            let secondarySliverBcs: [String]
        }
        let blob: Content
        let error: String?
        let blobSha256: String?
        let symbolSize: Int?
        let primarySliverLength: Int?
        let secondarySliverLength: Int?
        let encodedLength: UInt64?
        let rootHash: String?
        let blobId: String?
        let blobIdText: String?
        let rotationOffset: Int?
        let shardOfPair0: UInt16?
        let metadataBcsLength: Int?
        let metadataBcsSha256: String?
        let primarySliverSha256: [String: String]?
        let secondarySliverSha256: [String: String]?
        let allPrimarySliversSha256: String?
        let allSecondarySliversSha256: String?
        let expandedMatrixSha256: String?
        let pairHashes: [String: Hashes]?
        let primarySliver0BcsSha256: String?
        let secondarySliverLastBcsSha256: String?
        let full: Full?
    }

    @Test(arguments: [4, 7, 10, 13, 31, 100, 1000])
    func encodedBlobsAreTheReferences(shards: Int) throws {
        let name = String(repeating: "0", count: 4 - String(shards).count) + String(shards)
        let committee = try Fixtures.json("vectors/blob_n\(name).json", as: Committee.self)
        let parameters = try EncodingParameters(shardCount: shards)
        let codec = RedStuffCodec(parameters)
        #expect(committee.nShards == shards && !committee.cases.isEmpty)
        for known in committee.cases {
            let blob = try known.blob.bytes()
            if known.error == "DataTooLarge" {
                #expect(throws: EncodingParametersError.self) {
                    try RedStuffEncoder(codec).encode(blob)
                }
                continue
            }
            #expect(known.blobSha256 == sha256(blob))
            let encoded = try RedStuffEncoder(codec).encode(blob)
            checkMetadata(encoded.metadata, known)
            #expect(try RedStuffEncoder(codec).metadata(of: blob) == encoded.metadata)
            checkSlivers(encoded, known)
            if let full = known.full { try checkFull(encoded, full, codec) }
            if shards < 1000 || known.blob.length == 17 {
                try checkExpandedMatrix(encoded, known, codec)
            }
        }
    }

    private func checkMetadata(_ metadata: VerifiedBlobMetadata, _ known: Case) {
        let parameters = metadata.parameters
        #expect(metadata.symbolSize == known.symbolSize)
        #expect(metadata.sliverLength(.primary) == known.primarySliverLength)
        #expect(metadata.sliverLength(.secondary) == known.secondarySliverLength)
        #expect(
            (try? parameters.encodedLength(of: metadata.unencodedLength)) == known.encodedLength
        )
        #expect(Hex.encode(metadata.metadata.rootHash.bytes) == known.rootHash)
        #expect(Hex.encode(metadata.blobID.bytes) == known.blobId)
        #expect(metadata.blobID.description == known.blobIdText)
        #expect(parameters.rotation(of: metadata.blobID) == known.rotationOffset)
        let shard = parameters.shard(holding: SliverPairIndex(0), of: metadata.blobID)
        #expect(shard.rawValue == known.shardOfPair0)
        let bytes = metadata.metadata.bcsBytes
        #expect(bytes.count == known.metadataBcsLength)
        #expect(sha256(bytes) == known.metadataBcsSha256)
        #expect((try? BlobMetadata(bcsBytes: bytes)) == metadata.metadata)
        for (pair, hashes) in known.pairHashes ?? [:] {
            let found = metadata.metadata.hashes[Int(pair) ?? 0]
            #expect(Hex.encode(found.primary.bytes) == hashes.primary)
            #expect(Hex.encode(found.secondary.bytes) == hashes.secondary)
        }
    }

    private func checkSlivers(_ encoded: EncodedBlob, _ known: Case) {
        for (axis, each, all) in [
            (SliverAxis.primary, known.primarySliverSha256, known.allPrimarySliversSha256),
            (.secondary, known.secondarySliverSha256, known.allSecondarySliversSha256),
        ] {
            var bytes: [UInt8] = []
            for index in 0..<encoded.metadata.parameters.shardCount {
                let sliver = encoded.sliver(axis, SliverIndex(UInt16(index)))
                bytes += sliver.bytes
                if let expected = each?[String(index)] { #expect(sha256(sliver.bytes) == expected) }
            }
            #expect(sha256(bytes) == all)
        }
        let last = SliverIndex(UInt16(encoded.metadata.parameters.shardCount - 1))
        #expect(
            sha256(encoded.sliver(.primary, SliverIndex(0)).sliver.dataBytes)
                == known.primarySliver0BcsSha256
        )
        #expect(
            sha256(encoded.sliver(.secondary, last).sliver.dataBytes)
                == known.secondarySliverLastBcsSha256
        )
    }

    private func checkExpandedMatrix(
        _ encoded: EncodedBlob,
        _ known: Case,
        _ codec: RedStuffCodec
    ) throws {
        let verifier = SliverVerifier(codec, encoded.metadata)
        var matrix: [UInt8] = []
        for index in 0..<codec.parameters.shardCount {
            let sliver = encoded.sliver(.primary, SliverIndex(UInt16(index)))
            let row = try verifier.expand(sliver)
            #expect(row.tree.root == encoded.metadata.hash(of: sliver.index, .primary))
            matrix += row.bytes
        }
        #expect(sha256(matrix) == known.expandedMatrixSha256)
    }

    private func checkFull(
        _ encoded: EncodedBlob,
        _ full: Case.Full,
        _ codec: RedStuffCodec
    ) throws {
        let metadata = encoded.metadata
        let verifier = SliverVerifier(codec, metadata)
        #expect(Hex.encode(metadata.metadata.bcsBytes) == full.metadataBcs)
        #expect(Hex.encode(metadata.withID.bcsBytes) == full.metadataWithIdBcs)
        for number in 0..<codec.parameters.shardCount {
            let pair = encoded.pair(SliverPairIndex(UInt16(number)))
            #expect(Hex.encode(pair.primary.bytes) == full.primarySlivers[number])
            #expect(
                Hex.encode(pair.primary.sliver.dataBytes) == full.primarySliverBcs[number]
            )
            let column = pair.secondary.index.value
            #expect(Hex.encode(pair.secondary.bytes) == full.secondarySlivers[column])
            #expect(
                Hex.encode(pair.secondary.sliver.dataBytes) == full.secondarySliverBcs[column]
            )
            let hashes = metadata.metadata.hashes[number]
            #expect(
                [hashes.primary, hashes.secondary].map { Hex.encode($0.bytes) }
                    == full.pairHashes[number]
            )
            #expect(
                Hex.encode(try verifier.expand(pair.primary).bytes) == full.expandedRows[number]
            )
            for axis in SliverAxis.allCases {
                #expect(try verifier.verify(pair[axis].sliver) == pair[axis])
            }
        }
    }

    struct Official: Decodable {
        struct Known: Decodable {
            let nShards: Int
            let blob: Content
            let blobId: String
        }
        struct Dump: Decodable {
            let blobUtf8: String
            let primarySliverBcs: [String]
            let secondarySliverBcs: [String]
            let metadataWithIdBcs: String
        }
        struct Slivers: Decodable {
            let nShards: Int
            let blob: Content
            let primary0And1: [String]
        }
        let blobIds: [Known]
        let n10FullDump: Dump
        let sliverBcsDjb2: Slivers
    }

    @Test func blobsHaveTheIdsThatOthersPublished() throws {
        let official = try Fixtures.json(
            "vectors/official_known_answers.json",
            as: Official.self
        )
        var codecs: [Int: RedStuffCodec] = [:]
        for known in official.blobIds {
            let parameters = try EncodingParameters(shardCount: known.nShards)
            let codec = codecs[known.nShards] ?? RedStuffCodec(parameters)
            codecs[known.nShards] = codec
            let metadata = try RedStuffEncoder(codec).metadata(of: known.blob.bytes())
            // Some of them print ids in hexadecimal.
            let texts = [metadata.blobID.description, Hex.encode(metadata.blobID.bytes)]
            #expect(texts.contains(known.blobId))
        }
    }

    @Test func sliversAreThoseThatOthersPublished() throws {
        let official = try Fixtures.json(
            "vectors/official_known_answers.json",
            as: Official.self
        )
        let dump = official.n10FullDump
        let ten = try EncodingParameters(shardCount: 10)
        let encoded = try RedStuffEncoder(ten).encode(Array(dump.blobUtf8.utf8))
        #expect(Hex.encode(encoded.metadata.withID.bcsBytes) == dump.metadataWithIdBcs)
        for index in 0..<10 {
            let number = SliverIndex(UInt16(index))
            #expect(
                Hex.encode(encoded.sliver(.primary, number).sliver.dataBytes)
                    == dump.primarySliverBcs[index]
            )
            // Secondary sliver 2 of the dump has a digit that its own metadata contradicts.
            guard index != 2 else { continue }
            #expect(
                Hex.encode(encoded.sliver(.secondary, number).sliver.dataBytes)
                    == dump.secondarySliverBcs[index]
            )
        }
        let large = official.sliverBcsDjb2
        let thousand = try RedStuffEncoder(EncodingParameters(shardCount: large.nShards))
            .encode(large.blob.bytes())
        for (index, expected) in large.primary0And1.enumerated() {
            let bytes = thousand.sliver(.primary, SliverIndex(UInt16(index))).sliver.dataBytes
            let hash = bytes.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
            #expect(
                Hex.encode([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) }) == expected
            )
        }
    }
}
