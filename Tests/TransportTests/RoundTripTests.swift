internal import BlobModel
internal import Testing
internal import Transport

@Suite struct RoundTripTests {
    private static let echo = Router([
        Route(.put, "/echo") { request in
            .binary(try await request.body.collect(upTo: 16 << 20))
        },
        Route(.get, "/v1/blobs/{id}/slivers/{pair}/{type}") { request in
            let parts = ["id", "pair", "type"].map { request.parameter($0) }
            return .text(parts.joined(separator: "|") + "?" + (request.query["q"] ?? "-"))
        },
        Route(.get, "/peer") { .text($0.peer) },
        Route(.get, "/refusal") { _ in
            throw APIError(.notFound, reason: "SLIVER_NOT_FOUND", message: "No such sliver.")
        },
        Route(.get, "/bug") { _ in throw CancellationError() },
        Route(.get, "/stream") { _ in
            ServerResponse(
                body: .stream(length: nil) { writer in
                    for part in 0..<100 {
                        try await writer.write([UInt8](repeating: UInt8(part), count: 70_000))
                    }
                }
            )
        },
    ])

    @Test(arguments: Wire.allCases)
    func bodiesOfEverySizeComeBackWhole(wire: Wire) async throws {
        try await withServer(Self.echo, wire: wire) { _, _, client in
            for size in [0, 1, 1000, 65_535, 65_536, 65_537, 5 << 20] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
                let response = try await client.send(
                    ClientRequest(.put, ["echo"], body: body),
                    responseLimit: size
                )
                #expect(response.code == 200)
                #expect(response.body == body)
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func pathsQueriesAndRefusalsArrive(wire: Wire) async throws {
        try await withServer(Self.echo, wire: wire) { _, _, client in
            let response = try await client.send(
                ClientRequest(
                    .get,
                    ["v1", "blobs", "a/b é", "slivers", "3", "primary"],
                    query: QueryString([.init("q", "x&y=z")])
                ),
                responseLimit: 100
            )
            #expect(String(decoding: response.body, as: UTF8.self) == "a/b é|3|primary?x&y=z")
            #expect(response.headers["Access-Control-Allow-Origin"] == "*")
            for (target, code, reason) in [
                ("refusal", 404, "SLIVER_NOT_FOUND"), ("bug", 500, "INTERNAL"),
                ("nothing", 404, "UNKNOWN_ROUTE"), ("echo", 405, "METHOD_NOT_ALLOWED"),
            ] {
                let response = try await client.send(
                    ClientRequest(.get, [target]),
                    responseLimit: 1000
                )
                let error = APIError(code: response.code, body: response.body)
                #expect(error.code == code)
                #expect(error.reason == reason)
            }
        }
    }

    @Test func headAnswersAsGetWithoutABody() async throws {
        try await withServer(Self.echo) { _, _, client in
            let head = try await client.send(
                ClientRequest(.head, ["v1", "blobs", "a", "slivers", "b", "c"]),
                responseLimit: 0
            )
            #expect(head.headers["content-length"] == "7")
            #expect(head.body.isEmpty)
            let next = try await client.send(ClientRequest(.get, ["peer"]), responseLimit: 100)
            #expect(next.code == 200)
        }
    }

    @Test(arguments: [Wire.tcp, .tls])
    func oneConnectionServesRequestAfterRequest(wire: Wire) async throws {
        try await withServer(Self.echo, wire: wire) { _, _, client in
            var peers: Set<[UInt8]> = []
            for _ in 0..<20 {
                peers.insert(
                    try await client.send(ClientRequest(.get, ["peer"]), responseLimit: 100).body
                )
            }
            #expect(peers.count == 1)
        }
    }

    @Test func manyRequestsShareFewConnections() async throws {
        try await withServer(Self.echo) { _, address, _ in
            var limits = ClientLimits()
            limits.connectionsMax = 3
            let client = HTTPClient(endpoint: address, authentication: .plain, limits: limits)
            let peers = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for _ in 0..<60 {
                    group.addTask {
                        try await client.send(
                            ClientRequest(.get, ["peer"]),
                            responseLimit: 100
                        ).body
                    }
                }
                var peers: Set<[UInt8]> = []
                for try await peer in group { peers.insert(peer) }
                return peers
            }
            #expect((1...3).contains(peers.count))
            client.shutdown()
        }
    }

    @Test(arguments: Wire.allCases)
    func streamsArriveWhole(wire: Wire) async throws {
        try await withServer(Self.echo, wire: wire) { _, _, client in
            let response = try await client.send(
                ClientRequest(.get, ["stream"]),
                responseLimit: 7_000_000
            )
            #expect(response.body.count == 7_000_000)
            #expect(response.body.last == 99)
            await #expect(throws: TransportError.tooLarge(limit: 6_999_999)) {
                try await client.send(ClientRequest(.get, ["stream"]), responseLimit: 6_999_999)
            }
        }
    }
}

@Suite struct PinningTests {
    private static let router = Router([Route(.get, "/") { _ in .text("hello") }])

    private func send(
        _ address: Endpoint,
        _ authentication: PeerAuthentication
    ) async throws -> ClientResponse {
        let client = HTTPClient(endpoint: address, authentication: authentication)
        defer { client.shutdown() }
        return try await client.send(ClientRequest(.get, [""]), responseLimit: 1000)
    }

    @Test func onlyThePinnedKeyIsAccepted() async throws {
        try await withServer(Self.router, wire: .tls) { _, address, _ in
            let right = key(1).publicKey
            let wrong = key(2).publicKey
            let code = try await send(address, .pinned(right)).code
            #expect(code == 200)
            let anyCode = try await send(address, .anyKey).code
            #expect(anyCode == 200)
            await #expect(throws: TransportError.wrongKey(expected: wrong, presented: right)) {
                try await send(address, .pinned(wrong))
            }
        }
    }

    @Test func plainAndEncryptedDoNotMix() async throws {
        try await withServer(Self.router, wire: .tls) { _, address, _ in
            await #expect(throws: TransportError.self) { try await send(address, .plain) }
        }
        try await withServer(Self.router, wire: .tcp) { _, address, _ in
            do {
                _ = try await send(address, .pinned(key(1).publicKey))
                Issue.record("A server without TLS was accepted.")
            } catch let error as TransportError {
                guard case .tls = error else {
                    Issue.record("Not a TLS error: \(error)")
                    return
                }
            }
        }
    }
}
