internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Logging
internal import StorageNode
internal import Synchronization
internal import SystemIO
internal import Testing
internal import Transport

/// A node behind its API, and a client that speaks to it.
struct ServedNode {
    let node: FakeNode
    let remote: HTTPStorageNode
    let http: HTTPClient
    let parameters: EncodingParameters
    let blob: EncodedBlob

    static func with(_ body: (ServedNode) async throws -> Void) async throws {
        let node = FakeNode()
        let parameters = try EncodingParameters(shardCount: 10)
        let blob = try RedStuffEncoder(parameters).encode((0..<5000).map { UInt8($0 & 0xFF) })
        let api = StorageNodeAPI(
            node: node,
            parameters: parameters,
            time: ManualTimeSource(),
            pool: BlockingPool(threads: 1)
        )
        let networkKey = SigningKey(seed: [UInt8](repeating: 1, count: 32))
        try await HTTPServer.serve(
            Router(api.routes),
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: networkKey),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            let served = ServedNode(
                node: node,
                remote: HTTPStorageNode(
                    endpoint: address,
                    key: networkKey.publicKey,
                    parameters: parameters
                ),
                http: HTTPClient(endpoint: address, authentication: .anyKey),
                parameters: parameters,
                blob: blob
            )
            try await body(served)
            served.http.shutdown()
        }
    }

    func name(_ pair: UInt16, _ axis: SliverAxis) -> SliverName {
        SliverName(blob: blob.blobID, pair: SliverPairIndex(pair), axis: axis)
    }

    func sliver(_ pair: UInt16, _ axis: SliverAxis) -> VerifiedSliver {
        blob.sliver(axis, parameters.sliver(of: SliverPairIndex(pair), axis))
    }

    /// Sends a request as anyone may, and returns the code and the reason.
    func raw(
        _ method: HTTPMethod,
        _ path: [String],
        query: QueryString = QueryString(),
        headers: HTTPHeaders = [:],
        body: [UInt8] = []
    ) async throws -> (code: Int, reason: String, status: APIStatus) {
        let response = try await http.send(
            ClientRequest(method, path, query: query, headers: headers, body: body),
            responseLimit: 1 << 20
        )
        guard !response.isSuccess else { return (response.code, "", .ok) }
        let error = APIError(code: response.code, body: response.body)
        return (error.code, error.reason, error.status)
    }

    func path(_ pair: String, _ axis: String, _ more: String...) -> [String] {
        ["v1", "blobs", blob.blobID.description, "slivers", pair, axis] + more
    }

    var metadataPath: [String] { ["v1", "blobs", blob.blobID.description, "metadata"] }
}

/// `#expect` of what is awaited, which the macro does not take inside a closure.
func expect<Value: Equatable>(
    _ value: Value,
    _ expected: Value,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(value == expected, sourceLocation: sourceLocation)
}

@Suite struct NodeAPIRoundTripTests {
    @Test func metadataGoesThereAndBack() async throws {
        try await ServedNode.with { served in
            let id = served.blob.blobID
            try await expect(served.remote.metadataStatus(of: id), .nonexistent)
            try await expect(served.remote.store(served.blob.metadata, height: 5), .stored)
            try await expect(served.remote.store(served.blob.metadata, height: nil), .alreadyStored)
            try await expect(served.remote.metadataStatus(of: id), .stored)
            let bytes = try await served.remote.metadata(of: id)
            let metadata = try BlobMetadataWithID(bcsBytes: bytes).verify(served.parameters)
            #expect(metadata == served.blob.metadata)
            #expect(served.node.state.withLock { $0.heights } == [5])
        }
    }

    @Test func everySliverGoesThereAndBack() async throws {
        try await ServedNode.with { served in
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            for pair in UInt16(0)..<10 {
                for axis in SliverAxis.allCases {
                    let name = served.name(pair, axis)
                    let sliver = served.sliver(pair, axis)
                    try await expect(served.remote.sliverStatus(name), .nonexistent)
                    let first = try await served.remote.store(sliver, as: name, height: 8)
                    let second = try await served.remote.store(sliver, as: name, height: 8)
                    #expect(first == .stored)
                    #expect(second == .alreadyStored)
                    try await expect(served.remote.sliverStatus(name), .stored)
                    guard case .bytes(let bytes) = try await served.remote.sliver(name) else {
                        Issue.record("A remote node's sliver is not verified.")
                        return
                    }
                    #expect(bytes == sliver.sliver.dataBytes)
                    let length = sliver.bytes.count
                    for range in [0..<1, 3..<17, 0..<length, length - 1..<length] {
                        let part = try await served.remote.sliverBytes(
                            name,
                            range: range,
                            of: length
                        )
                        #expect(part == Array(sliver.bytes[range]))
                    }
                }
            }
            #expect(served.node.state.withLock { $0.slivers.count } == 20)
        }
    }

    @Test func confirmationsAreSignedForWhatWasAsked() async throws {
        try await ServedNode.with { served in
            let object = ObjectID(bytes: [UInt8](repeating: 0xAB, count: 32))
            for persistence in [BlobPersistence.permanent, .deletable(object)] {
                let signed = try await served.remote.confirmation(
                    of: served.blob.blobID,
                    persistence: persistence,
                    height: 3
                )
                let message = signed.verified(
                    by: served.node.key.publicKey,
                    in: served.node.domain
                )
                #expect(
                    message
                        == .storageConfirmation(
                            epoch: 7,
                            blob: served.blob.blobID,
                            persistence: persistence
                        )
                )
            }
            #expect(served.node.state.withLock { $0.heights } == [3, 3])
        }
    }

    private static let event = StatusEvent(
        transaction: TransactionDigest(bytes: [UInt8](0..<32)),
        index: 3
    )

    static let statuses: [NodeBlobStatus] = [
        .nonexistent, .invalid(event),
        .deletable(.init(total: 2, certified: 1), initialCertifiedEpoch: nil),
        .deletable(.init(total: 2, certified: 1), initialCertifiedEpoch: 9),
        .permanent(
            end: 12,
            isCertified: true,
            event: event,
            .init(total: 0, certified: 0),
            initialCertifiedEpoch: 4
        ),
        .permanent(
            end: 12,
            isCertified: false,
            event: event,
            .init(total: 3, certified: 1),
            initialCertifiedEpoch: nil
        ),
    ]

    @Test func everyStatusGoesThereAndBack() async throws {
        try await ServedNode.with { served in
            for status in Self.statuses {
                served.node.state.withLock { $0.status = status }
                let back = try await served.remote.status(of: served.blob.blobID)
                #expect(back == status)
            }
            try await expect(served.remote.health(), FakeNode.health)
        }
    }

    @Test func theStatusHasTheReferencesNames() throws {
        let json = try JSON.encode(WireBlobStatus(Self.statuses[4]))
        #expect(
            String(decoding: json, as: UTF8.self)
                == #"{"permanent":{"deletableCounts":{"count_deletable_certified":0,"#
                + #""count_deletable_total":0},"endEpoch":12,"initialCertifiedEpoch":4,"#
                + #""isCertified":true,"statusEvent":{"eventSeq":"3","txDigest":"#
                + #""\#(Self.event.transaction)"}}}"#
        )
        let plain = try JSON.encode(WireBlobStatus(.nonexistent))
        #expect(String(decoding: plain, as: UTF8.self) == "\"nonexistent\"")
    }

    @Test func blocksComeInOrderAndNotAllAtOnce() async throws {
        try await ServedNode.with { served in
            let blocks = (0..<20).map { [UInt8](repeating: UInt8($0), count: 1 << 20) }
            served.node.state.withLock { $0.blocks = blocks }
            try await expect(served.remote.blocks(from: 1, limit: 100), Array(blocks[..<8]))
            try await expect(served.remote.blocks(from: 18, limit: 2), Array(blocks[17..<19]))
            try await expect(served.remote.blocks(from: 21, limit: 5), [])
        }
    }

    @Test func theVersionIsSaid() async throws {
        try await ServedNode.with { served in
            let response = try await served.http.send(
                ClientRequest(.get, ["v1", "version"]),
                responseLimit: 1000
            )
            let version = try JSON.decode(SuccessEnvelope<WireVersion>.self, from: response.body)
            #expect(version.data == WireVersion(role: "node"))
        }
    }
}

@Suite struct NodeAPIRefusalTests {
    /// Whatever a node refuses arrives as the same refusal, from every route.
    @Test func everyRefusalGoesThereAndBack() async throws {
        try await ServedNode.with { served in
            for refusal in NodeRefusal.allCases {
                let error = NodeError.refused(refusal, "Because.")
                served.node.state.withLock { $0.refusal = error }
                let id = served.blob.blobID
                let name = served.name(0, .primary)
                let remote = served.remote
                await #expect(throws: error) { try await remote.metadata(of: id) }
                await #expect(throws: error) {
                    try await remote.store(served.blob.metadata, height: nil)
                }
                await #expect(throws: error) { try await remote.metadataStatus(of: id) }
                await #expect(throws: error) { try await remote.sliver(name) }
                await #expect(throws: error) {
                    try await remote.sliverBytes(name, range: 0..<1, of: 1)
                }
                await #expect(throws: error) {
                    try await remote.store(served.sliver(0, .primary), as: name, height: nil)
                }
                await #expect(throws: error) { try await remote.sliverStatus(name) }
                await #expect(throws: error) {
                    try await remote.confirmation(of: id, persistence: .permanent, height: nil)
                }
                await #expect(throws: error) { try await remote.status(of: id) }
                await #expect(throws: error) { try await remote.health() }
                await #expect(throws: error) { try await remote.blocks(from: 1, limit: 1) }
                let (code, reason, status) = try await served.raw(.get, ["v1", "health"])
                #expect(code == refusal.code)
                #expect(reason == refusal.rawValue)
                #expect(status.rawValue == refusal.status)
            }
        }
    }

    @Test func malformedPathsAndQueriesAreRefused() async throws {
        try await ServedNode.with { served in
            let id = served.blob.blobID.description
            for (path, reason) in [
                (["v1", "blobs", "short", "metadata"], "INVALID_REQUEST"),
                (["v1", "blobs", id + "A", "status"], "INVALID_REQUEST"),
                (served.path("x", "primary"), "INVALID_REQUEST"),
                (served.path("-1", "primary"), "INVALID_REQUEST"),
                (served.path("10", "primary"), "INDEX_OUT_OF_RANGE"),
                (served.path("65536", "primary"), "INDEX_OUT_OF_RANGE"),
                (served.path("99999999999", "secondary"), "INDEX_OUT_OF_RANGE"),
                (served.path("1", "tertiary"), "INVALID_REQUEST"),
                (["v1", "blobs", id, "confirmation", "deletable", "0x12"], "INVALID_REQUEST"),
                (["v1", "blobs", id, "confirmation", "deletable", "zz"], "INVALID_REQUEST"),
            ] {
                let answer = try await served.raw(.get, path)
                #expect(answer.code == 400)
                #expect(answer.reason == reason)
            }
            for items in [
                [QueryString.Item("from", "0")], [.init("from", "x")], [],
                [.init("from", "1"), .init("limit", "0")],
                [.init("from", "1"), .init("limit", "257")],
                [.init("from", "18446744073709551616")],
            ] {
                let answer = try await served.raw(
                    .get,
                    ["v1", "ledger", "blocks"],
                    query: QueryString(items)
                )
                #expect(answer.reason == "INVALID_REQUEST")
            }
            let answer = try await served.raw(
                .get,
                ["v1", "blobs", id, "confirmation", "permanent"],
                headers: [NodeWire.heightHeader: "soon"]
            )
            #expect(answer.reason == "INVALID_REQUEST")
        }
    }

    @Test func metadataOfAnotherBlobIsRefused() async throws {
        try await ServedNode.with { served in
            let right = served.blob.metadata.metadata.bcsBytes
            let other = try RedStuffEncoder(served.parameters).metadata(of: [1, 2, 3])
            var wrongType = right
            wrongType[1] = 7
            for (body, reason) in [
                ([], "INVALID_METADATA"), (Array(right.dropLast()), "INVALID_METADATA"),
                (right + [0], "INVALID_METADATA"), (other.metadata.bcsBytes, "INVALID_METADATA"),
                (wrongType, "UNSUPPORTED_ENCODING_TYPE"),
                ([UInt8](repeating: 0, count: 5000), "INVALID_METADATA"),
            ] {
                let answer = try await served.raw(.put, served.metadataPath, body: body)
                #expect(answer.code == 400)
                #expect(answer.reason == reason)
            }
            #expect(served.node.state.withLock { $0.metadata.isEmpty })
        }
    }

    @Test func whatIsNotRegisteredIsRefusedUnlessItMayBeSoon() async throws {
        try await ServedNode.with { served in
            served.node.state.withLock { $0.status = .nonexistent }
            let metadata = served.blob.metadata
            let sliver = served.sliver(2, .secondary)
            let name = served.name(2, .secondary)
            await #expect(throws: NodeError.self) {
                try await served.remote.store(metadata, height: nil)
            }
            var answer = try await served.raw(.put, served.path("2", "secondary"))
            #expect(answer.reason == "NOT_REGISTERED")
            try await expect(served.remote.store(metadata, height: 4), .stored)
            try await expect(served.remote.store(sliver, as: name, height: 4), .stored)
            served.node.state.withLock {
                $0.status = .invalid(
                    StatusEvent(
                        transaction: TransactionDigest(bytes: [UInt8](0..<32)),
                        index: 0
                    )
                )
            }
            answer = try await served.raw(.put, served.path("3", "secondary"))
            #expect(answer.reason == "INVALID_BLOB")
        }
    }

    @Test func aSliverThatIsNotTheOneIsRefused() async throws {
        try await ServedNode.with { served in
            let right = served.sliver(2, .primary).sliver.dataBytes
            let path = served.path("2", "primary")
            let early = try await served.raw(.put, path, body: right)
            #expect(early.reason == "METADATA_NOT_FOUND")
            #expect(early.code == 400)
            #expect(early.status == .failedPrecondition)
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            var flipped = right
            flipped[10] ^= 1
            for (body, reason) in [
                ([], "INVALID_SLIVER"), (Array(right.dropLast()), "INVALID_SLIVER"),
                (right + [0], "INVALID_SLIVER"), (flipped, "INVALID_SLIVER"),
                (served.sliver(3, .primary).sliver.dataBytes, "SLIVER_INDEX_MISMATCH"),
                (right + [UInt8](repeating: 0, count: 10), "SLIVER_TOO_LARGE"),
                ([UInt8](repeating: 0, count: 1 << 20), "SLIVER_TOO_LARGE"),
            ] {
                let answer = try await served.raw(.put, path, body: body)
                #expect(answer.code == 400)
                #expect(answer.reason == reason, "\(body.count) bytes")
            }
            #expect(served.node.state.withLock { $0.slivers.isEmpty })
            try await expect(served.raw(.put, path, body: right).code, 201)
        }
    }
}

@Suite struct LyingNodeTests {
    /// Answers that are not what was asked for are errors of the node, not of the asker.
    @Test(arguments: ["\"stored", "{}", "{\"success\":{\"code\":200,\"data\":\"lost\"}}"])
    func nonsenseIsMalformed(body: String) async throws {
        let nonsense = ServerResponse(body: .bytes(Array(body.utf8)))
        let blob = "/v1/blobs/{blob}"
        let router = Router([
            Route(.get, blob + "/metadata/status") { _ in nonsense },
            Route(.get, blob + "/status") { _ in nonsense },
            Route(.get, blob + "/confirmation/permanent") { _ in nonsense },
            Route(.get, "/v1/health") { _ in nonsense },
            Route(.get, "/v1/ledger/blocks") { _ in nonsense },
            Route(.get, blob + "/slivers/{p}/{a}") { _ in
                .binary([UInt8](repeating: 0, count: 1 << 20))
            },
        ])
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await HTTPServer.serve(
            router,
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: SigningKey(seed: [UInt8](repeating: 1, count: 32))),
            logger: logger
        ) { address in
            let remote = HTTPStorageNode(
                endpoint: address,
                key: SigningKey(seed: [UInt8](repeating: 1, count: 32)).publicKey,
                parameters: try EncodingParameters(shardCount: 10)
            )
            let blob = BlobID(bytes: [UInt8](repeating: 1, count: 32))
            let name = SliverName(blob: blob, pair: SliverPairIndex(0), axis: .primary)
            await expectMalformed { _ = try await remote.metadataStatus(of: blob) }
            await expectMalformed { _ = try await remote.status(of: blob) }
            await expectMalformed {
                _ = try await remote.confirmation(
                    of: blob,
                    persistence: .permanent,
                    height: nil
                )
            }
            await expectMalformed { _ = try await remote.health() }
            await expectMalformed { _ = try await remote.blocks(from: 1, limit: 1) }
            await expectMalformed { _ = try await remote.sliver(name) }
            await expectMalformed { _ = try await remote.sliverBytes(name, range: 0..<5, of: 50) }
            await expectMalformed { _ = try await remote.metadata(of: blob) }
        }
    }

    private func expectMalformed(_ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("Taken for an answer.")
        } catch {
            guard case .malformed = error as? NodeError else {
                Issue.record("Not malformed: \(error)")
                return
            }
        }
    }

    @Test func anotherKeyIsALie() async throws {
        try await ServedNode.with { served in
            let impostor = HTTPStorageNode(
                endpoint: served.http.endpoint,
                key: SigningKey(seed: [UInt8](repeating: 2, count: 32)).publicKey,
                parameters: served.parameters
            )
            await expectMalformed { _ = try await impostor.health() }
        }
    }
}
