internal import BlobModel
internal import Codec
internal import Testing

@Suite struct SliverCodingTests {
    let sliver = Sliver(
        axis: .primary,
        index: SliverIndex(2),
        symbolSize: 4,
        bytes: [0, 1, 2, 3, 4, 5, 6, 7]
    )

    @Test func theWorkedBytesOfThePageHold() throws {
        let bytes = try Hex.decode("0008000102030405060704000200")
        #expect(sliver.bcsBytes == bytes)
        #expect(sliver.dataBytes == Array(bytes.dropFirst()))
        #expect(try Sliver(bcsBytes: bytes) == sliver)
        #expect(try Sliver(axis: .primary, dataBytes: Array(bytes.dropFirst())) == sliver)
    }

    @Test func truncatedLongerAndOtherwiseWrongBytesAreRefused() {
        let good = sliver.bcsBytes
        for length in 0..<good.count {
            #expect(throws: CodecError.self) { try Sliver(bcsBytes: Array(good.prefix(length))) }
        }
        #expect(throws: CodecError.trailingBytes(count: 1)) { try Sliver(bcsBytes: good + [0]) }
        #expect(throws: CodecError.unknownTag(2, of: "sliver axis")) {
            try Sliver(bcsBytes: [2] + good.dropFirst())
        }
        #expect(throws: CodecError.invalidValue("a symbol size of zero")) {
            try Sliver(axis: .primary, dataBytes: [0, 0, 0, 0, 0])
        }
        // A length of 4 GiB in a body of ten bytes asks for no memory.
        #expect(throws: CodecError.self) {
            try Sliver(axis: .primary, dataBytes: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0, 0])
        }
    }

    @Test func metadataIsBoundToItsBlob() throws {
        let parameters = try EncodingParameters(shardCount: 4)
        let hashes = (0..<4).map { number in
            SliverPairHashes(
                primary: MerkleNode(digest: Blake2b256.hash([UInt8(number)])),
                secondary: MerkleNode(digest: Blake2b256.hash([UInt8(number), 1]))
            )
        }
        let metadata = BlobMetadata(unencodedLength: 10, hashes: hashes)
        let verified = try metadata.verify(parameters)
        #expect(try verified.withID.verify(parameters) == verified)
        #expect(try BlobMetadataWithID(bcsBytes: verified.withID.bcsBytes) == verified.withID)
        let other = BlobID(bytes: Blake2b256.hash([]))
        #expect(
            throws: BlobMetadataError.blobIDMismatch(computed: verified.blobID, claimed: other)
        ) { try metadata.verify(as: other, parameters) }
        #expect(throws: BlobMetadataError.wrongHashCount(3, expected: 4)) {
            try BlobMetadata(unencodedLength: 10, hashes: hashes.dropLast()).verify(parameters)
        }
        #expect(throws: BlobMetadataError.lengthTooLarge(393_205, maximum: 393_204)) {
            try BlobMetadata(unencodedLength: 393_205, hashes: hashes).verify(parameters)
        }
    }

    @Test func metadataOfOtherEncodingsIsRefused() throws {
        for (bytes, tag, type) in [
            ([UInt8(1)], UInt32(1), "blob metadata"), ([0, 0], 0, "encoding type"),
            ([0, 2], 2, "encoding type"),
        ] {
            #expect(throws: CodecError.unknownTag(tag, of: type)) {
                try BlobMetadata(bcsBytes: bytes + [UInt8](repeating: 0, count: 20))
            }
        }
    }

    @Test func recoveryTypesRoundTrip() throws {
        let proof = MerkleProof(path: [.empty, MerkleNode(digest: Blake2b256.hash([1]))])
        let symbol = RecoverySymbol(
            symbol: DecodingSymbol(index: SliverIndex(3), bytes: [5, 6]),
            proof: proof
        )
        let general = GeneralRecoverySymbol(
            targetAxis: .secondary,
            targetIndex: SliverIndex(9),
            recoverySymbol: symbol
        )
        #expect(Array(general.bcsBytes.prefix(8)) == [1, 3, 0, 2, 5, 6, 9, 0])
        #expect(try GeneralRecoverySymbol(bcsBytes: general.bcsBytes) == general)
        let inconsistency = InconsistencyProof(
            targetAxis: .primary,
            targetIndex: SliverIndex(9),
            symbols: [symbol, symbol]
        )
        #expect(try InconsistencyProof(bcsBytes: inconsistency.bcsBytes) == inconsistency)
        let id = SymbolID(primary: SliverIndex(8), secondary: SliverIndex(3))
        #expect(id.description == "8-3")
        #expect(try SymbolID(text: "8-3") == id)
        for text in ["", "8", "8-", "-3", "8-3-1", "65536-0", "a-b"] {
            #expect(throws: CodecError.self) { try SymbolID(text: text) }
        }
    }
}
