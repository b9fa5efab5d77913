internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import TestSupport
internal import Testing

/// The known answers for recovering slivers and for proofs that a blob is inconsistent.
@Suite struct RecoveryVectorTests {
    struct Known: Decodable {
        struct Symbol: Decodable {
            let sourceSliverIndex: UInt16
            let data: String
            let recoverySymbolBcs: String
            let generalRecoverySymbolBcs: String
        }
        struct Target: Decodable {
            let axis: String
            let targetSliverIndex: UInt16
            let targetPairIndex: UInt16
            let needed: Int
            let symbols: [Symbol]
            let recoveredSliver: String
            let recoveredSliverBcs: String
            let inconsistencyProofBcs: String
            let inconsistencyProofVerdict: String
        }
        struct Proof: Decodable {
            let axis: String
            let targetSliverIndex: UInt16
            let proofBcs: String
            let verdict: String
        }
        struct Inconsistent: Decodable {
            let metadataBcs: String
            let blobIdText: String
            let proofs: [Proof]
        }
        let nShards: Int
        let blob: Content
        let blobIdText: String
        let metadataBcs: String
        let targets: [Target]
        let inconsistentBlob: Inconsistent
    }

    let cases: [Known]

    init() throws { cases = try Fixtures.json("vectors/recovery.json") }

    private func verdict(_ recovery: SliverRecovery, _ proof: InconsistencyProof) -> String {
        do {
            try recovery.verify(proof)
            return "Inconsistent"
        } catch {
            switch error {
            case .targetIndexTooLarge: return "TargetIndexTooLarge"
            case .incorrectSymbolCount: return "IncorrectSymbolCount"
            case .invalidRecoverySymbol: return "InvalidRecoverySymbols"
            case .recoveryFailure: return "RecoveryFailure"
            case .sliverNotInconsistent: return "SliverNotInconsistent"
            }
        }
    }

    @Test func symbolsRecoverTheSliver() throws {
        for known in cases {
            let codec = RedStuffCodec(try EncodingParameters(shardCount: known.nShards))
            let encoded = try RedStuffEncoder(codec).encode(known.blob.bytes())
            #expect(encoded.blobID.description == known.blobIdText)
            #expect(Hex.encode(encoded.metadata.metadata.bcsBytes) == known.metadataBcs)
            let verifier = SliverVerifier(codec, encoded.metadata)
            let recovery = SliverRecovery(codec, encoded.metadata)
            for target in known.targets {
                let axis = try #require(SliverAxis(name: target.axis))
                let index = SliverIndex(target.targetSliverIndex)
                let pair = codec.parameters.pair(of: index, axis)
                #expect(pair.rawValue == target.targetPairIndex)
                var symbols: [RecoverySymbol] = []
                for source in target.symbols {
                    let sliver = encoded.sliver(
                        axis.orthogonal,
                        SliverIndex(source.sourceSliverIndex)
                    )
                    let general = try verifier.expand(sliver).generalRecoverySymbol(for: index)
                    #expect(Hex.encode(general.bcsBytes) == source.generalRecoverySymbolBcs)
                    let symbol = try recovery.verify(general, axis: axis, target: index)
                    #expect(Hex.encode(symbol.bcsBytes) == source.recoverySymbolBcs)
                    #expect(Hex.encode(symbol.symbol.bytes) == source.data)
                    symbols.append(symbol)
                }
                #expect(symbols.count == target.needed)
                let sliver = try recovery.recover(axis, index, from: symbols)
                #expect(Hex.encode(sliver.bytes) == target.recoveredSliver)
                #expect(Hex.encode(sliver.sliver.dataBytes) == target.recoveredSliverBcs)
                let proof = InconsistencyProof(
                    targetAxis: axis,
                    targetIndex: index,
                    symbols: symbols
                )
                #expect(Hex.encode(proof.dataBytes) == target.inconsistencyProofBcs)
                #expect(verdict(recovery, proof) == target.inconsistencyProofVerdict)
                try refusesOthers(recovery, axis, index, symbols)
            }
        }
    }

    private func refusesOthers(
        _ recovery: SliverRecovery,
        _ axis: SliverAxis,
        _ index: SliverIndex,
        _ symbols: [RecoverySymbol]
    ) throws {
        let needed = symbols.count
        // A false symbol and a double one are left out, and one is then missing.
        var bytes = symbols[0].symbol.bytes
        bytes[0] ^= 1
        let forged = RecoverySymbol(
            symbol: DecodingSymbol(index: symbols[0].symbol.index, bytes: bytes),
            proof: symbols[0].proof
        )
        let short = [forged, symbols[1]] + symbols.dropFirst()
        #expect(throws: SliverRecoveryError.notEnoughSymbols(needed - 1, needed: needed)) {
            try recovery.recover(axis, index, from: short)
        }
        #expect(throws: RecoverySymbolError.invalidProof(source: forged.symbol.index)) {
            try recovery.verify(forged, axis: axis, target: index)
        }
        let other = SliverIndex(index.rawValue - 1)
        let general = GeneralRecoverySymbol(
            targetAxis: axis,
            targetIndex: index,
            recoverySymbol: symbols[0]
        )
        #expect(throws: RecoverySymbolError.wrongTarget(axis, index)) {
            try recovery.verify(general, axis: axis, target: other)
        }
        #expect(throws: RecoverySymbolError.wrongTarget(axis, index)) {
            try recovery.verify(general, axis: axis.orthogonal, target: index)
        }
        let foreign = RecoverySymbol(
            symbol: DecodingSymbol(index: SliverIndex(60_000), bytes: bytes),
            proof: symbols[0].proof
        )
        #expect(throws: RecoverySymbolError.sourceIndexTooLarge(SliverIndex(60_000))) {
            try recovery.verify(foreign, axis: axis, target: index)
        }
        #expect(throws: SliverRecoveryError.targetIndexTooLarge(SliverIndex(60_000))) {
            try recovery.recover(axis, SliverIndex(60_000), from: symbols)
        }
    }

    @Test func proofsAreJudgedAsTheReferenceDoes() throws {
        for known in cases {
            let codec = RedStuffCodec(try EncodingParameters(shardCount: known.nShards))
            let inconsistent = known.inconsistentBlob
            let metadata = try BlobMetadata(bcsBytes: Hex.decode(inconsistent.metadataBcs))
                .verify(as: BlobID(text: inconsistent.blobIdText), codec.parameters)
            let recovery = SliverRecovery(codec, metadata)
            for expected in inconsistent.proofs {
                let axis = try #require(SliverAxis(name: expected.axis))
                let bytes = try Hex.decode(expected.proofBcs)
                let proof = try InconsistencyProof(targetAxis: axis, dataBytes: bytes)
                #expect(proof.targetIndex.rawValue == expected.targetSliverIndex)
                #expect(proof.dataBytes == bytes)
                #expect(verdict(recovery, proof) == expected.verdict)
                guard expected.verdict == "Inconsistent" else { continue }
                #expect(throws: SliverRecoveryError.inconsistent(proof)) {
                    try recovery.recover(axis, proof.targetIndex, from: proof.symbols)
                }
                for length in stride(from: 0, to: bytes.count, by: 7) {
                    #expect(throws: CodecError.self) {
                        try InconsistencyProof(
                            targetAxis: axis,
                            dataBytes: Array(bytes.prefix(length))
                        )
                    }
                }
            }
        }
    }
}
