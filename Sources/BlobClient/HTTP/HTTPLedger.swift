package import BlobModel
internal import Codec
package import Ledger
internal import Synchronization
package import Transport

/// A ledger elsewhere, spoken to over HTTP (`Docs/Formats/ledger-api.md`).
///
/// The genesis is the root of trust: it hashes to the network id that the user was given, and
/// names the key that the ledger's TLS certificate must have. Several endpoints are replicas of one
/// ledger: requests go to the one that answered last, and to the next when it can not be reached.
package final class HTTPLedger: LedgerConnection {
    private let clients: [HTTPClient]
    private let knownGenesis: Genesis
    private let network: NetworkID
    // Guards which endpoint answered last.
    private let preferred = Mutex(0)

    /// Speaks to the ledger of a network whose genesis is known.
    ///
    /// - Precondition: There is an endpoint.
    package init(
        genesis: Genesis,
        endpoints: [Endpoint],
        limits: ClientLimits = ClientLimits()
    ) {
        precondition(!endpoints.isEmpty)
        knownGenesis = genesis
        network = genesis.networkID
        clients = endpoints.map { endpoint in
            let authentication: PeerAuthentication =
                if case .unix = endpoint { .plain } else { .pinned(genesis.ledgerNetworkKey) }
            return HTTPClient(endpoint: endpoint, authentication: authentication, limits: limits)
        }
    }

    /// Fetches the genesis of `network` from any of its ledger's endpoints.
    ///
    /// Whoever answers need not be trusted, as the hash says whether the genesis is the right one.
    /// Without a network id anything is taken: show its fingerprint to the user before using it.
    package static func fetchGenesis(
        of network: NetworkID?,
        from endpoints: [Endpoint]
    ) async throws(LedgerError) -> Genesis {
        var failure = LedgerError.unavailable("No endpoint was given.")
        for endpoint in endpoints {
            let authentication: PeerAuthentication =
                if case .unix = endpoint { .plain } else { .anyKey }
            let client = HTTPClient(endpoint: endpoint, authentication: authentication)
            defer { client.shutdown() }
            do {
                let response = try await client.send(
                    ClientRequest(.get, ["v1", "genesis"]),
                    responseLimit: LedgerWire.genesisMax
                )
                guard response.isSuccess else { throw LedgerError(refusal: response) }
                let genesis = try decode(Genesis.self, response.body)
                guard network == nil || genesis.networkID == network else {
                    throw LedgerError.notThisLedger(
                        "\(endpoint) serves the network \(genesis.networkID)."
                    )
                }
                return genesis
            } catch let error as LedgerError {
                failure = error
            } catch let error as TransportError {
                failure = LedgerError(error, from: endpoint, isSubmission: false)
            } catch {
                failure = .unavailable("\(endpoint): \(error)")
            }
        }
        throw failure
    }

    package func genesis() async throws(LedgerError) -> Genesis { knownGenesis }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        let bytes = try await send(
            ClientRequest(.get, ["v1", "ledger", "head"]),
            limit: LedgerWire.genesisMax
        )
        let header = try Self.reading(bytes) { (reader) throws(CodecError) in
            try reader.readOptional(SignedBlockHeader.self)
        }
        if let header { try check(header) }
        return header
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        // The same bytes again take effect once, so a broken connection may be tried again.
        let request = ClientRequest(
            .post,
            ["v1", "transactions"],
            body: transaction.bcsBytes,
            isIdempotent: true
        )
        let bytes = try await send(request, limit: LedgerWire.answerMax, isSubmission: true)
        let result = try Self.decode(TransactionResult.self, bytes)
        guard result.digest == transaction.digest else {
            throw .notThisLedger("The result is another transaction's.")
        }
        return result
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try await blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds, nil)
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block] {
        try await blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds, claim)
    }

    private func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        _ claim: SignedMessage?
    ) async throws(LedgerError) -> [Block] {
        let count = min(max(limit, 1), LedgerWire.blocksMax)
        let wait = min(waitMilliseconds, LedgerWire.waitMillisecondsMax)
        var parameters: [QueryString.Item] = [
            .init("from", String(height)), .init("limit", String(count)),
            .init("wait", String(wait)),
        ]
        if let claim {
            let text = Base64.encodeURLSafe(claim.bcsBytes)
            parameters.append(.init(LedgerWire.claimParameter, text))
        }
        let query = QueryString(parameters)
        let bytes = try await send(
            ClientRequest(.get, ["v1", "ledger", "blocks"], query: query),
            limit: LedgerWire.answerMax,
            extraMilliseconds: wait
        )
        let items: [[UInt8]]
        do throws(CodecError) {
            items = try BlockList.decode(bytes, limit: count)
        } catch {
            throw .notThisLedger("The answer is not in BCS: \(error).")
        }
        var blocks: [Block] = []
        for (index, item) in items.enumerated() {
            let block = try Self.decode(Block.self, item)
            guard block.height == height + UInt64(index), block.isConsistent else {
                throw .notThisLedger("Block \(height + UInt64(index)) is damaged.")
            }
            try check(block.signedHeader)
            blocks.append(block)
        }
        return blocks
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        let request = ClientRequest(
            .post,
            ["v1", "ledger", "query"],
            body: query.bcsBytes,
            isIdempotent: true
        )
        return try Self.decode(
            LedgerAnswer.self,
            try await send(request, limit: LedgerWire.answerMax)
        )
    }

    package func obstacle() async throws(LedgerError) -> String? {
        let bytes = try await send(
            ClientRequest(.get, ["v1", "health"]),
            limit: LedgerWire.healthMax
        )
        do {
            return try JSON.decode(SuccessEnvelope<WireLedgerFault>.self, from: bytes).data.fault
        } catch {
            throw .notThisLedger("The ledger's health makes no sense: \(error).")
        }
    }

    /// Closes kept connections; requests in progress finish.
    package func shutdown() { for client in clients { client.shutdown() } }

    private func check(_ header: SignedBlockHeader) throws(LedgerError) {
        guard header.header.network == network,
            header.header.producer == knownGenesis.blockKey, header.isSigned
        else {
            throw .notThisLedger("Block \(header.header.height) is not signed by this ledger.")
        }
    }

    // MARK: Requests

    private func send(
        _ request: ClientRequest,
        limit: Int,
        isSubmission: Bool = false,
        extraMilliseconds: UInt64 = 0
    ) async throws(LedgerError) -> [UInt8] {
        let first = preferred.withLock { $0 }
        var failure = LedgerError.unavailable("No endpoint answered.")
        for offset in clients.indices {
            let index = (first + offset) % clients.count
            let client = clients[index]
            do {
                let response = try await client.send(
                    request,
                    responseLimit: limit,
                    timeout: client.limits.requestTimeout
                        + .milliseconds(Int64(clamping: extraMilliseconds))
                )
                preferred.withLock { $0 = index }
                guard response.isSuccess else { throw LedgerError(refusal: response) }
                return response.body
            } catch let error as LedgerError {
                guard case .unavailable = error else { throw error }
                failure = error
            } catch let error as TransportError {
                failure = LedgerError(error, from: client.endpoint, isSubmission: isSubmission)
                guard case .unavailable = failure else { throw failure }
            } catch {
                failure = .unavailable("\(client.endpoint): \(error)")
            }
        }
        throw failure
    }

    private static func decode<Value: BCSDecodable>(
        _ type: Value.Type,
        _ bytes: [UInt8]
    ) throws(LedgerError) -> Value {
        do {
            return try Value(bcsBytes: bytes)
        } catch {
            throw .notThisLedger("The answer is no \(type): \(error).")
        }
    }

    private static func reading<Value>(
        _ bytes: [UInt8],
        _ read: (inout ByteReader) throws(CodecError) -> Value
    ) throws(LedgerError) -> Value {
        do {
            var reader = ByteReader(bytes)
            let value = try read(&reader)
            try reader.finish()
            return value
        } catch {
            throw .notThisLedger("The answer is not in BCS: \(error).")
        }
    }
}

extension LedgerError {
    init(_ error: TransportError, from endpoint: Endpoint, isSubmission: Bool) {
        switch error {
        case .cancelled where !isSubmission: self = .cancelled
        case .wrongKey: self = .notThisLedger("\(endpoint): \(error)")
        case let error where isSubmission && error.mayHaveTakenEffect:
            self = .outcomeUnknown("\(endpoint): \(error)")
        case .tooLarge, .malformed: self = .notThisLedger("\(endpoint): \(error)")
        default: self = .unavailable("\(endpoint): \(error)")
        }
    }

    /// What the ledger itself said, if the refusal carries it.
    init(refusal response: ClientResponse) {
        let refusal = APIError(code: response.code, body: response.body)
        // Anything that is no ledger's error is told by its code.
        if let text = refusal.metadata[LedgerWire.errorMember],
            let bytes = try? Base64.decodeStandard(text),
            let error = try? LedgerError(bcsBytes: bytes)
        {
            self = error
        } else if response.code >= 500 || response.code == 429 {
            self = .unavailable(refusal.description)
        } else {
            self = .notThisLedger(refusal.description)
        }
    }
}
