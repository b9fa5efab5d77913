internal import BlobModel
internal import Logging
internal import Synchronization
internal import Testing
internal import Transport

/// Servers with several keys, which change while they run.
@Suite struct IdentityTests {
    private final class Keys: Sendable {
        // Guards the keys that the server has besides its first.
        private let known = Mutex<[SigningKey]>([])

        func add(_ key: SigningKey) { known.withLock { $0.append(key) } }

        func identity(_ name: String?) -> TLSIdentity? {
            known.withLock { $0.first { TLSIdentity.name(of: $0.publicKey) == name } }
                .flatMap { try? TLSIdentity(key: $0) }
        }
    }

    @Test func aServerIsWhomTheClientExpects() async throws {
        let keys = Keys()
        let wrong = TransportError.wrongKey(
            expected: key(2).publicKey,
            presented: key(1).publicKey
        )
        try await HTTPServer.serve(
            Router([Route(.get, "/peer") { .text($0.peer) }]),
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: key(1)) { keys.identity($0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            @Sendable func ask(_ expected: SigningKey) async throws -> Int {
                let client = HTTPClient(
                    endpoint: address,
                    authentication: .pinned(expected.publicKey)
                )
                defer { client.shutdown() }
                return try await client.send(ClientRequest(.get, ["peer"]), responseLimit: 1000)
                    .code
            }
            let first = try await ask(key(1))
            #expect(first == 200)
            await #expect(throws: wrong) { try await ask(key(2)) }
            keys.add(key(2))
            keys.add(key(3))
            for expected in [1, 2, 3, 2, 1] as [UInt8] {
                let code = try await ask(key(expected))
                #expect(code == 200)
            }
            await #expect(throws: TransportError.self) { try await ask(key(4)) }
        }
    }
}
