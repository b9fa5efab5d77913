internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import Logging
internal import StorageNode
internal import SystemIO
internal import TestNetwork
internal import Testing
internal import Transport

/// A shard on its way over HTTP.
@Suite struct ShardSyncAPITests {
    @Test func aShardComesOverHTTPAsItIs() async throws {
        let network = try TestNetwork()
        let client = try await network.client()
        let store = try await network.volume(client).store
        for seed in UInt64(1)...3 {
            _ = try await store.store(TestNetwork.bytes(2000, seed: seed))
            try await network.complete(TestNetwork.bytes(2000, seed: seed))
        }
        let leaver = network.nodes[0]
        let id = leaver.configuration.node
        try await network.execute(.setCandidacy(id, false), by: TestNetwork.key("node 0"))
        try await network.execute(.advanceEpoch(from: 0))
        let holder = leaver.committees.current.holder(of: 0).protocolKey
        let key = try #require(network.nodeKeys.first { $0.publicKey == holder })

        let networkKey = TestNetwork.key("served")
        let api = StorageNodeAPI(
            node: leaver,
            shards: leaver,
            parameters: client.parameters,
            time: ManualTimeSource(),
            pool: BlockingPool(threads: 1)
        )
        try await HTTPServer.serve(
            Router(api.routes),
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: networkKey),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            let remote = HTTPStorageNode(
                endpoint: address,
                key: networkKey.publicKey,
                parameters: client.parameters
            )
            let domain = SigningDomain(network: network.genesis.networkID, incarnation: 0)
            for axis in SliverAxis.allCases {
                let request = ShardSyncRequest(
                    epoch: 1,
                    shard: ShardIndex(0),
                    axis: axis,
                    start: BlobID(bytes: [UInt8](repeating: 0, count: 32)),
                    count: 2
                ).signed(by: key, in: domain)
                let answer = try await remote.shard(request, from: key.publicKey)
                #expect(answer.slivers.count == 2)
                #expect(answer == (try await leaver.shard(request, from: key.publicKey)))
                let error = await #expect(throws: NodeError.self) {
                    try await remote.shard(request, from: networkKey.publicKey)
                }
                #expect(error?.refusal == .requestUnauthorized)
            }
            try await refusals(address)
        }
    }

    /// What is no request at all.
    private func refusals(_ address: Endpoint) async throws {
        let http = HTTPClient(endpoint: address, authentication: .anyKey)
        defer { http.shutdown() }
        let key = Base64.encodeStandard([UInt8](repeating: 1, count: 32))
        for (authorization, body, code, reason) in [
            ("", [UInt8](), 403, "REQUEST_UNAUTHORIZED"),
            ("AAAA", [], 403, "REQUEST_UNAUTHORIZED"),
            (key, [1, 2, 3], 400, "INVALID_REQUEST"),
            (key, [UInt8](repeating: 0, count: 5000), 400, "INVALID_REQUEST"),
        ] {
            var headers = HTTPHeaders()
            headers["authorization"] = authorization
            let response = try await http.send(
                ClientRequest(
                    .post,
                    ["v1", "migrate", "sync_shard"],
                    headers: headers,
                    body: body
                ),
                responseLimit: 1 << 20
            )
            #expect(response.code == code)
            #expect(APIError(code: response.code, body: response.body).reason == reason)
        }
    }
}
