internal import Foundation
internal import Synchronization
internal import SystemIO
internal import Testing
internal import Transport

/// Peers that take more than their part, seen from the server (`Docs/Hostile.md`).
@Suite struct HostilePeerTests {
    private let ok = Router([
        Route(.get, "/ok") { _ in .text("ok") },
        Route(.get, "/dear", cost: 9) { _ in .text("dear") },
        Route(.put, "/refuse") { _ in
            throw APIError(.failedPrecondition, reason: "NOT_REGISTERED", message: "No.")
        },
    ])

    private func reason(_ response: ClientResponse) -> String {
        APIError(code: response.code, body: response.body).reason
    }

    @Test func whoAsksTooOftenIsToldWhenToComeAgain() async throws {
        var limits = ServerLimits()
        limits.peerRate = Rate(perSecond: 1, burst: 10)
        let time = ManualTimeSource()
        try await withServer(ok, limits: limits, time: time) { _, address, _ in
            // Bare connections, because a client of ours waits by itself.
            func get(_ path: String) async throws -> String {
                let socket = try RawSocket(port: port(address))
                return await onThread {
                    socket.write("GET \(path) HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    return socket.readToEnd()
                }
            }
            #expect(try await get("/dear").hasPrefix("HTTP/1.1 200"))
            #expect(try await get("/ok").hasPrefix("HTTP/1.1 200"))
            let refused = try await get("/ok")
            #expect(refused.hasPrefix("HTTP/1.1 429"))
            #expect(refused.lowercased().contains("retry-after: 1\r\n"))
            #expect(refused.contains("TOO_MANY_REQUESTS"))
            // What is nowhere costs too.
            #expect(try await get("/nowhere").hasPrefix("HTTP/1.1 429"))
            time.advance(by: .seconds(1))
            #expect(try await get("/ok").hasPrefix("HTTP/1.1 200"))
            time.advance(by: .seconds(5))
            #expect(try await get("/dear").hasPrefix("HTTP/1.1 429"))
        }
    }

    @Test func aUnixSocketHasNoRate() async throws {
        var limits = ServerLimits()
        limits.peerRate = Rate(perSecond: 1, burst: 1)
        limits.peerConnectionsMax = 1
        try await withServer(ok, wire: .unix, limits: limits) { _, _, client in
            for _ in 0..<20 {
                let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
                #expect(code == 200)
            }
        }
    }

    @Test func aClientComesAgainWhenItIsAskedTo() async throws {
        let calls = Mutex(0)
        let later = Mutex(Duration.milliseconds(1))
        let router = Router([
            Route(.post, "/busy") { _ in
                let isFirst = calls.withLock { calls in
                    calls += 1
                    return calls == 1
                }
                guard isFirst else { return .text("done") }
                var error = APIError(.unavailable, reason: "BUSY", message: "Later.")
                error.retryAfter = later.withLock { $0 }
                throw error
            }
        ])
        try await withServer(router) { _, _, client in
            let request = ClientRequest(.post, ["busy"], body: [1])
            #expect(try await client.send(request, responseLimit: 1000).code == 200)
            calls.withLock { $0 = 0 }
            // Without the time for it, the refusal is the answer.
            later.withLock { $0 = .seconds(5) }
            let code = try await client.send(
                request,
                responseLimit: 1000,
                timeout: .seconds(5)
            ).code
            #expect(code == 503)
        }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test func oneAddressGetsOnlySoManyConnections() async throws {
        var limits = ServerLimits()
        limits.peerConnectionsMax = 2
        try await withServer(ok, limits: limits) { _, address, _ in
            let port = try port(address)
            func ask(_ socket: RawSocket) async -> String {
                await onThread {
                    socket.write("GET /ok HTTP/1.1\r\nhost: x\r\n\r\n")
                    return String(decoding: socket.read(), as: UTF8.self)
                }
            }
            let first = try RawSocket(port: port)
            var second: RawSocket? = try RawSocket(port: port)
            #expect(await ask(first).hasPrefix("HTTP/1.1 200"))
            #expect(try await ask(#require(second)).hasPrefix("HTTP/1.1 200"))
            #expect(try await ask(RawSocket(port: port)).isEmpty)
            second = nil
            // The server hears of that when it does.
            var answer = ""
            while answer.isEmpty { answer = try await ask(RawSocket(port: port)) }
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            #expect(await ask(first).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(arguments: [
        (Wire.tcp, "GET /o"), (.tcp, "GET /ok HTTP/1.1\r\nx: "),
        // The head of a TLS record of sixteen kilobytes, of which each drop is one.
        (.tls, "\u{16}\u{3}\u{1}\u{3F}\u{7F}\u{1}\u{0}\u{3F}\u{7B}\u{3}\u{3}"),
    ])
    func aFirstRequestThatDoesNotComeEndsTheConnection(wire: Wire, start: String) async throws {
        var limits = ServerLimits()
        limits.firstRequestTimeout = .milliseconds(300)
        try await withServer(ok, wire: wire, limits: limits) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            #expect(await onThread { socket.drips(start) })
        }
    }

    @Test func aConnectionWithARequestIsNotEndedByTheTimeForTheFirst() async throws {
        // A busy machine may not have sent the request in so little time; then it gets more.
        for doubling in 0..<9 {
            var limits = ServerLimits()
            limits.firstRequestTimeout = .milliseconds(300) * (1 << doubling)
            let isHandled = Mutex(false)
            let pause = limits.firstRequestTimeout * 3
            let router = Router([
                Route(.get, "/slow") { _ in
                    isHandled.withLock { $0 = true }
                    try await LinuxTimeSource().sleep(for: pause)
                    return .text("ok")
                }
            ])
            var code: Int?
            try await withServer(router, limits: limits) { _, _, client in
                let request = ClientRequest(.get, ["slow"])
                code = try? await client.send(request, responseLimit: 9).code
            }
            if !isHandled.withLock({ $0 }) { continue }
            #expect(code == 200)
            return
        }
        Issue.record("no request ever came in time")
    }

    @Test func aShortBodyThatNobodyWantsDoesNotDripForEver() async throws {
        var limits = ServerLimits()
        limits.bodyGrace = .milliseconds(200)
        limits.slowestBody = 1 << 20
        try await withServer(ok, limits: limits) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            let isCutOff = await onThread {
                socket.drips("PUT /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n")
            }
            #expect(isCutOff)
        }
    }

    @Test func aShortBodyThatNobodyWantsCostsNoConnection() async throws {
        try await withServer(ok) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            let answers = await onThread {
                for _ in 0..<3 {
                    socket.write("PUT /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody")
                }
                socket.write("GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                return socket.readToEnd()
            }
            #expect(answers.components(separatedBy: "HTTP/1.1 400").count == 4)
            #expect(answers.contains("HTTP/1.1 200"))
        }
    }

    @Test func aFloodOfRequestsAheadOfTheirAnswersEndsTheConnection() async throws {
        var limits = ServerLimits()
        limits.requestsAheadMax = 3
        let (gate, open) = AsyncStream<Void>.makeStream()
        let router = Router([
            Route(.get, "/wait") { _ in
                for await _ in gate {}
                return .text("ok")
            },
            Route(.get, "/ok") { _ in .text("ok") },
        ])
        try await withServer(router, limits: limits) { _, address, _ in
            let wait = "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n"
            let flood = try RawSocket(port: port(address))
            let isCutOff = await onThread { flood.drips(String(repeating: wait, count: 4)) }
            #expect(isCutOff)
            open.finish()
            // As many as are allowed are all answered, and then as many again.
            let patient = try RawSocket(port: port(address))
            let ok = "GET /ok HTTP/1.1\r\nhost: x\r\n\r\n"
            for _ in 0..<3 {
                let answers = await onThread {
                    patient.write(String(repeating: ok, count: 3))
                    var text = ""
                    while text.components(separatedBy: "HTTP/1.1 200").count < 4 {
                        let part = patient.read()
                        if part.isEmpty { break }
                        text += String(decoding: part, as: UTF8.self)
                    }
                    return text.components(separatedBy: "HTTP/1.1 200").count - 1
                }
                #expect(answers == 3)
            }
        }
    }

    @Test func aBodyInChunksOfAByteCostsNoMoreThanItsBytes() async throws {
        let (counts, counted) = AsyncStream<Int>.makeStream()
        let router = Router([
            Route(.put, "/count") { request in
                var parts = 0
                var bytes: [UInt8] = []
                try await request.body.forEach { part in
                    parts += 1
                    bytes += part
                }
                counted.yield(parts)
                return .binary(bytes)
            }
        ])
        try await withServer(router) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            let content = (0..<8000).map { UInt8(97 + $0 % 26) }
            let chunks = content.map { "1\r\n\(Character(UnicodeScalar($0)))\r\n" }.joined()
            let answer = await onThread {
                socket.write(
                    "PUT /count HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                        + "transfer-encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n"
                )
                return socket.readToEnd()
            }
            #expect(answer.hasSuffix(String(decoding: content, as: UTF8.self)))
            for await parts in counts {
                // One for each read, of which there were a few.
                #expect(parts < 800)
                break
            }
        }
    }

    @Test func aGetHasNoBody() async throws {
        try await withServer(ok) { _, address, _ in
            for rest in ["content-length: 999999999\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"]
            {
                let socket = try RawSocket(port: port(address))
                let answer = await onThread {
                    socket.write("GET /ok HTTP/1.1\r\nhost: x\r\n\(rest)")
                    return String(decoding: socket.read(), as: UTF8.self)
                }
                #expect(answer.hasPrefix("HTTP/1.1 400"))
                #expect(answer.lowercased().contains("connection: close"))
            }
        }
    }

    @Test(arguments: [false, true])
    func bodiesHaveOnlySoMuchRoomInAll(isChunked: Bool) async throws {
        var limits = ServerLimits()
        limits.bodyBytesMax = 1000
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let router = Router([
            Route(.put, "/hold") { request in
                _ = try await request.body.collect(upTo: 900)
                arrived.yield()
                for await _ in gate {}
                return .text("ok")
            },
            Route(.put, "/take") { request in
                .text("\(try await request.body.collect(upTo: 1000).count)")
            },
        ])
        try await withServer(router, limits: limits) { _, address, client in
            let held = ClientRequest(.put, ["hold"], body: [UInt8](repeating: 0, count: 900))
            async let first = client.send(held, responseLimit: 1000)
            for await _ in arrivals { break }
            let head = "PUT /take HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            let body = String(repeating: "x", count: 0x65)
            let request =
                isChunked
                ? head + "transfer-encoding: chunked\r\n\r\n65\r\n\(body)\r\n0\r\n\r\n"
                : head + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
            func ask() async throws -> String {
                let socket = try RawSocket(port: port(address))
                return await onThread {
                    socket.write(request)
                    return socket.readToEnd()
                }
            }
            let refused = try await ask()
            #expect(refused.hasPrefix("HTTP/1.1 503"))
            #expect(refused.contains("OVERLOADED"))
            #expect(refused.lowercased().contains("retry-after: 1\r\n"))
            open.finish()
            #expect(try await first.code == 200)
            #expect(try await ask().hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func whoDoesNotReadTheAnswerIsCutOff() async throws {
        var limits = ServerLimits()
        limits.bodyGrace = .milliseconds(200)
        limits.slowestBody = 1 << 30
        let (ends, ended) = AsyncStream<Bool>.makeStream()
        let router = Router([
            Route(.get, "/long") { _ in
                ServerResponse(
                    body: .stream(length: 1 << 30) { writer in
                        do {
                            let part = [UInt8](repeating: 0, count: 1 << 20)
                            for _ in 0..<1024 { try await writer.write(part) }
                            ended.yield(false)
                        } catch {
                            ended.yield(true)
                            throw error
                        }
                    }
                )
            }
        ])
        try await withServer(router, limits: limits) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            socket.write("GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
            for await isCutOff in ends {
                #expect(isCutOff)
                break
            }
        }
    }
}

extension RawSocket {
    /// Sends `start`, then a byte now and then; true when the peer ends the connection over it,
    /// false when it bears half a minute of that.
    fileprivate func drips(_ start: String) -> Bool {
        write(start)
        for _ in 0..<1500 {
            if !write("x") { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return false
    }
}
