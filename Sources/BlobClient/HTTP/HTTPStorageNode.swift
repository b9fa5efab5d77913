package import BlobModel
internal import Codec
package import Transport

/// A storage node elsewhere, spoken to over HTTP (`Docs/Formats/node-api.md`).
///
/// Nothing that it returns is verified, and all of it is bounded by what the committee's
/// parameters allow.
package final class HTTPStorageNode: StorageNodeConnection {
    let client: HTTPClient
    let parameters: EncodingParameters

    /// Speaks to the node with this network key, as the ledger records it.
    ///
    /// The key is not looked at on a Unix socket, which the file system guards.
    package init(
        endpoint: Endpoint,
        key: PublicKey,
        parameters: EncodingParameters,
        limits: ClientLimits = ClientLimits()
    ) {
        let authentication: PeerAuthentication =
            if case .unix = endpoint { .plain } else { .pinned(key) }
        client = HTTPClient(endpoint: endpoint, authentication: authentication, limits: limits)
        self.parameters = parameters
    }

    /// Reads the address of a committee's record, `https://host:port`; nil when it is not one.
    package static func endpoint(ofAddress address: String) -> Endpoint? {
        guard address.hasPrefix("https://") else { return nil }
        return Endpoint(text: String(address.dropFirst("https://".count)))
    }

    // MARK: Metadata

    private var metadataLengthMax: Int { 45 + 66 * parameters.shardCount }

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try await get(["v1", "blobs", blob.description, "metadata"], limit: metadataLengthMax)
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await put(
            ["v1", "blobs", metadata.blobID.description, "metadata"],
            metadata.metadata.bcsBytes,
            height: height
        )
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try await storedStatus(["v1", "blobs", blob.description, "metadata", "status"])
    }

    // MARK: Slivers

    private func path(_ name: SliverName, _ more: String...) -> [String] {
        [
            "v1", "blobs", name.blob.description, "slivers", name.pair.description,
            name.axis.name,
        ] + more
    }

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        let symbols = parameters.sliverLength(
            name.axis,
            symbolSize: EncodingParameters.symbolSizeMax
        )
        return .bytes(try await get(path(name), limit: symbols + 9))
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= length else {
            throw .refused(.rangeNotSatisfiable, "\(range) of a sliver of \(length) bytes.")
        }
        let body = SliverBody(symbols: length)
        let wanted = body.range(ofSymbols: range)
        let ends = "\(wanted.lowerBound)-\(wanted.upperBound - 1)"
        let request = ClientRequest(.get, path(name), headers: ["range": "bytes=\(ends)"])
        let response = try await send(request, limit: body.count)
        switch response.code {
        case 206:
            let said = response.headers["content-range"] ?? "no range"
            guard said == "bytes \(ends)/\(body.count)", response.body.count == range.count else {
                throw .malformed(
                    "\(response.body.count) bytes, \(said.prefix(100)), and not bytes \(ends)."
                )
            }
            return response.body
        default:
            // A server that knows no ranges here answers with the whole sliver.
            guard response.body.count == body.count else {
                throw .malformed("\(response.body.count) bytes where \(body.count) were due.")
            }
            return Array(response.body[wanted])
        }
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await put(path(name), sliver.sliver.dataBytes, height: height)
    }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        try await storedStatus(path(name, "status"))
    }

    // MARK: Symbols

    /// The longest answer: symbols and proofs, with what is around each of them.
    private func symbolsLengthMax(_ count: Int) -> Int {
        let proof = 3 + 33 * MerkleProof.pathMax
        let each = EncodingParameters.symbolSizeMax + 16 + proof
        return min(5 + count * each, NodeWire.symbolBytesMax)
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        let count: Int
        switch request.wanted {
        case .symbols(let symbols): count = symbols.count
        case .target: count = parameters.shardCount
        }
        let bytes = try await get(
            ["v1", "blobs", blob.description, "recoverySymbols"],
            query: QueryString(NodeWire.items(of: request)),
            limit: symbolsLengthMax(count)
        )
        do {
            return try GeneralRecoverySymbol.vector(bcsBytes: bytes, limit: count)
        } catch {
            throw .malformed("The recovery symbols are not in BCS: \(error).")
        }
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        let items = targets.map { QueryString.Item("targetSlivers", $0.description) }
        let bytes = try await get(
            ["v1", "blobs", blob.description, "decodingSymbols"],
            query: QueryString(items + [.init("targetType", axis.name)]),
            limit: NodeWire.symbolBytesMax
        )
        do {
            return try DecodingSymbols(
                axis: axis,
                bcsBytes: bytes,
                limit: parameters.shardCount
            )
        } catch {
            throw .malformed("The decoding symbols are not in BCS: \(error).")
        }
    }

    // MARK: Confirmations and the rest

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        var path = ["v1", "blobs", blob.description, "confirmation"]
        switch persistence {
        case .permanent: path.append("permanent")
        case .deletable(let object): path += ["deletable", object.description]
        }
        var query = QueryString()
        if patience > .zero {
            let millis = min(Int(patience / .milliseconds(1)), NodeWire.waitMillisMax)
            query = QueryString([
                .init("wait_for_registration", "true"), .init("wait_millis", String(millis)),
            ])
        }
        let json: WireConfirmation = try await getJSON(path, query: query, height: height)
        guard let message = json.message else {
            throw .malformed("The confirmation is not in base64.")
        }
        return message
    }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        let json: WireBlobStatus = try await getJSON(["v1", "blobs", blob.description, "status"])
        return json.status
    }

    package func health() async throws(NodeError) -> NodeHealth {
        let json: WireHealth = try await getJSON(["v1", "health"])
        guard let health = json.health else { throw .malformed("The health makes no sense.") }
        return health
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        let count = min(max(limit, 1), NodeWire.blocksMax)
        let query = QueryString([
            .init("from", String(height)), .init("limit", String(count)),
        ])
        let bytes = try await get(
            ["v1", "ledger", "blocks"],
            query: query,
            limit: NodeWire.blocksAnswerMax
        )
        do {
            return try BlockList.decode(bytes, limit: count)
        } catch {
            throw .malformed("The blocks are not in BCS: \(error).")
        }
    }

    // MARK: Requests

    private func headers(_ height: UInt64?) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers[NodeWire.heightHeader] = height.map { String($0) }
        return headers
    }

    private func get(
        _ path: [String],
        query: QueryString = QueryString(),
        height: UInt64? = nil,
        limit: Int
    ) async throws(NodeError) -> [UInt8] {
        let request = ClientRequest(.get, path, query: query, headers: headers(height))
        return try await send(request, limit: limit).body
    }

    private func getJSON<Value: Decodable>(
        _ path: [String],
        query: QueryString = QueryString(),
        height: UInt64? = nil
    ) async throws(NodeError) -> Value {
        let bytes = try await get(path, query: query, height: height, limit: NodeWire.jsonMax)
        do {
            return try JSON.decode(SuccessEnvelope<Value>.self, from: bytes).data
        } catch {
            throw .malformed("\(error)")
        }
    }

    private func storedStatus(_ path: [String]) async throws(NodeError) -> StoredStatus {
        let text: String = try await getJSON(path)
        guard let status = StoredStatus(rawValue: text) else {
            throw .malformed("\(text.prefix(100)) is no status.")
        }
        return status
    }

    private func put(
        _ path: [String],
        _ body: [UInt8],
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        let request = ClientRequest(.put, path, headers: headers(height), body: body)
        switch try await send(request, limit: NodeWire.jsonMax).code {
        case 201: return .stored
        case 200: return .alreadyStored
        case let code: throw .malformed("Code \(code) says neither stored nor stored before.")
        }
    }

    func send(
        _ request: ClientRequest,
        limit: Int
    ) async throws(NodeError) -> ClientResponse {
        let response: ClientResponse
        do {
            // A refusal may be longer than what was asked for.
            response = try await client.send(
                request,
                responseLimit: max(limit, NodeWire.refusalMax)
            )
        } catch {
            throw NodeError(error, from: client.endpoint)
        }
        guard response.isSuccess else { throw NodeError(refusal: response) }
        guard response.body.count <= limit else {
            throw .malformed("The answer is longer than \(limit) bytes.")
        }
        return response
    }
}

extension NodeError {
    init(_ error: TransportError, from endpoint: Endpoint) {
        switch error {
        case .unreachable, .interrupted, .timeout, .tls, .cannotListen, .overloaded:
            self = .unreachable("\(endpoint): \(error)")
        case .wrongKey, .tooLarge, .malformed: self = .malformed("\(endpoint): \(error)")
        case .cancelled: self = .cancelled
        }
    }

    init(refusal response: ClientResponse) {
        let error = APIError(code: response.code, body: response.body)
        if let refusal = NodeRefusal(rawValue: error.reason) {
            self = .refused(refusal, error.message)
        } else if response.code == 429 || response.code >= 500 {
            self = .unreachable(error.description)
        } else {
            self = .malformed(error.description)
        }
    }
}

extension HTTPStorageNode {
    /// A connection to a member of a committee; one with an address that is no URL is unreachable.
    package static func connect(
        to member: CommitteeMember,
        _ parameters: EncodingParameters,
        limits: ClientLimits = ClientLimits()
    ) -> any StorageNodeConnection {
        guard let endpoint = endpoint(ofAddress: member.address) else {
            return UnreachableNode(reason: "\(member.address) is not an address to connect to.")
        }
        return HTTPStorageNode(
            endpoint: endpoint,
            key: member.networkKey,
            parameters: parameters,
            limits: limits
        )
    }
}
