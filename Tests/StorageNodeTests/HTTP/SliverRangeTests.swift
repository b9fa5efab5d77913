internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Logging
internal import Testing
internal import Transport

/// `Range` on a sliver: the numbers of RFC 9110 over the body that is served without one.
@Suite struct SliverRangeTests {
    /// Every first and last byte of a small body, inside, across and behind its three parts.
    @Test func everyRangeOfABody() async throws {
        try await ServedNode.with { served in
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            let name = served.name(2, .primary)
            let sliver = served.sliver(2, .primary)
            _ = try await served.remote.store(sliver, as: name, height: nil)
            let body = sliver.sliver.dataBytes
            let count = body.count
            let edges = [0, 1, 2, 3, 4, 100, count - 6, count - 5, count - 4, count - 1]
            for first in edges {
                for last in edges + [count, count + 7, Int.max] where last >= first {
                    let end = min(last, count - 1)
                    try await check(served, "bytes=\(first)-\(last)", first...end, body)
                }
                try await check(served, "bytes=\(first)-", first...count - 1, body)
                try await check(served, "Bytes= \(first)-", first...count - 1, body)
                let suffix = first + 1
                try await check(served, "bytes=-\(suffix)", count - suffix...count - 1, body)
            }
            let all = "bytes=-99999999999999999999999"
            try await check(served, all, 0...count - 1, body)
        }
    }

    private func check(
        _ served: ServedNode,
        _ header: String,
        _ range: ClosedRange<Int>,
        _ body: [UInt8]
    ) async throws {
        let response = try await served.get(header)
        #expect(response.code == 206, "\(header)")
        #expect(response.body == Array(body[range]), "\(header)")
        let place = "bytes \(range.lowerBound)-\(range.upperBound)/\(body.count)"
        #expect(response.headers["content-range"] == place, "\(header)")
    }

    @Test func whatIsNoRangeIsAnsweredWithTheWhole() async throws {
        try await ServedNode.with { served in
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            let sliver = served.sliver(2, .primary)
            _ = try await served.remote.store(
                sliver,
                as: served.name(2, .primary),
                height: nil
            )
            for header in [
                "bytes=5-4", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes",
                "bytes=1", "bytes=+1-2", "bytes=1-2-3", "", "bytes=0x1-0x2",
            ] {
                let response = try await served.get(header)
                #expect(response.code == 200, "\(header)")
                #expect(response.body == sliver.sliver.dataBytes, "\(header)")
                #expect(response.headers["accept-ranges"] == "bytes")
            }
        }
    }

    @Test func rangesBehindTheEndAreRefusedWithTheLength() async throws {
        try await ServedNode.with { served in
            try await expect(served.get("bytes=0-1").code, 404)
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            let sliver = served.sliver(2, .primary)
            _ = try await served.remote.store(
                sliver,
                as: served.name(2, .primary),
                height: nil
            )
            let count = sliver.sliver.dataBytes.count
            for header in [
                "bytes=\(count)-", "bytes=\(count)-\(count)", "bytes=99999999999999999999999-",
                "bytes=-0",
            ] {
                let response = try await served.get(header)
                #expect(response.code == 416, "\(header)")
                #expect(response.headers["content-range"] == "bytes */\(count)")
                let error = APIError(code: 416, body: response.body)
                #expect(error.reason == "RANGE_NOT_SATISFIABLE")
            }
        }
    }

    /// The parts of a body for every length of the length, as BCS has it.
    @Test func thePlacesAreThoseOfBCS() throws {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let sliver = Sliver(
                axis: .primary,
                index: SliverIndex(7),
                symbolSize: 2,
                bytes: [UInt8](repeating: 0xAA, count: length)
            )
            let body = SliverBody(symbols: length)
            let bytes = sliver.dataBytes
            #expect(body.count == bytes.count)
            #expect(body.count <= body.countMax)
            let range = body.range(ofSymbols: 0..<length)
            #expect(bytes[range].allSatisfy { $0 == 0xAA })
            #expect(range.count == length)
            #expect(body.symbols(of: range) == 0..<length)
            #expect(body.symbols(of: 0..<1) == nil)
            #expect(body.symbols(of: body.count - 4..<body.count) == nil)
        }
    }

    /// A server that has never heard of ranges, and others that answer with another one.
    @Test func whatComesInsteadOfTheRangeIsUnderstoodOrALie() async throws {
        let parameters = try EncodingParameters(shardCount: 10)
        let sliver = Sliver(
            axis: .primary,
            index: SliverIndex(0),
            symbolSize: 2,
            bytes: [UInt8](0..<100)
        )
        let whole = sliver.dataBytes
        let part = Array(whole[11..<16])
        let answers: [(ServerResponse, isTaken: Bool)] = [
            (.binary(whole), true),
            (.binary(part, code: 206, headers: ["content-range": "bytes 11-15/105"]), true),
            (.binary(part, code: 206), false),
            (.binary(part, code: 206, headers: ["content-range": "bytes 12-16/105"]), false),
            (.binary(part, code: 206, headers: ["content-range": "bytes 11-15/106"]), false),
            (
                .binary(
                    Array(part.dropLast()),
                    code: 206,
                    headers: ["content-range": "bytes 11-15/105"]
                ), false
            ),
            (.binary(part), false), (.binary(whole + [0]), false),
        ]
        for (answer, isTaken) in answers {
            let router = Router([
                Route(.get, "/v1/blobs/{b}/slivers/{p}/{a}") { _ in answer }
            ])
            try await HTTPServer.serve(
                router,
                at: .tcp(host: "127.0.0.1", port: 0),
                identity: try TLSIdentity(key: SigningKey(seed: [UInt8](repeating: 1, count: 32))),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { address in
                let remote = HTTPStorageNode(
                    endpoint: address,
                    key: SigningKey(seed: [UInt8](repeating: 1, count: 32)).publicKey,
                    parameters: parameters
                )
                let name = SliverName(
                    blob: BlobID(bytes: [UInt8](repeating: 1, count: 32)),
                    pair: SliverPairIndex(0),
                    axis: .primary
                )
                do {
                    let bytes = try await remote.sliverBytes(name, range: 10..<15, of: 100)
                    #expect(isTaken)
                    #expect(bytes == [UInt8](10..<15))
                } catch {
                    #expect(!isTaken, "\(error)")
                    guard case .malformed? = error as? NodeError else {
                        Issue.record("\(error)")
                        return
                    }
                }
            }
        }
    }
}

extension ServedNode {
    /// Gets sliver 2 with a `Range` header.
    fileprivate func get(_ range: String) async throws -> ClientResponse {
        try await http.send(
            ClientRequest(.get, path("2", "primary"), headers: ["range": range]),
            responseLimit: 1 << 20
        )
    }
}
