internal import BlobModel
internal import ErasureCoding
internal import Testing

@Suite struct DecoderTests {
    /// Committees and lengths on both sides of borders: of symbols, blocks and the matrix.
    static let committees = [4, 5, 6, 7, 9, 10, 13, 31]

    private func lengths(_ parameters: EncodingParameters) -> [Int] {
        let symbols = parameters.sourceSymbols
        return [
            0, 1, symbols * 2 - 1, symbols * 2, symbols * 2 + 1, symbols * 66 - 3, symbols * 130,
        ]
    }

    private func slivers(_ encoded: EncodedBlob, _ axis: SliverAxis) -> [VerifiedSliver] {
        (0..<encoded.metadata.parameters.shardCount).map {
            encoded.sliver(axis, SliverIndex(UInt16($0)))
        }
    }

    @Test(arguments: committees)
    func anyEnoughSliversGiveTheBlob(shards: Int) throws {
        var random = SplitMix64(state: UInt64(shards))
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        for length in lengths(codec.parameters) {
            let blob = random.bytes(length)
            let encoded = try RedStuffEncoder(codec).encode(blob)
            let decoder = RedStuffDecoder(codec, encoded.metadata)
            for axis in SliverAxis.allCases {
                let needed = codec.parameters.sliversNeeded(of: axis)
                let all = slivers(encoded, axis)
                let some = Array(all.shuffled(using: &random).prefix(needed))
                let last = Array(all.suffix(needed))
                for chosen in [some, last, all] {
                    for check in [ConsistencyCheck.skip, .standard, .strict] {
                        #expect(try decoder.decode(chosen, check: check) == blob)
                    }
                }
            }
        }
    }

    @Test func tooFewDoubleAndForeignSliversAreNotEnough() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 10))
        let encoded = try RedStuffEncoder(codec).encode([1, 2, 3])
        let other = try RedStuffEncoder(codec).encode([4, 5, 6])
        let decoder = RedStuffDecoder(codec, encoded.metadata)
        let refusal = BlobDecodingError.notEnoughSlivers(
            primary: 3,
            primaryNeeded: 4,
            secondary: 6,
            secondaryNeeded: 7
        )
        let rows = slivers(encoded, .primary)
        let columns = slivers(encoded, .secondary)
        let wrong = VerifiedSliver(
            attested: Sliver(
                axis: .primary,
                index: SliverIndex(8),
                symbolSize: 2,
                bytes: [0, 0]
            ),
            of: encoded.blobID
        )
        let outside = VerifiedSliver(
            attested: Sliver(
                axis: .primary,
                index: SliverIndex(10),
                symbolSize: 2,
                bytes: rows[0].bytes
            ),
            of: encoded.blobID
        )
        #expect(throws: refusal) {
            try decoder.decode(
                Array(rows.prefix(3)) + [rows[0], wrong, outside, slivers(other, .primary)[5]]
                    + Array(columns.prefix(6))
            )
        }
        #expect(try decoder.decode(Array(rows.prefix(4)) + [wrong]) == [1, 2, 3])
    }

    @Test func sliversAreCheckedInOrder() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 7))
        let encoded = try RedStuffEncoder(codec).encode([UInt8](repeating: 9, count: 100))
        let verifier = SliverVerifier(codec, encoded.metadata)
        let good = encoded.sliver(.secondary, SliverIndex(3)).sliver
        let size = good.symbolSize
        func changed(
            index: UInt16 = 3,
            size: UInt16,
            _ bytes: [UInt8],
            _ axis: SliverAxis = .secondary
        ) -> Sliver {
            Sliver(axis: axis, index: SliverIndex(index), symbolSize: size, bytes: bytes)
        }
        let short = Array(good.bytes.dropLast())
        var flipped = good.bytes
        flipped[5] ^= 0x80
        let cases: [(Sliver, SliverVerificationError)] = [
            (
                changed(index: 7, size: 5, short),
                .indexTooLarge(SliverIndex(7), shardCount: 7)
            ),
            (changed(size: 5, short), .wrongLength(short.count, expected: good.bytes.count)),
            (
                changed(size: size + 1, good.bytes),
                .wrongSymbolSize(Int(size) + 1, expected: Int(size))
            ),
            (changed(size: size, flipped), .rootMismatch(.secondary, SliverIndex(3))),
            (
                changed(index: 2, size: size, good.bytes),
                .rootMismatch(.secondary, SliverIndex(2))
            ),
            (
                changed(size: size, good.bytes, .primary),
                .wrongLength(good.bytes.count, expected: encoded.metadata.sliverLength(.primary))
            ),
        ]
        for (sliver, error) in cases {
            #expect(throws: error) { try verifier.verify(sliver) }
        }
        #expect(try verifier.verify(good).sliver == good)
    }

    /// Metadata with the hash of one sliver replaced, as a lying encoder would publish it.
    private func forge(
        _ encoded: EncodedBlob,
        _ axis: SliverAxis,
        _ index: UInt16,
        length: UInt64
    ) throws -> VerifiedBlobMetadata {
        let parameters = encoded.metadata.parameters
        let pair = parameters.pair(of: SliverIndex(index), axis).value
        var hashes = encoded.metadata.metadata.hashes
        let node = MerkleNode(digest: Blake2b256.hash([1]))
        hashes[pair] = SliverPairHashes(
            primary: axis == .primary ? node : hashes[pair].primary,
            secondary: axis == .secondary ? node : hashes[pair].secondary
        )
        return try BlobMetadata(unencodedLength: length, hashes: hashes).verify(parameters)
    }

    private func adopt(_ slivers: [VerifiedSliver], _ blob: BlobID) -> [VerifiedSliver] {
        slivers.map { VerifiedSliver(attested: $0.sliver, of: blob) }
    }

    @Test func inconsistentBlobsAreRefusedByTheirCheck() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 10))
        let blob = [UInt8](repeating: 3, count: 1000)
        let encoded = try RedStuffEncoder(codec).encode(blob)
        // A false source row: found by both checks when that row was decoded, not when skipped.
        let row = try forge(encoded, .primary, 2, length: 1000)
        let decoder = RedStuffDecoder(codec, row)
        let columns = adopt(slivers(encoded, .secondary), row.blobID)
        #expect(try decoder.decode(columns, check: .skip) == blob)
        for check in [ConsistencyCheck.standard, .strict] {
            #expect(throws: BlobDecodingError.inconsistent(row.blobID)) {
                try decoder.decode(columns, check: check)
            }
        }
        // A false column is only found by the strict check.
        let column = try forge(encoded, .secondary, 9, length: 1000)
        let rows = adopt(slivers(encoded, .primary), column.blobID)
        let second = RedStuffDecoder(codec, column)
        #expect(try second.decode(rows, check: .standard) == blob)
        #expect(throws: BlobDecodingError.inconsistent(column.blobID)) {
            try second.decode(rows, check: .strict)
        }
        // Padding that is not zero: the same rows, said to be a shorter blob.
        let padded = try forge(encoded, .secondary, 9, length: 999)
        #expect(padded.symbolSize == encoded.metadata.symbolSize)
        #expect(throws: BlobDecodingError.inconsistent(padded.blobID)) {
            try RedStuffDecoder(codec, padded)
                .decode(adopt(slivers(encoded, .primary), padded.blobID))
        }
    }

    @Test(arguments: [4, 7, 10, 31]) func rangesAreReadWithoutTheBlob(shards: Int) throws {
        var random = SplitMix64(state: UInt64(100 + shards))
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        let rows = codec.parameters.sourceRows
        for symbolSize in [2, 64, 66, 130, 200] {
            let blob = random.bytes(codec.parameters.sourceSymbols * symbolSize - 1)
            let encoded = try RedStuffEncoder(codec).encode(blob)
            let decoder = RedStuffDecoder(codec, encoded.metadata)
            let all = slivers(encoded, .primary)
            for _ in 0..<20 {
                let given = Array(all.shuffled(using: &random).prefix(rows))
                let from = Int(random.next() % UInt64(blob.count))
                let to = from + Int(random.next() % UInt64(blob.count - from + 1))
                let bytes = try decoder.read(UInt64(from)..<UInt64(to), from: given)
                #expect(bytes == Array(blob[from..<to]))
            }
            let few = Array(all.suffix(rows - 1))
            #expect(throws: RangeDecodingError.notEnoughSlivers(rows - 1, needed: rows)) {
                try decoder.read(0..<1, from: few)
            }
            let length = UInt64(blob.count)
            #expect(throws: RangeDecodingError.invalidRange) {
                try decoder.read(length..<length + 1, from: all)
            }
        }
    }

    @Test func codingRangesAreChecked() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 10))
        let blob = [UInt8](repeating: 7, count: 28 * 200)
        let encoded = try RedStuffEncoder(codec).encode(blob)
        let decoder = RedStuffDecoder(codec, encoded.metadata)
        #expect(try decoder.codingRange(covering: 65..<66) == 64..<128)
        #expect(try decoder.codingRange(covering: 199..<200) == 192..<200)
        #expect(try decoder.codingRange(covering: 190..<265) == 128..<328)
        for range in [0..<0, -1..<1, 1399..<1401] {
            #expect(throws: RangeDecodingError.invalidRange) {
                try decoder.codingRange(covering: range)
            }
        }
        #expect(throws: RangeDecodingError.invalidRange) {
            try decoder.reconstruct(SliverIndex(0), range: 1..<64, from: [])
        }
        #expect(throws: RangeDecodingError.invalidPart(SliverIndex(10))) {
            try decoder.reconstruct(
                SliverIndex(0),
                range: 0..<64,
                from: [(sliver: SliverIndex(10), bytes: [UInt8](repeating: 0, count: 64))]
            )
        }
        #expect(throws: RangeDecodingError.invalidPart(SliverIndex(1))) {
            try decoder.reconstruct(
                SliverIndex(0),
                range: 0..<64,
                from: [(sliver: SliverIndex(1), bytes: [0])]
            )
        }
    }

    @Test func aThousandShardsDecodeFromTheLastOfThem() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 1000))
        let blob = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let encoded = try RedStuffEncoder(codec).encode(blob)
        let decoder = RedStuffDecoder(codec, encoded.metadata)
        let rows = Array(slivers(encoded, .primary).suffix(334))
        #expect(try decoder.decode(rows) == blob)
        let columns = Array(slivers(encoded, .secondary).suffix(667))
        #expect(try decoder.decode(columns, check: .skip) == blob)
    }
}
