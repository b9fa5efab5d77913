internal import Foundation
internal import Synchronization
internal import TestSupport
internal import Testing
internal import Transport

/// What those see and do who run a network: real processes.
@Suite(.serialized) struct OperatingTests {
    @Test func servicesTellOfThemselves() throws {
        try Scratch.with { scratch in
            let net = try Services.running(in: scratch)
            let blob = try net.client.store(try makeFile(scratch.path + "/file", count: 5000))
            #expect(!blob.isEmpty)

            let sample =
                /[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? ([0-9.e+-]+|NaN|[+-]Inf)/
            let services = try [#require(net.ledger)] + Array(net.nodes.values)
            for service in services {
                let page = try service.metrics()
                #expect(page.hasSuffix("\n"))
                for line in page.split(separator: "\n") where !line.hasPrefix("#") {
                    #expect(try sample.wholeMatch(in: line) != nil, "\(line)")
                }
                #expect(metric("walrus_build_info{version=\"0.1.0\"}", in: page) == 1)
            }
            let node = try #require(net.nodes["node-02"]).metrics()
            let confirmations = "walrus_storage_confirmations_issued_total"
            #expect((metric(confirmations, in: node) ?? 0) >= 1, "\(node)")
            #expect(metric("walrus_node_ready", in: node) == 1)
            #expect(
                metric("walrus_event_apply_duration_seconds_count", in: node)
                    == metric("walrus_blocks_applied_total", in: node)
            )
            for name in [
                "garbage_collection_pending_blobs", "garbage_collection_pending_bytes",
                "shard_sync_pending_slivers", "shard_sync_pending_bytes",
                "shard_sync_slivers_total", "shard_sync_bytes_total", "recover_blob_shards_backlog",
            ] {
                #expect(metric("walrus_" + name, in: node) == 0, "\(name)")
            }
            #expect((metric("walrus_disk_bytes{part=\"slivers\"}", in: node) ?? 0) > 0)
            #expect((metric("walrus_disk_free_bytes", in: node) ?? 0) > 0)
            #expect(node.contains("http_route=\"/v1/blobs/{blob}/slivers/{pair}/{axis}\""))
            #expect(!node.contains(blob), "A path of a peer is no label.")

            let ledger = try #require(net.ledger).metrics()
            let height = metric("walrus_ledger_height", in: ledger) ?? 0
            #expect(height >= 2)
            #expect(metric("walrus_ledger_followers_needed", in: ledger) == 2)
            #expect(ledger.components(separatedBy: "follower_lag_blocks{").count == 5)
            #expect(metric("walrus_ledger_blocks_total", in: ledger) == height)
            #expect(metric("walrus_ledger_unkept_blocks_total", in: ledger) == 0)
            #expect(net.stop())
        }
    }

    private struct Health: Decodable {
        struct Node: Decodable {
            let name: String
            let condition: String
            let remarks: [String]
            let blocksBehind: UInt64?
        }
        struct Ledger: Decodable {
            let height: UInt64?
            let error: String?
        }
        let condition: String
        let nodes: [Node]
        let ledger: Ledger
        let shardsReady: Int
    }

    private func health(_ net: Services, _ arguments: String...) throws -> (Int32, Health) {
        let result = try Tool.run(
            "walrus",
            ["health", "--json"] + arguments,
            environment: net.client.environment
        )
        return (
            result.status,
            try JSONDecoder().decode(Health.self, from: Data(result.output.utf8))
        )
    }

    @Test func healthSaysWhoIsMissingAndWhatThatMeans() throws {
        try Scratch.with { scratch in
            let net = try Services(in: scratch, nodes: 4)
            try net.startLedger()
            try net.startNodes()
            let table = try net.waitForHealth(0).output
            #expect(table.hasSuffix("\nhealthy\n"), "\(table)")
            for name in net.names { #expect(table.contains("\n" + name), "\(table)") }

            net.nodes["node-01"]?.end(SIGKILL)
            let (one, impaired) = try health(net)
            #expect(one == 1)
            #expect(impaired.condition == "impaired")
            let gone = impaired.nodes.filter { $0.condition == "unreachable" }
            #expect(gone.map(\.name) == ["node-01"])
            let (fine, alone) = try health(net, "--node", "node-02")
            #expect(fine == 0)
            #expect(alone.nodes.map(\.name) == ["node-02"])
            let unknown = try net.client.walrus("health", "--node", "node-99")
            #expect(unknown.status == 1)
            #expect(unknown.errors.contains("no node of the committee"), "\(unknown)")

            net.nodes["node-03"]?.end(SIGKILL)
            let (two, stopped) = try health(net)
            #expect(two == 2)
            #expect(stopped.condition == "writesStopped")
            #expect(stopped.shardsReady == 2)

            // Without the ledger the genesis says whom to ask.
            net.ledger?.end()
            let lost = try net.client.walrus("health")
            #expect(lost.status == 1)
            #expect(lost.errors.contains("cannot connect"), "\(lost)")
            let (without, left) = try health(net, "--genesis", net.directory + "/genesis.bcs")
            #expect(without == 2)
            #expect(left.ledger.error != nil)
            #expect(left.nodes.filter { $0.condition != "unreachable" }.count == 2)
        }
    }

    /// Stores one file after another from a thread of its own; each must succeed.
    private final class Load: Sendable {
        private struct State {
            var blobs: [(file: String, id: String)] = []
            var failures: [String] = []
            var isOver = false
        }

        // Guards what was stored so far.
        private let state = Mutex(State())

        var blobs: [(file: String, id: String)] { state.withLock { $0.blobs } }
        var failures: [String] { state.withLock { $0.failures } }

        func end() { state.withLock { $0.isOver = true } }

        func run(_ client: NetworkClient, _ folder: String) {
            var turn = 0
            while !state.withLock({ $0.isOver }) {
                turn += 1
                do {
                    let path = "\(folder)/load-\(turn)"
                    let file = try makeFile(path, count: 20_000 + turn)
                    let id = try client.store(file, epochs: 5)
                    state.withLock { $0.blobs.append((file, id)) }
                } catch {
                    state.withLock { $0.failures.append("\(error)") }
                    return
                }
            }
        }

        func waitForBlobs(_ count: Int) throws {
            try Wait.until("there are not \(count) blobs") {
                state.withLock { $0.blobs.count >= count || !$0.failures.isEmpty }
            }
        }
    }

    @Test func servicesEndInOrderUnderLoadAndLoseNothing() async throws {
        try await Scratch.withAsync { scratch in
            let net = try Services.running(in: scratch)
            let load = Load()
            let (client, folder) = (net.client, scratch.path)
            let work = Task { load.run(client, folder) }
            defer { load.end() }
            for round in 1...2 {
                for name in ["node-00", "node-02"] {
                    try load.waitForBlobs(load.blobs.count + 1)
                    #expect(net.nodes[name]?.end() == 0, "round \(round)")
                    try net.startNode(name)
                    // Two of four away at a time are one too many for writing.
                    try net.waitForHealth(0)
                }
            }
            load.end()
            await work.value
            #expect(load.failures.isEmpty, "\(load.failures)")
            #expect(load.blobs.count >= 4)
            for blob in load.blobs { #expect(try client.reads(blob.id, as: blob.file)) }
            #expect(net.stop())
        }
    }

    @Test func aLedgerEndsInOrderWhileNodesWaitForIt() throws {
        try Scratch.with { scratch in
            let net = try Services.running(in: scratch)
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let blob = try net.client.store(file)
            // Polls of four nodes wait there; it does not wait for them.
            #expect(net.ledger?.end() == 0)
            try net.waitForHealth(2, "--genesis", net.directory + "/genesis.bcs")
            try net.startLedger()
            try net.waitForHealth(0)
            #expect(try net.client.reads(blob, as: file))
            net.ledger?.end()
            let verified = try Tool.succeed("walrus", ["ledger", "verify"] + net.ledgerArguments)
            #expect(verified.contains("blocks with"), "\(verified)")
        }
    }

    /// Asks a node for a confirmation of a blob that nobody registers, which waits so long.
    private func askInVain(_ address: String, milliseconds: Int) async throws -> Int {
        let endpoint = try #require(Endpoint(text: address))
        let client = HTTPClient(endpoint: endpoint, authentication: .anyKey)
        defer { client.shutdown() }
        let blob = String(repeating: "A", count: 43)
        let response = try await client.send(
            ClientRequest(
                .get,
                ["v1", "blobs", blob, "confirmation", "permanent"],
                query: QueryString([
                    .init("wait_for_registration", "true"),
                    .init("wait_millis", String(milliseconds)),
                ])
            ),
            responseLimit: 1 << 16,
            timeout: .seconds(60)
        )
        return response.code
    }

    /// Waits until the node answers so many requests.
    private func waitForRequests(_ count: Int, _ node: Service) throws {
        try Wait.until("there are not \(count) requests") {
            try node.metrics().contains("http_server_active_requests \(count)\n")
        }
    }

    private func waitForStopping(_ service: Service) throws {
        try Wait.until("it does not stop") { try service.text().contains("stopping") }
    }

    @Test func whatIsUnderWayIsAnsweredAndASecondSignalDoesNotWait() async throws {
        try await Scratch.withAsync { scratch in
            let net = try Services(in: scratch)
            try net.startLedger()
            let node = try net.startNode("node-01")
            let address = try #require(net.address(of: "node-01"))
            // Shorter than a server that stops waits, and else as long as can be.
            async let answer = askInVain(address, milliseconds: 2500)
            try waitForRequests(1, node)
            node.send(SIGTERM)
            try waitForStopping(node)
            // Nobody new is let in.
            await #expect(throws: (any Error).self) {
                _ = try await askInVain(address, milliseconds: 1)
            }
            #expect(try await answer == 400)
            #expect(node.wait() == 0)

            let again = try net.startNode("node-01")
            async let broken = askInVain(address, milliseconds: 30_000)
            try waitForRequests(1, again)
            again.send(SIGTERM)
            try waitForStopping(again)
            #expect(again.end() == 128 + SIGTERM)
            _ = try? await broken
            // It starts as after any other end.
            try net.startNode("node-01")
            #expect(net.stop())
        }
    }

    @Test func logsAreLinesThatProgramsRead() throws {
        try Scratch.with { scratch in
            let net = try Services(in: scratch)
            try net.startLedger("--log-format", "json")
            try net.startNodes()
            try net.waitForHealth(0)
            #expect(net.stopNodes())
            net.ledger?.end()
            let text = try #require(net.ledger).text()
            let events = text.split(separator: "\n").filter { $0.hasPrefix("{") }
            #expect(!events.isEmpty, "\(text)")
            for event in events {
                let object = try JSONSerialization.jsonObject(with: Data(event.utf8))
                let members = try #require(object as? [String: String])
                #expect(members["logger"] == "walrus.ledger")
                #expect(members["level"] != nil && members["time"] != nil)
            }
            #expect(events.contains { $0.contains("\"msg\":\"stopping\"") })
            let wrong = try Tool.run(
                "walrus",
                ["ledger"] + net.ledgerArguments + ["--log-format", "xml"]
            )
            #expect(wrong.status == 64)
            // A disk that is in use and a port that is taken are said in one sentence.
            let taken = try Tool.run(
                "walrus",
                ["ledger"] + net.ledgerArguments + ["--metrics", "nonsense"]
            )
            #expect(taken.status == 64, "\(taken)")
        }
    }
}
