internal import BlobModel
internal import TestNetwork
internal import Testing

@testable internal import StorageNode

/// What a node bears of those who ask for symbols, which cost it hashing and reading.
@Suite struct SymbolLimitTests {
    private let blob = BlobID(bytes: [UInt8](repeating: 7, count: 32))

    private func refusal(
        _ body: () async throws(NodeError) -> some Any
    ) async -> NodeRefusal? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error.refusal
        }
    }

    @Test func tooManyRequestsForSymbolsAreRefused() async throws {
        let node = try TestNetwork().nodes[0]
        let target = SliverIndex(1)
        func recovery() async -> NodeRefusal? {
            await refusal { () throws(NodeError) in
                try await node.recoverySymbols(
                    of: blob,
                    RecoverySymbolsRequest(.target(.primary, target))
                )
            }
        }
        func decoding() async -> NodeRefusal? {
            await refusal { () throws(NodeError) in
                try await node.decodingSymbols(of: blob, for: [target], .primary)
            }
        }
        // The node has nothing of the blob, and says so as long as it looks.
        #expect(await recovery() == .sliverNotFound)
        #expect(await decoding() == .sliverNotFound)
        var taken = 0
        while node.symbolPermits.take() { taken += 1 }
        #expect(taken == 64)
        #expect(await recovery() == .unavailable)
        #expect(await decoding() == .unavailable)
        node.symbolPermits.giveBack()
        #expect(await recovery() == .sliverNotFound)
        #expect(await decoding() == .sliverNotFound)
    }

    @Test func whatIsAskedForIsBounded() async throws {
        let node = try TestNetwork().nodes[0]
        let held = 2 * node.shards.count * 10
        for (count, expected) in [
            (held, NodeRefusal.sliverNotFound), (held + 1, .invalidRequest),
        ] {
            let ids = (0..<count).map { number in
                SymbolID(
                    primary: SliverIndex(UInt16(number % 10)),
                    secondary: SliverIndex(UInt16(number / 10 % 10))
                )
            }
            let said = await refusal { () throws(NodeError) in
                try await node.recoverySymbols(of: blob, RecoverySymbolsRequest(.symbols(ids)))
            }
            #expect(said == expected)
        }
    }
}
