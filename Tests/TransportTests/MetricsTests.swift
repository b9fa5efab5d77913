internal import Logging
internal import Synchronization
internal import Telemetry
internal import Testing
internal import Transport

/// What a server counts and tells of its requests.
@Suite struct MetricsTests {
    private static let routes = [
        Route(.get, "/v1/blobs/{blob}") { request in
            if request.parameter("blob") == "none" {
                throw APIError(.notFound, reason: "BLOB_NOT_FOUND", message: "None.")
            }
            return ServerResponse.text("here")
        },
        Route(.put, "/v1/blobs/{blob}") { _ in
            throw APIError(.invalidArgument, reason: "INVALID_SLIVER", message: "No.")
        },
    ]

    private func counts(_ metrics: HTTPServerMetrics) -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for sample in metrics.families[0].samples {
            guard case .histogram(let reading) = sample.reading else { continue }
            counts[sample.labels.map(\.value).joined(separator: " ")] = reading.count
        }
        return counts
    }

    @Test func requestsAreCountedByTemplateAndStatus() async throws {
        let metrics = HTTPServerMetrics()
        var router = Router(Self.routes)
        router.metrics = metrics
        try await withServer(router) { _, _, client in
            for path in ["a", "b", "none"] {
                _ = try await client.send(
                    ClientRequest(.get, ["v1", "blobs", path]),
                    responseLimit: 4096
                )
            }
            for path in ["x", "y"] {
                _ = try await client.send(ClientRequest(.get, [path]), responseLimit: 4096)
            }
            _ = try await client.send(
                ClientRequest(.put, ["v1", "blobs", "a"]),
                responseLimit: 4096
            )
            _ = try await client.send(
                ClientRequest(.delete, ["v1", "blobs", "a"]),
                responseLimit: 4096
            )
        }
        // A server has shut down when all requests have ended.
        #expect(
            counts(metrics) == [
                "GET /v1/blobs/{blob} 200": 2, "GET /v1/blobs/{blob} 404": 1,
                "PUT /v1/blobs/{blob} 400": 1, "OTHER unknown 404": 2, "OTHER unknown 405": 1,
            ]
        )
        let text = Exposition.text(metrics.families)
        #expect(text.contains("http_server_active_requests 0\n"), "\(text)")
        #expect(!text.contains("none"))
    }

    @Test func thePageIsWhatPrometheusReads() async throws {
        let registry = MetricsRegistry()
        registry.add { [.counter("c_total", "C.", 3)] }
        registry.add { [ProcessMetrics.build, ProcessMetrics.residentBytes].compactMap(\.self) }
        try await withServer(MetricsPage.router(registry)) { _, _, client in
            let answer = try await client.send(
                ClientRequest(.get, ["metrics"]),
                responseLimit: 1 << 20
            )
            #expect(answer.code == 200)
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(text.hasPrefix("# HELP c_total C.\n# TYPE c_total counter\nc_total 3\n"))
            let resident = text.split(separator: "\n").first {
                $0.hasPrefix("process_resident_memory_bytes ")
            }
            let bytes = resident?.split(separator: " ").last.flatMap { UInt64($0) } ?? 0
            #expect(bytes > 1 << 20, "\(text)")
        }
    }

    @Test func badInputIsToldWithItsSenderAndNotForEver() async throws {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "server") { label in
            LineLogHandler(
                label: label,
                format: .text,
                level: .info,
                now: { 0 },
                write: { line in lines.withLock { $0.append(line) } }
            )
        }
        let router = Router(Self.routes)
        try await HTTPServer.serve(
            router,
            at: .tcp(host: "127.0.0.1", port: 0),
            logger: logger
        ) { address in
            let client = HTTPClient(endpoint: address, authentication: .plain)
            for _ in 0..<20 {
                for method in [HTTPMethod.put, .get] {
                    _ = try await client.send(
                        ClientRequest(method, ["v1", "blobs", "none"]),
                        responseLimit: 4096
                    )
                }
            }
            client.shutdown()
        }
        let told = lines.withLock { $0 }
        // A burst, and one more if the machine was slow; what is not here is nobody's fault.
        #expect((5...6).contains(told.count), "\(told)")
        for line in told {
            #expect(line.contains(#"level=warning logger=server msg="bad input""#), "\(line)")
            #expect(line.contains("peer=127.0.0.1:"), "\(line)")
            #expect(line.contains("reason=INVALID_SLIVER"), "\(line)")
        }
    }
}
