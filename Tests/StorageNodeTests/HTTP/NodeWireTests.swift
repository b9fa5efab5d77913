internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Foundation
internal import Logging
internal import Synchronization
internal import Testing
internal import Transport

/// The JSON of a node, letter by letter, and what a route does with parameters that it has not.
@Suite struct NodeWireTests {
    private func text(_ value: some Encodable) throws -> String {
        String(decoding: try JSON.encode(value), as: UTF8.self)
    }

    @Test func theHealthHasTheReferencesNames() throws {
        let plain = try text(WireHealth(FakeNode.health))
        let key = Base64.encodeStandard([UInt8](repeating: 5, count: 32))
        let node = "0x" + String(repeating: "06", count: 32)
        let hash = String(repeating: "07", count: 32)
        let head =
            #"{"blobsIncomplete":0,"blockHash":"\#(hash)","epoch":3,"#
            + #""eventProgress":{"highestFinishedEventIndex":99,"pending":5,"persisted":99},"#
            + #""isFull":true,"isLedgerSilent":false,"isReady":false,"#
            + #""latestCheckpointSequenceNumber":104,"nodeId":"\#(node)","#
            + #""nodeStatus":"RecoveryCatchUp","publicKey":"#
            + #""\#(key)","scrub":{"damaged":0,"passes":0,"sliversChecked":0},"#
        let tail =
            #""shardSummary":{"owned":2,"ownedShardStatus":{"inRecovery":0,"inTransfer":0,"#
            + #""ready":2,"unknown":0},"readOnly":0},"shards":[3,7],"shardsInTransfer":[],"#
            + #""shardsReadOnly":[],"shardsRecovering":[],"#
            + #""uptime":{"nanos":0,"secs":12}}"#
        #expect(plain == head + tail)
        let detail =
            #""shardDetail":{"other":[],"owned":[{"shard":3,"status":"ready"},"#
            + #"{"shard":7,"status":"ready"}]},"#
        #expect(try text(WireHealth(FakeNode.health, detailed: true)) == head + detail + tail)
        let recovering = NodeHealth(
            uptimeSeconds: 12,
            epoch: 3,
            publicKey: FakeNode.health.publicKey,
            node: FakeNode.health.node,
            status: .recovering,
            shards: [3, 5, 7],
            height: 99,
            ledgerHeight: 104,
            blockHash: FakeNode.health.blockHash,
            isFull: true,
            recovering: [7],
            blobsIncomplete: 5,
            scrub: .init(passes: 1, sliversChecked: 2, damaged: 3),
            inTransfer: [5],
            readOnly: [9],
            divergence: "it ends at 3",
            isLedgerSilent: true
        )
        let written = try text(WireHealth(recovering, detailed: true))
        #expect(written.contains(#""inRecovery":1,"inTransfer":1,"ready":1"#))
        #expect(written.contains(#""unknown":0},"readOnly":1}"#))
        #expect(written.contains(#""other":[{"shard":9,"status":"readOnly"}]"#))
        #expect(written.contains(#"{"shard":5,"status":"inTransfer"}"#))
        #expect(written.contains(#""divergence":"it ends at 3""#))
        #expect(written.contains(#"{"shard":7,"status":"inRecovery"}"#))
        #expect(written.contains(#""nodeStatus":"RecoveryInProgress""#))
        let read = try JSON.decode(WireHealth.self, from: Array(written.utf8))
        #expect(read.health == recovering)
    }

    @Test func whatIsNotCertifiedHasANullForItsEpoch() throws {
        let counts = NodeBlobStatus.DeletableCounts(total: 2, certified: 0)
        let status = NodeBlobStatus.deletable(counts, initialCertifiedEpoch: nil)
        let json =
            #"{"deletable":{"deletableCounts":{"count_deletable_certified":0,"#
            + #""count_deletable_total":2},"initialCertifiedEpoch":null}}"#
        #expect(try text(WireBlobStatus(status)) == json)
        let back = try JSON.decode(WireBlobStatus.self, from: Array(json.utf8))
        #expect(back.status == status)
        // As servers write it that leave out what is not there.
        let short = json.replacingOccurrences(of: #","initialCertifiedEpoch":null"#, with: "")
        #expect(short != json)
        let lean = try JSON.decode(WireBlobStatus.self, from: Array(short.utf8))
        #expect(lean.status == status)
    }

    @Test func theHealthIsDetailedWhenItIsAskedFor() async throws {
        try await ServedNode.with { served in
            for (value, code, isDetailed) in [
                ("true", 200, true), ("false", 200, false), ("1", 400, false), ("", 400, false),
            ] {
                let response = try await served.http.send(
                    ClientRequest(
                        .get,
                        ["v1", "health"],
                        query: QueryString([.init("detailed", value)])
                    ),
                    responseLimit: 1 << 20
                )
                #expect(response.code == code)
                let text = String(decoding: response.body, as: UTF8.self)
                #expect(text.contains("shardDetail") == isDetailed)
            }
        }
    }

    /// `Docs/Decisions/0120-unknown-query-parameters.md`, on every route.
    @Test func unknownParametersAreIgnored() async throws {
        try await ServedNode.with { served in
            let query = QueryString([.init("colour", "blue"), .init("pendng", "true")])
            let id = served.blob.blobID.description
            let sliver = served.path("2", "primary")
            let object = "0x" + String(repeating: "ab", count: 32)
            let metadata = served.blob.metadata.metadata.bcsBytes
            let body = served.sliver(2, .primary).sliver.dataBytes
            let known = QueryString(query.items + [.init("from", "1")])
            let routes: [(HTTPMethod, [String], QueryString, [UInt8], Int)] = [
                (.put, served.metadataPath, query, metadata, 201),
                (.get, served.metadataPath, query, [], 200),
                (.get, served.metadataPath + ["status"], query, [], 200),
                (.put, sliver, query, body, 201),
                (.get, sliver, query, [], 200),
                (.get, sliver + ["status"], query, [], 200),
                (.get, ["v1", "blobs", id, "confirmation", "permanent"], query, [], 200),
                (
                    .get, ["v1", "blobs", id, "confirmation", "deletable", object], query, [],
                    200
                ),
                (.get, ["v1", "blobs", id, "status"], query, [], 200),
                (.get, ["v1", "health"], query, [], 200),
                (.get, ["v1", "ledger", "blocks"], known, [], 200),
                (.get, ["v1", "version"], query, [], 200),
            ]
            for (method, path, query, body, code) in routes {
                let answer = try await served.raw(method, path, query: query, body: body)
                #expect(answer.code == code, "\(path): \(answer)")
            }
        }
    }

    /// A flag that is neither true nor false, on each route that has one.
    @Test func flagsThatAreNoneAreRefused() async throws {
        try await ServedNode.with { served in
            let id = served.blob.blobID.description
            for (method, path, flag) in [
                (HTTPMethod.put, served.metadataPath, "pending"),
                (.put, served.path("2", "primary"), "pending"),
                (.get, ["v1", "health"], "detailed"),
                (
                    .get, ["v1", "blobs", id, "confirmation", "permanent"],
                    "wait_for_registration"
                ),
            ] {
                for value in ["", "TRUE", "yes", "0", "true "] {
                    let answer = try await served.raw(
                        method,
                        path,
                        query: QueryString([.init(flag, value)])
                    )
                    #expect(answer.code == 400, "\(path) \(value)")
                    #expect(answer.reason == "INVALID_REQUEST")
                }
            }
        }
    }
}

/// A node that fails: what its client and its log learn.
@Suite struct DebugInfoTests {
    @Test func anErrorOfTheNodeNamesItsLineInTheLog() async throws {
        let lines = LogLines()
        let key = SigningKey(seed: [UInt8](repeating: 1, count: 32))
        let router = Router([
            Route(.get, "/v1/broken") { _ in throw LogLines.Failure() },
            Route(.get, "/v1/disk") { _ in
                throw APIError(.internalError, reason: "INTERNAL", message: "The disk failed.")
            },
            Route(.get, "/v1/busy") { _ in
                throw APIError(.unavailable, reason: "LEDGER_BEHIND", message: "Wait.")
            },
        ])
        try await HTTPServer.serve(
            router,
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: key),
            logger: Logger(label: "test") { _ in LogLines.Handler(lines: lines) }
        ) { address in
            let http = HTTPClient(endpoint: address, authentication: .anyKey)
            for (path, number) in [("broken", 1), ("disk", 2)] {
                let response = try await http.send(
                    ClientRequest(.get, ["v1", path]),
                    responseLimit: 1 << 20
                )
                #expect(response.code == 500)
                let trace = "000000000000000\(number)"
                let debug = #"{"@type":"DebugInfo","detail":"trace \#(trace)","stackEntries":[]}"#
                let text = String(decoding: response.body, as: UTF8.self)
                #expect(text.contains(debug), "\(text)")
                #expect(APIError(code: 500, body: response.body).reason == "INTERNAL")
                #expect(lines.all.contains { $0.contains(trace) && $0.contains("/v1/\(path)") })
            }
            let busy = try await http.send(
                ClientRequest(.get, ["v1", "busy"]),
                responseLimit: 1 << 20
            )
            #expect(busy.code == 503)
            #expect(!String(decoding: busy.body, as: UTF8.self).contains("DebugInfo"))
            http.shutdown()
        }
    }
}

/// What was logged at the level of errors.
private final class LogLines: Sendable {
    struct Failure: Error {}

    // Guards the lines.
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.error

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
