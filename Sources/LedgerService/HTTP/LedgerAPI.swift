internal import BlobModel
internal import Codec
package import Ledger
package import Transport

/// The routes of a ledger (`Docs/Formats/ledger-api.md`), over any way to it.
package struct LedgerAPI: Sendable {
    private let ledger: any LedgerConnection
    /// The ledger itself, where it is in this process.
    private let host: LedgerHost?
    /// Who says how far it is, with each request for blocks.
    private let followers: LedgerFollowers?

    package init(_ ledger: any LedgerConnection) {
        self.ledger = ledger
        host = nil
        followers = nil
    }

    package init(_ host: LedgerHost, followers: LedgerFollowers?) {
        ledger = host
        self.host = host
        self.followers = followers
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
        try await hear(request.query[LedgerWire.followerParameter], from)
        let blocks = try await ledger.blocks(
            from: from,
            limit: Int(limit),
            waitMilliseconds: min(wait, LedgerWire.waitMillisecondsMax)
        )
        var items: [[UInt8]] = []
        var size = 0
        for block in blocks {
            guard items.isEmpty || size < LedgerWire.blockBytesMax else { break }
            let bytes = block.bcsBytes
            size += bytes.count
            items.append(bytes)
        }
        var writer = ByteWriter(reserving: size + 5 * items.count + 5)
        writer.write(length: items.count)
        for item in items { writer.write(bytes: item) }
        return .binary(writer.bytes)
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

    /// Remembers who has the blocks before `from`, if it is a node that is registered.
    private func hear(_ text: String?, _ from: UInt64) async throws {
        guard let followers, let text else { return }
        // Whatever is wrong with it, it is nobody's name.
        guard text.hasPrefix("0x"), let bytes = try? Hex.decode(String(text.dropFirst(2))),
            bytes.count == 32
        else { throw Self.malformed("The follower is no node's id.") }
        let node = NodeID(bytes: bytes)
        guard try await ledger.node(node) != nil else { return }
        followers.heard(node, has: from - 1)
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
        return try .success(
            Health(
                network: info.network.description,
                incarnation: info.incarnation,
                height: info.head.height,
                epoch: info.epoch,
                blockTime: info.milliseconds,
                isReady: host?.fault == nil,
                fault: host?.fault,
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
