internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger
internal import Logging
internal import SystemIO
internal import TestNetwork
internal import Testing
internal import Transport

@testable internal import StorageNode

/// Counts the slivers that are verified, and holds each one back for a second of the test's.
struct VerificationGate: Sendable {
    let time = ManualTimeSource()
    let calls = Notices()

    func pass() async {
        calls.add("")
        // Only cancellation ends the sleep early, and then nothing is tested.
        try? await time.sleep(for: .seconds(1))
    }
}

/// A real node of a real network in memory behind its API, and a blob that is not registered yet.
struct ServedScene {
    let network: TestNetwork
    let time: ManualTimeSource
    let pool: ObjectID
    let encoded: EncodedBlob
    let http: HTTPClient
    let remote: HTTPStorageNode
    let pending: PendingUploads

    /// The node that is served.
    static let index = 3

    static func with(
        limits: PendingLimits = PendingLimits(),
        length: Int = 5000,
        gate: VerificationGate? = nil,
        _ body: (ServedScene) async throws -> Void
    ) async throws {
        let time = ManualTimeSource()
        let network = try TestNetwork(time: time)
        let volume = try await VolumeRegistrar(sender: network.sender()).create(
            nameHash: [UInt8](repeating: 9, count: 32),
            capacity: 1 << 40
        )
        let parameters = try EncodingParameters(shardCount: 10)
        let encoded = try RedStuffEncoder(parameters).encode(TestNetwork.bytes(length))
        let codec = RedStuffCodec(parameters)
        let api = StorageNodeAPI(
            node: network.nodes[index],
            parameters: parameters,
            pending: limits,
            time: time
        ) { sliver, metadata in
            await gate?.pass()
            return try SliverVerifier(codec, metadata).verify(sliver)
        }
        let key = SigningKey(seed: [UInt8](repeating: 1, count: 32))
        try await HTTPServer.serve(
            Router(api.routes),
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: key),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            let scene = ServedScene(
                network: network,
                time: time,
                pool: volume.pool,
                encoded: encoded,
                http: HTTPClient(endpoint: address, authentication: .anyKey),
                remote: HTTPStorageNode(
                    endpoint: address,
                    key: key.publicKey,
                    parameters: parameters
                ),
                pending: api.pending
            )
            try await body(scene)
            scene.http.shutdown()
        }
    }

    var node: StorageNode { network.nodes[Self.index] }
    var blob: BlobID { encoded.blobID }

    /// Registers the blob; the node has applied that when this returns.
    func register() async throws -> ObjectID {
        let receipt = try await network.sender().execute(
            [.registerPooledBlob(pool: .id(pool), blob: description(of: encoded))],
            label: "register"
        )
        return ObjectID(of: receipt.transaction.digest, command: 0)
    }

    private func description(of blob: EncodedBlob) -> BlobDescription {
        BlobDescription(
            blob: blob.blobID,
            root: blob.metadata.metadata.rootHash.bytes,
            length: blob.metadata.unencodedLength
        )
    }

    func name(_ axis: SliverAxis, of node: Int = Self.index) -> SliverName {
        let parameters = encoded.metadata.parameters
        let pair = parameters.pair(on: ShardIndex(UInt16(node)), of: blob)
        return SliverName(blob: blob, pair: pair, axis: axis)
    }

    func sliver(_ axis: SliverAxis) -> VerifiedSliver { encoded.pair(name(axis).pair)[axis] }

    var metadataPath: [String] { ["v1", "blobs", blob.description, "metadata"] }

    func path(_ axis: SliverAxis, of node: Int = Self.index) -> [String] {
        let pair = name(axis, of: node).pair.description
        return ["v1", "blobs", blob.description, "slivers", pair, axis.name]
    }

    func confirmationPath(_ object: ObjectID) -> [String] {
        ["v1", "blobs", blob.description, "confirmation", "deletable", object.description]
    }

    /// Sends a request, and says with what code and reason it was answered.
    func send(
        _ method: HTTPMethod,
        _ path: [String],
        query: [(String, String)] = [],
        headers: HTTPHeaders = [:],
        body: [UInt8] = []
    ) async throws -> String {
        let response = try await response(method, path, query, headers, body)
        guard !response.isSuccess else { return "\(response.code)" }
        return "\(response.code) \(APIError(code: response.code, body: response.body).reason)"
    }

    func response(
        _ method: HTTPMethod,
        _ path: [String],
        _ query: [(String, String)] = [],
        _ headers: HTTPHeaders = [:],
        _ body: [UInt8] = []
    ) async throws -> ClientResponse {
        try await http.send(
            ClientRequest(
                method,
                path,
                query: QueryString(query.map { QueryString.Item($0.0, $0.1) }),
                headers: headers,
                body: body
            ),
            responseLimit: 1 << 20
        )
    }

    /// Puts metadata as before a registration.
    func putMetadata(
        _ pending: String = "true",
        headers: HTTPHeaders = [:]
    ) async throws -> String {
        try await send(
            .put,
            metadataPath,
            query: [("pending", pending)],
            headers: headers,
            body: encoded.metadata.metadata.bcsBytes
        )
    }

    func putSliver(
        _ axis: SliverAxis,
        _ body: [UInt8]? = nil,
        pending: String = "true",
        headers: HTTPHeaders = [:]
    ) async throws -> String {
        try await send(
            .put,
            path(axis),
            query: [("pending", pending)],
            headers: headers,
            body: body ?? sliver(axis).sliver.dataBytes
        )
    }
}
