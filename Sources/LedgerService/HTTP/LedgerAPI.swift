internal import BlobModel
internal import Codec
package import Ledger
package import Transport

/// The routes of a ledger (`Docs/Formats/ledger-api.md`), over any way to it.
package struct LedgerAPI: Sendable {
    private let ledger: any LedgerConnection
    /// The ledger itself, where it is no way to one.
    private let host: LedgerHost?
    package init(_ ledger: any LedgerConnection) {
        self.ledger = ledger
        host = ledger as? LedgerHost
    }

    package var routes: [Route] {
        [
            Route(.get, "/v1/genesis", handler: handle(genesis)),
            Route(.get, "/v1/ledger/head", handler: handle(head)),
            Route(.get, "/v1/ledger/blocks", handler: handle(blocks)),
            // Signatures are checked, and a block goes to the disk.
            Route(.post, "/v1/transactions", cost: 10, handler: handle(submit)),
            Route(.post, "/v1/ledger/query", handler: handle(query)),
            Route(.get, "/v1/health", handler: handle(health)),
            Route(.get, "/v1/ready", handler: handle(readiness)),
            Route(.get, "/v1/version") { _ in try .success(WireVersion(role: "ledger")) },
        ]
    }

    private func handle(
        _ handler: @escaping @Sendable (ServerRequest) async throws -> ServerResponse
    ) -> Route.Handler {
        { request in
            do {
                return try await handler(request)
            } catch let error as LedgerError {
                throw APIError(error)
            } catch let error as CodecError {
                throw Self.malformed("The body is not what belongs here: \(error).")
            }
        }
    }

    private static func malformed(_ message: String) -> APIError {
        APIError(.invalidArgument, reason: "MALFORMED_REQUEST", message: message)
    }

    @Sendable private func genesis(_ request: ServerRequest) async throws -> ServerResponse {
        .binary(try await ledger.genesis().bcsBytes)
    }

    @Sendable private func head(_ request: ServerRequest) async throws -> ServerResponse {
        var writer = ByteWriter()
        writer.write(optional: try await ledger.head())
        return .binary(writer.bytes)
    }

    @Sendable private func blocks(_ request: ServerRequest) async throws -> ServerResponse {
        let from = try number(request, "from", orElse: nil)
        let limit = try number(request, "limit", orElse: 64)
        let wait = try number(request, "wait", orElse: 0)
        guard from >= 1 else { throw Self.malformed("Blocks count from 1.") }
        guard (1...UInt64(LedgerWire.blocksMax)).contains(limit) else {
            throw Self.malformed("The limit may be 1 to \(LedgerWire.blocksMax).")
        }
        let blocks = try await blocks(
            from,
            Int(limit),
            min(wait, LedgerWire.waitMillisecondsMax),
            claim: try claim(request)
        )
        var items: [[UInt8]] = []
        var size = 0
        for block in blocks {
            guard items.isEmpty || size < LedgerWire.blockBytesMax else { break }
            let bytes = block.bcsBytes
            size += bytes.count
            items.append(bytes)
        }
        return .binary(BlockList.encode(items))
    }

    private func number(
        _ request: ServerRequest,
        _ name: String,
        orElse fallback: UInt64?
    ) throws -> UInt64 {
        guard let text = request.query[name] else {
            guard let fallback else { throw Self.malformed("\(name) is missing.") }
            return fallback
        }
        guard let number = UInt64(text) else {
            throw Self.malformed("\(name)=\(text) is no number.")
        }
        return number
    }

    @Sendable private func submit(_ request: ServerRequest) async throws -> ServerResponse {
        let bytes = try await request.body.collect(upTo: Transaction.lengthMax)
        let transaction = try SignedTransaction(bcsBytes: bytes)
        return .binary(try await ledger.submit(transaction).bcsBytes)
    }

    @Sendable private func query(_ request: ServerRequest) async throws -> ServerResponse {
        let bytes = try await request.body.collect(upTo: LedgerWire.queryMax)
        let query = try LedgerQuery(bcsBytes: bytes)
        return .binary(try await ledger.query(query).bcsBytes)
    }

    private func blocks(
        _ from: UInt64,
        _ limit: Int,
        _ wait: UInt64,
        claim: SignedMessage?
    ) async throws(LedgerError) -> [Block] {
        guard let claim else {
            return try await ledger.blocks(from: from, limit: limit, waitMilliseconds: wait)
        }
        return try await ledger.blocks(
            from: from,
            limit: limit,
            waitMilliseconds: wait,
            claim: claim
        )
    }

    /// What who asks says it has.
    private func claim(_ request: ServerRequest) throws -> SignedMessage? {
        guard let text = request.query[LedgerWire.claimParameter] else { return nil }
        // Whatever is wrong with it, it is nobody's claim.
        guard text.utf8.count <= LedgerWire.claimMax,
            let bytes = try? Base64.decodeURLSafe(text),
            let claim = try? SignedMessage(bcsBytes: bytes)
        else { throw Self.malformed("The claim is none.") }
        return claim
    }

    private struct Health: Encodable, Sendable {
        let network: String
        let incarnation: UInt32
        let height: UInt64
        let epoch: Epoch
        /// Milliseconds since 1970 of the newest block.
        let blockTime: UInt64
        let isReady: Bool
        let fault: String?
        /// `ahead` or `forked`: what a node has shown against this chain.
        let objection: String?
        let followers: [Follower]?
        let followersNeeded: Int?
        /// Whether the newest block was in so many nodes' logs when it was acknowledged.
        let isKept: Bool?
    }

    private struct Follower: Encodable, Sendable {
        let node: String
        let height: UInt64
    }

    @Sendable private func health(_ request: ServerRequest) async throws -> ServerResponse {
        let info = try await ledger.info()
        let objection = host?.objection
        let followers = host?.followers
        return try .success(
            Health(
                network: info.network.description,
                incarnation: info.incarnation,
                height: info.head.height,
                epoch: info.epoch,
                blockTime: info.milliseconds,
                isReady: objection == nil,
                fault: objection?.description,
                objection: objection?.kind,
                followers: followers?.all.map {
                    Follower(node: $0.node.description, height: $0.height)
                },
                followersNeeded: followers?.needed,
                isKept: followers?.isKept
            )
        )
    }

    @Sendable private func readiness(_ request: ServerRequest) async throws -> ServerResponse {
        // A ledger that can not say its own height takes no transactions either.
        _ = try await ledger.info()
        return try .readiness(obstacles: (host?.fault).map { [$0] } ?? [])
    }
}

extension APIError {
    init(_ error: LedgerError) {
        let (status, reason): (APIStatus, String) =
            switch error {
            case .rejected: (.failedPrecondition, "TRANSACTION_REJECTED")
            case .executionFailed: (.failedPrecondition, "EXECUTION_FAILED")
            case .behind: (.notFound, "BLOCK_NOT_FOUND")
            case .notThisLedger: (.failedPrecondition, "WRONG_LEDGER")
            case .unavailable, .cancelled: (.unavailable, "LEDGER_UNAVAILABLE")
            case .outcomeUnknown: (.deadlineExceeded, "OUTCOME_UNKNOWN")
            }
        self.init(
            status,
            reason: reason,
            message: "\(error)",
            metadata: [LedgerWire.errorMember: Base64.encodeStandard(error.bcsBytes)]
        )
    }
}
