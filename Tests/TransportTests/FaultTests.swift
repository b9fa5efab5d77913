internal import Foundation
internal import Synchronization
internal import Testing
internal import Transport

/// What clients do wrong, seen from the server.
@Suite struct ServerFaultTests {
    private final class Seen: Sendable {
        let errors = Mutex<[TransportError]>([])
        let handled = Mutex(0)
    }

    private func sink(_ seen: Seen, limit: Int = 1000) -> Router {
        Router([
            Route(.put, "/sink") { request in
                seen.handled.withLock { $0 += 1 }
                do {
                    return .binary(try await request.body.collect(upTo: limit))
                } catch let error as TransportError {
                    seen.errors.withLock { $0.append(error) }
                    throw error
                }
            },
            Route(.put, "/refuse") { _ in
                throw APIError(.failedPrecondition, reason: "NOT_REGISTERED", message: "No.")
            },
            Route(.get, "/ok") { _ in .text("ok") },
        ])
    }

    @Test func anOversizeBodyIsRefusedByItsHead() async throws {
        let seen = Seen()
        try await withServer(sink(seen)) { _, address, client in
            let response = try await client.send(
                ClientRequest(.put, ["sink"], body: [UInt8](repeating: 0, count: 1001)),
                responseLimit: 1000
            )
            #expect(response.code == 413)
            // Nothing of the body is sent here, and the answer comes all the same.
            let socket = try RawSocket(port: port(address))
            let answer = await onThread {
                socket.write("PUT /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
                return String(decoding: socket.read(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            #expect(answer.lowercased().contains("connection: close"))
        }
        #expect(seen.errors.withLock { $0 } == [.tooLarge(limit: 1000), .tooLarge(limit: 1000)])
    }

    @Test func anOversizeChunkedBodyIsCutOff() async throws {
        let seen = Seen()
        try await withServer(sink(seen)) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            let answer = await onThread {
                socket.write("PUT /sink HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                socket.write("3e9\r\n" + String(repeating: "x", count: 1001) + "\r\n")
                return socket.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test(arguments: [
        "content-length: 100\r\n\r\nonly this", "transfer-encoding: chunked\r\n\r\n64\r\nonly",
        "transfer-encoding: chunked\r\n\r\n4\r\nonly\r\n",
    ])
    func aTruncatedBodyIsNeverTakenForWhole(rest: String) async throws {
        let seen = Seen()
        try await withServer(sink(seen)) { _, address, client in
            let socket = try RawSocket(port: port(address))
            let answer = await onThread {
                socket.write("PUT /sink HTTP/1.1\r\nhost: x\r\n\(rest)")
                socket.closeOutput()
                return socket.readToEnd()
            }
            #expect(!answer.hasPrefix("HTTP/1.1 200"))
            let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
            #expect(code == 200)
        }
        let errors = seen.errors.withLock { $0 }
        #expect(errors.count == 1)
        for error in errors {
            guard case .malformed = error else {
                Issue.record("Not malformed: \(error)")
                continue
            }
        }
    }

    @Test func anUnwantedBodyIsNotReadAndTheAnswerArrives() async throws {
        try await withServer(sink(Seen())) { _, _, client in
            for size in [10, 65_536, 65_537, 4 << 20] {
                let response = try await client.send(
                    ClientRequest(.put, ["refuse"], body: [UInt8](repeating: 1, count: size)),
                    responseLimit: 1000
                )
                #expect(
                    APIError(code: response.code, body: response.body).reason == "NOT_REGISTERED"
                )
            }
            let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
            #expect(code == 200)
        }
    }

    @Test(arguments: [
        "", "GET /ok HT", "GET /ok HTTP/1.1\r\nhost: x\r\nx-",
        "PUT /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart",
    ])
    func aConnectionThatStopsIsClosed(start: String) async throws {
        var limits = ServerLimits()
        limits.idleTimeout = .seconds(1)
        limits.bodyGrace = .seconds(1)
        try await withServer(sink(Seen()), limits: limits) { _, address, client in
            let socket = try RawSocket(port: port(address))
            let answer = await onThread {
                socket.write(start)
                return socket.readToEnd()
            }
            #expect(!answer.hasPrefix("HTTP/1.1 200"))
            // The server is as short with a client on a busy machine; it may try again.
            var code: Int?
            while code == nil {
                do {
                    code = try await client.send(
                        ClientRequest(.get, ["ok"]),
                        responseLimit: 9
                    ).code
                } catch TransportError.interrupted {
                    continue
                }
            }
            #expect(code == 200)
        }
    }

    @Test func aBodyThatDripsIsCutOff() async throws {
        var limits = ServerLimits()
        limits.bodyGrace = .milliseconds(200)
        limits.slowestBody = 1 << 20
        try await withServer(sink(Seen(), limit: 1 << 20), limits: limits) { _, address, _ in
            let socket = try RawSocket(port: port(address))
            let text = await onThread {
                socket.write("PUT /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
                // Each drop comes within the idle time; all of them would take half an hour.
                Thread.detachNewThread {
                    while socket.write("x") { Thread.sleep(forTimeInterval: 0.02) }
                }
                return socket.readToEnd()
            }
            #expect(!text.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(arguments: [
        "GET /ok HTTP/1.1\r\nhost: x\r\nx: " + String(repeating: "y", count: 20_000) + "\r\n\r\n",
        "GET /ok HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 101) + "\r\n",
        "GET /" + String(repeating: "z", count: 100_000) + " HTTP/1.1\r\nhost: x\r\n\r\n",
        "nonsense\r\n\r\n", "PUT /sink HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "PUT /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ])
    func headsOutOfBoundsAreRefused(head: String) async throws {
        try await withServer(sink(Seen())) { _, address, client in
            let socket = try RawSocket(port: port(address))
            let answer = await onThread {
                socket.write(head)
                return socket.readToEnd()
            }
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
            let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
            #expect(code == 200)
        }
    }

    @Test(arguments: Wire.allCases) func shutdownLetsRequestsFinish(wire: Wire) async throws {
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        // More than the machine's buffers hold.
        let whole = [UInt8](repeating: 7, count: 20 << 20)
        let router = Router([
            Route(.get, "/slow") { _ in
                arrived.yield()
                for await _ in gate {}
                return .binary(whole)
            }
        ])
        try await withServer(router, wire: wire) { server, _, client in
            async let response = client.send(
                ClientRequest(.get, ["slow"]),
                responseLimit: whole.count
            )
            for await _ in arrivals { break }
            async let stopped: Void = server.shutdown()
            open.finish()
            let body = try await response.body
            #expect(body == whole)
            await stopped
        }
    }

    /// Who waits for more than the answer to its close waits longer than a test may take.
    @Test(.timeLimit(.minutes(1)), arguments: Wire.allCases)
    func aServerEndsThoughClientsKeepConnections(wire: Wire) async throws {
        var limits = ServerLimits()
        limits.closeTimeout = .seconds(100)
        try await withServer(sink(Seen()), wire: wire, limits: limits) { server, _, client in
            let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
            #expect(code == 200)
            await server.shutdown()
            // Nobody listens, and the kept connection is no more.
            let failure = await #expect(throws: TransportError.self) {
                _ = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9)
            }
            guard case .unreachable = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aServerEndsThoughAPeerHasNotSaidAnything() async throws {
        var limits = ServerLimits()
        limits.closeTimeout = .seconds(100)
        try await withServer(sink(Seen()), wire: .tls, limits: limits) { server, address, client in
            let mute = try RawSocket(port: port(address))
            // Who came before has been let in when this is answered.
            let code = try await client.send(ClientRequest(.get, ["ok"]), responseLimit: 9).code
            #expect(code == 200)
            await server.shutdown()
            let rest = await onThread { mute.readToEnd() }
            #expect(rest.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aServerEndsThoughAPeerDoesNotReadTheAnswer() async throws {
        var limits = ServerLimits()
        limits.bodyGrace = .milliseconds(200)
        limits.slowestBody = 1 << 30
        limits.closeTimeout = .milliseconds(200)
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let router = Router([
            Route(.get, "/long") { _ in
                arrived.yield()
                return .binary([UInt8](repeating: 7, count: 20 << 20))
            }
        ])
        try await withServer(router, limits: limits) { server, address, _ in
            let socket = try RawSocket(port: port(address))
            socket.write("GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
            for await _ in arrivals { break }
            await server.shutdown()
            let answer = await onThread { socket.readToEnd() }
            #expect(answer.utf8.count < 20 << 20)
        }
    }

    @Test func aBusyAddressIsSaid() async throws {
        try await withServer(Router()) { _, address, _ in
            await #expect(throws: TransportError.self) {
                try await withServer(Router(), listen: address) { _, _, _ in }
            }
        }
    }
}

/// What servers do wrong, seen from the client.
@Suite struct ClientFaultTests {
    private let ok = "HTTP/1.1 200 OK\r\n"

    private func failure(
        answer: String,
        limits: ClientLimits = ClientLimits(),
        holds: Bool = false,
        timeout: Duration? = nil
    ) async throws -> TransportError? {
        let server = try RawServer(answer: Array(answer.utf8), holds: holds)
        let client = server.client(limits: limits)
        defer { client.shutdown() }
        do {
            _ = try await client.send(
                ClientRequest(.get, ["x"]),
                responseLimit: 100,
                timeout: timeout
            )
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "content-length: 50\r\n\r\nshort", "transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "transfer-encoding: chunked\r\n\r\nff\r\nshort", "", "content-le",
    ])
    func aTruncatedResponseIsAnError(rest: String) async throws {
        guard case .interrupted = try await failure(answer: ok + rest) else {
            Issue.record("Taken for whole.")
            return
        }
    }

    @Test func aResponseThatIsTooLongIsAnError() async throws {
        for length in [101, Int.max] {
            let error = try await failure(
                answer: ok + "content-length: \(length)\r\n\r\nx",
                holds: true
            )
            #expect(error == .tooLarge(limit: 100))
        }
        let chunk = "65\r\n" + String(repeating: "x", count: 0x65) + "\r\n"
        let error = try await failure(
            answer: ok + "transfer-encoding: chunked\r\n\r\n" + chunk,
            holds: true
        )
        #expect(error == .tooLarge(limit: 100))
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "HTTP/9.9 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 70_000) + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 1000) + "\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
            + String(repeating: "a: " + String(repeating: "y", count: 1000) + "\r\n", count: 100),
    ])
    func whatIsNotHTTPIsAnError(answer: String) async throws {
        guard case .malformed = try await failure(answer: answer) else {
            Issue.record("Taken for HTTP.")
            return
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nnever ends",
        String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 10_000),
    ])
    func aServerThatStopsRunsIntoTheDeadline(answer: String) async throws {
        // A machine that is busy may not have sent the request in so little time; then it gets
        // more, and what it says must be true each time.
        var timeout = Duration.milliseconds(200)
        var error = try await failure(answer: answer, holds: true, timeout: timeout)
        while error == .timeout(sent: false) {
            timeout *= 2
            error = try await failure(answer: answer, holds: true, timeout: timeout)
        }
        #expect(error == .timeout(sent: true))
    }

    @Test func aServerThatClosesEachConnectionIsAskedAgainOnlyOnKeptOnes() async throws {
        let server = try RawServer(answer: [])
        let client = server.client()
        await #expect(throws: TransportError.self) {
            try await client.send(ClientRequest(.get, ["x"]), responseLimit: 100)
        }
        #expect(server.acceptedCount == 1)
        client.shutdown()
    }

    @Test func aServerThatIsGoneIsUnreachableAndServesAgainWhenItIsBack() async throws {
        let router = Router([Route(.get, "/") { _ in .text("ok") }])
        var kept: HTTPClient?
        // A path, because a port that is free again may go to anybody.
        let path = FileManager.default.temporaryDirectory.path + "/t-\(UUID().uuidString).sock"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let place = Endpoint.unix(path: path)
        try await withServer(router, listen: place) { _, address, _ in
            let client = HTTPClient(endpoint: address, authentication: .plain)
            _ = try await client.send(ClientRequest(.get, [""]), responseLimit: 10)
            kept = client
        }
        // As a server that was killed leaves it, or one that went in peace: nobody listens.
        try? FileManager.default.removeItem(atPath: path)
        let client = try #require(kept)
        do {
            _ = try await client.send(ClientRequest(.get, [""]), responseLimit: 10)
            Issue.record("Nobody is there.")
        } catch {
            guard case .unreachable = error else {
                Issue.record("Not unreachable: \(error)")
                return
            }
        }
        try await withServer(router, listen: place) { _, _, _ in
            let response = try await client.send(ClientRequest(.get, [""]), responseLimit: 10)
            #expect(response.code == 200)
        }
        client.shutdown()
    }

    @Test func cancellingEndsTheWaitAtOnce() async throws {
        let server = try RawServer(answer: [], holds: true)
        let client = server.client()
        let request = Task { () -> TransportError? in
            do {
                _ = try await client.send(ClientRequest(.get, ["x"]), responseLimit: 100)
                return nil
            } catch {
                return error as? TransportError
            }
        }
        while server.acceptedCount == 0 { await Task.yield() }
        request.cancel()
        #expect(await request.value == .cancelled)
        client.shutdown()
        await #expect(throws: TransportError.cancelled) {
            try await client.send(ClientRequest(.get, ["x"]), responseLimit: 100)
        }
    }
}
