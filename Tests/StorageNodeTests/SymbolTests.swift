import BlobClient
import BlobModel
import Codec
import ErasureCoding
import StorageNode
import TestNetwork
import Testing

/// Symbols that nodes give out of their slivers.
@Suite struct SymbolTests {
    private struct Scene {
        let network: TestNetwork
        let encoded: EncodedBlob
        let parameters: EncodingParameters
        var blob: BlobID { encoded.blobID }

        init(nodes: Int = 10, shards: Int? = nil) async throws {
            network = try TestNetwork(nodes: nodes, shards: shards)
            parameters = try EncodingParameters(shardCount: shards ?? nodes)
            let bytes = TestNetwork.bytes(5000)
            encoded = try RedStuffEncoder(parameters).encode(bytes)
            let (_, store) = try await network.looseStore(try await network.client())
            #expect(try await store.store(bytes).blob == encoded.blobID)
            // The tail of an upload goes on after the store.
            for node in network.nodes {
                while try await node.recoverySymbolsOrNil(of: encoded.blobID) == nil {
                    await Task.yield()
                }
            }
        }

        func holder(_ source: SliverIndex, _ axis: SliverAxis) -> StorageNode {
            let shard = parameters.shard(holding: parameters.pair(of: source, axis), of: blob)
            let node = network.nodes.first { $0.shards.contains(shard.rawValue) }
            return node ?? network.nodes[0]
        }

        /// The symbol in which source and target cross, computed by the encoder.
        func symbol(
            _ target: SliverIndex,
            _ axis: SliverAxis,
            _ source: SliverIndex
        ) throws -> GeneralRecoverySymbol {
            let codec = RedStuffCodec(parameters)
            return try SliverVerifier(codec, encoded.metadata)
                .expand(encoded.sliver(axis.orthogonal, source))
                .generalRecoverySymbol(for: target)
        }
    }

    private static func indexes(_ count: Int) -> [SliverIndex] {
        (0..<count).map { SliverIndex(UInt16($0)) }
    }

    @Test func everySymbolOfEverySliverIsGivenOutWithItsProof() async throws {
        let scene = try await Scene()
        let recovery = SliverRecovery(RedStuffCodec(scene.parameters), scene.encoded.metadata)
        for axis in SliverAxis.allCases {
            for target in Self.indexes(10) {
                for source in Self.indexes(10) {
                    let answer = try await scene.holder(source, axis.orthogonal)
                        .recoverySymbols(
                            of: scene.blob,
                            RecoverySymbolsRequest(target: target, axis, from: [source])
                        )
                    #expect(answer == [try scene.symbol(target, axis, source)])
                    _ = try recovery.verify(answer[0], axis: axis, target: target)
                    #expect(answer[0].encodedLength == answer[0].bcsBytes.count)
                }
            }
        }
    }

    @Test func allThatANodeHasForATargetComesAtOnce() async throws {
        let scene = try await Scene(nodes: 4, shards: 13)
        for node in scene.network.nodes {
            for axis in SliverAxis.allCases {
                let target = SliverIndex(12)
                let answer = try await node.recoverySymbols(
                    of: scene.blob,
                    RecoverySymbolsRequest(.target(axis, target))
                )
                #expect(answer.count == node.shards.count)
                for symbol in answer {
                    let source = symbol.recoverySymbol.symbol.index
                    #expect(symbol == (try scene.symbol(target, axis, source)))
                }
                let axes = [SliverAxis?.none, axis.orthogonal]
                for proofAxis in axes {
                    let again = try await node.recoverySymbols(
                        of: scene.blob,
                        RecoverySymbolsRequest(.target(axis, target), proofAxis: proofAxis)
                    )
                    #expect(again == answer)
                }
            }
        }
    }

    @Test func whatIsNotHereIsLeftOutUnlessNothingIs() async throws {
        let scene = try await Scene()
        let node = scene.network.nodes[0]
        let own = scene.parameters.sliver(
            of: scene.parameters.pair(on: ShardIndex(0), of: scene.blob),
            .primary
        )
        let other = SliverIndex((own.rawValue + 1) % 10)
        let target = SliverIndex(3)
        let both = RecoverySymbolsRequest(target: target, .secondary, from: [own, other, own])
        #expect(
            try await node.recoverySymbols(of: scene.blob, both)
                == [try scene.symbol(target, .secondary, own)]
        )
        try await expect(.symbolNotPresent) {
            try await node.recoverySymbols(
                of: scene.blob,
                RecoverySymbolsRequest(target: target, .secondary, from: [other])
            )
        }
        try await expect(.noSymbolsSpecified) {
            try await node.recoverySymbols(of: scene.blob, RecoverySymbolsRequest(.symbols([])))
        }
        try await expect(.indexOutOfRange) {
            try await node.recoverySymbols(
                of: scene.blob,
                RecoverySymbolsRequest(.target(.primary, SliverIndex(10)))
            )
        }
        try await expect(.symbolNotPresent) {
            try await node.recoverySymbols(
                of: scene.blob,
                RecoverySymbolsRequest(.target(.primary, target), proofAxis: .primary)
            )
        }
        try await expect(.sliverNotFound) {
            try await node.recoverySymbols(
                of: BlobID(bytes: [UInt8](repeating: 1, count: 32)),
                RecoverySymbolsRequest(.target(.primary, target))
            )
        }
    }

    @Test func decodingSymbolsAreThoseOfTheSliversThemselves() async throws {
        let scene = try await Scene(nodes: 4, shards: 13)
        let node = scene.network.nodes[1]
        for axis in SliverAxis.allCases {
            let count = scene.parameters.sliversNeeded(of: axis)
            let targets = Self.indexes(count)
            let answer = try await node.decodingSymbols(of: scene.blob, for: targets, axis)
            #expect(answer.symbols.count == count)
            for target in targets {
                let symbols = try #require(answer.symbols[target])
                #expect(symbols.count == node.shards.count)
                for symbol in symbols {
                    let known = try scene.symbol(target, axis, symbol.index)
                    #expect(symbol == known.recoverySymbol.symbol)
                }
            }
            let read = try DecodingSymbols(axis: axis, bcsBytes: answer.bcsBytes, limit: 13)
            #expect(read == answer)
            #expect(throws: CodecError.self) {
                try DecodingSymbols(axis: axis.orthogonal, bcsBytes: answer.bcsBytes, limit: 13)
            }
            #expect(throws: CodecError.self) {
                try DecodingSymbols(axis: axis, bcsBytes: answer.bcsBytes + [0], limit: 13)
            }
            try await expect(.indexOutOfRange) {
                try await node.decodingSymbols(
                    of: scene.blob,
                    for: [SliverIndex(UInt16(count))],
                    axis
                )
            }
            try await expect(.noSymbolsSpecified) {
                try await node.decodingSymbols(of: scene.blob, for: [], axis)
            }
        }
    }

    /// Keys of a map stand in the order of their bytes, which is not that of their values.
    @Test func aMapIsReadInItsOneOrderOnly() throws {
        let symbol = DecodingSymbol(index: SliverIndex(7), bytes: [1, 2])
        let map = DecodingSymbols(
            axis: .secondary,
            symbols: [SliverIndex(1): [symbol], SliverIndex(256): [], SliverIndex(2): [symbol]]
        )
        #expect(
            map.bcsBytes == [
                3, 0, 1, 0, 1, 0, 1, 1, 7, 0, 2, 1, 2, 2, 0, 1, 1, 7, 0, 2, 1, 2,
            ]
        )
        for bytes: [UInt8] in [[2, 1, 0, 0, 0, 1, 0], [2, 1, 0, 0, 1, 0, 0]] {
            #expect(throws: CodecError.self) {
                try DecodingSymbols(axis: .secondary, bcsBytes: bytes, limit: 1000)
            }
        }
        #expect(throws: CodecError.self) {
            try DecodingSymbols(axis: .secondary, bcsBytes: map.bcsBytes, limit: 2)
        }
    }

    private func expect(
        _ refusal: NodeRefusal,
        _ body: () async throws -> some Any
    ) async throws {
        let error = await #expect(throws: NodeError.self) { _ = try await body() }
        #expect(error?.refusal == refusal)
    }
}

extension StorageNode {
    fileprivate func recoverySymbolsOrNil(
        of blob: BlobID
    ) async throws -> [GeneralRecoverySymbol]? {
        do {
            for axis in SliverAxis.allCases {
                let symbols = try await recoverySymbols(
                    of: blob,
                    RecoverySymbolsRequest(.target(axis, SliverIndex(0)))
                )
                if symbols.count < shards.count { return nil }
            }
            return []
        } catch NodeError.refused(.sliverNotFound, _) {
            return nil
        }
    }
}
