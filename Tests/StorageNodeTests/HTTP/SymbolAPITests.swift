internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Synchronization
internal import Testing
internal import Transport

/// The routes for symbols, as the reference has them.
@Suite struct SymbolAPITests {
    private static func symbols(
        _ served: ServedNode,
        _ axis: SliverAxis,
        target: SliverIndex,
        count: UInt16
    ) throws -> [GeneralRecoverySymbol] {
        let codec = RedStuffCodec(served.parameters)
        return try (0..<count).map { source in
            try SliverVerifier(codec, served.blob.metadata)
                .expand(served.blob.sliver(axis.orthogonal, SliverIndex(source)))
                .generalRecoverySymbol(for: target)
        }
    }

    @Test func recoverySymbolsGoThereAndBack() async throws {
        try await ServedNode.with { served in
            let target = SliverIndex(4)
            let known = try Self.symbols(served, .primary, target: target, count: 7)
            served.node.state.withLock { $0.recoverySymbols = known }
            let requests = [
                RecoverySymbolsRequest(target: target, .primary, from: (0..<7).map { .init($0) }),
                RecoverySymbolsRequest(.target(.secondary, target)),
                RecoverySymbolsRequest(.target(.primary, target), proofAxis: .secondary),
            ]
            let id = served.blob.blobID
            for request in requests {
                try await expect(served.remote.recoverySymbols(of: id, request), known)
            }
            expect(served.node.state.withLock { $0.symbolRequests }, requests)
            // More than was asked for is no answer.
            let error = await #expect(throws: NodeError.self) {
                try await served.remote.recoverySymbols(
                    of: id,
                    RecoverySymbolsRequest(target: target, .primary, from: [SliverIndex(1)])
                )
            }
            guard case .malformed? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func olderFormsAreServedToo() async throws {
        try await ServedNode.with { served in
            let target = SliverIndex(4)
            let known = try Self.symbols(served, .primary, target: target, count: 1)
            served.node.state.withLock { $0.recoverySymbols = known }
            let blob = ["v1", "blobs", served.blob.blobID.description]
            let byID = try await served.http.send(
                ClientRequest(.get, blob + ["recoverySymbols", "4-0"]),
                responseLimit: 1 << 20
            )
            expect(byID.body, known[0].bcsBytes)
            // Secondary sliver 0 is in the last pair, primary sliver 4 in pair 4.
            let byPairs = try await served.http.send(
                ClientRequest(.get, blob + ["slivers", "9", "primary", "4"]),
                responseLimit: 1 << 20
            )
            expect(byPairs.body, known[0].recoverySymbol.bcsBytes)
            let symbol = SymbolID(primary: target, secondary: SliverIndex(0))
            expect(
                served.node.state.withLock { $0.symbolRequests },
                [
                    RecoverySymbolsRequest(.symbols([symbol])),
                    RecoverySymbolsRequest(.symbols([symbol]), proofAxis: .secondary),
                ]
            )
        }
    }

    @Test func decodingSymbolsGoThereAndBack() async throws {
        try await ServedNode.with { served in
            let known = try Self.symbols(served, .secondary, target: SliverIndex(2), count: 3)
            served.node.state.withLock { $0.recoverySymbols = known }
            let answer = try await served.remote.decodingSymbols(
                of: served.blob.blobID,
                for: [SliverIndex(2), SliverIndex(1)],
                .secondary
            )
            expect(answer.symbols.keys.sorted(), [SliverIndex(1), SliverIndex(2)])
            expect(answer.symbols[SliverIndex(1)], known.map(\.recoverySymbol.symbol))
        }
    }

    @Test(arguments: [
        ("recoverySymbols", "", "NO_SYMBOLS_SPECIFIED"),
        ("recoverySymbols", "id=1", "INVALID_REQUEST"),
        ("recoverySymbols", "id=1-70000", "INVALID_REQUEST"),
        ("recoverySymbols", "targetSliver=1", "INVALID_REQUEST"),
        ("recoverySymbols", "targetSliver=x&targetType=primary", "INVALID_REQUEST"),
        ("recoverySymbols", "id=1-2&proofAxis=both", "INVALID_REQUEST"),
        ("recoverySymbols/1", "", "INVALID_REQUEST"),
        ("decodingSymbols", "targetType=primary", "NO_SYMBOLS_SPECIFIED"),
        ("decodingSymbols", "targetSlivers=1", "INVALID_REQUEST"),
        ("decodingSymbols", "targetSlivers=-1&targetType=primary", "INVALID_REQUEST"),
        ("slivers/1/primary/10", "", "INDEX_OUT_OF_RANGE"),
        ("slivers/10/primary/1", "", "INDEX_OUT_OF_RANGE"),
        ("slivers/1/primary/x", "", "INVALID_REQUEST"),
    ])
    func whatMakesNoSenseIsRefused(path: String, query: String, reason: String) async throws {
        try await ServedNode.with { served in
            let parts = path.split(separator: "/").map(String.init)
            let answer = try await served.raw(
                .get,
                ["v1", "blobs", served.blob.blobID.description] + parts,
                query: try #require(QueryString(parsing: query))
            )
            expect(answer.reason, reason)
            expect(answer.code, 400)
        }
    }

    @Test func refusalsArrive() async throws {
        try await ServedNode.with { served in
            for refusal in [NodeRefusal.unavailable, .symbolNotPresent, .sliverNotFound] {
                let error = NodeError.refused(refusal, "Because.")
                served.node.state.withLock { $0.refusal = error }
                let id = served.blob.blobID
                await #expect(throws: error) {
                    try await served.remote.recoverySymbols(
                        of: id,
                        RecoverySymbolsRequest(.target(.primary, SliverIndex(0)))
                    )
                }
                await #expect(throws: error) {
                    try await served.remote.decodingSymbols(of: id, for: [.init(0)], .primary)
                }
            }
        }
    }
}
