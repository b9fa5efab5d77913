internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Logging
internal import Synchronization
internal import Testing
internal import Transport

private func key(_ byte: UInt8) -> SigningKey {
    SigningKey(seed: [UInt8](repeating: byte, count: 32))
}

/// A ledger that answers what it was told to.
private final class FakeLedger: LedgerConnection {
    struct State {
        var failure: LedgerError?
        var head: SignedBlockHeader?
        var blocks: [Block] = []
        var submitted: [SignedTransaction] = []
        var queries: [LedgerQuery] = []
        var answer = LedgerAnswer.balance(0)
        var waits: [UInt64] = []
        var claims: [SignedMessage] = []
        /// Answers with the result of another transaction.
        var lies = false
    }

    // Guards all of it; tests look while the server's tasks write.
    let state = Mutex(State())
    let known: Genesis

    init(_ genesis: Genesis) { known = genesis }

    private func with<Value>(
        _ body: (inout State) -> Value
    ) throws(LedgerError) -> Value {
        try state.withLock { (state) throws(LedgerError) in
            if let failure = state.failure { throw failure }
            return body(&state)
        }
    }

    func genesis() async throws(LedgerError) -> Genesis { try with { _ in known } }

    func head() async throws(LedgerError) -> SignedBlockHeader? { try with { $0.head } }

    func submit(_ transaction: SignedTransaction) async throws(LedgerError) -> TransactionResult {
        try with { state in
            state.submitted.append(transaction)
            return TransactionResult(
                digest: state.lies
                    ? TransactionDigest(bytes: [UInt8](repeating: 0, count: 32))
                    : transaction.digest,
                height: 7,
                milliseconds: 8,
                outcome: .succeeded([.done])
            )
        }
    }

    func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try with { state in
            state.waits.append(waitMilliseconds)
            return Array(state.blocks.dropFirst(Int(height) - 1).prefix(limit))
        }
    }

    func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block] {
        try with { $0.claims.append(claim) }
        return try await blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds)
    }

    func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try with { state in
            state.queries.append(query)
            return state.answer
        }
    }
}

private struct ServedLedger {
    let ledger: FakeLedger
    let remote: HTTPLedger
    let http: HTTPClient
    let genesis: Genesis

    static func makeGenesis(name: String = "test") throws -> Genesis {
        try Genesis(
            name: name,
            salt: [UInt8](repeating: 3, count: 32),
            startMilliseconds: 1,
            ledgerNetworkKey: key(1).publicKey,
            blockKey: key(2).publicKey,
            administrator: Address(of: key(3).publicKey),
            rules: GenesisRules(),
            nodes: [
                GenesisNode(
                    name: "node-00",
                    account: Address(of: key(4).publicKey),
                    protocolKey: key(5).publicKey,
                    networkKey: key(6).publicKey,
                    address: "https://127.0.0.1:1",
                    stake: 0,
                    shards: [0, 1, 2, 3]
                )
            ],
            accounts: []
        )
    }

    static func with(_ body: (ServedLedger) async throws -> Void) async throws {
        let genesis = try makeGenesis()
        let ledger = FakeLedger(genesis)
        try await HTTPServer.serve(
            Router(LedgerAPI(ledger).routes),
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: key(1)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            let served = ServedLedger(
                ledger: ledger,
                remote: HTTPLedger(genesis: genesis, endpoints: [address]),
                http: HTTPClient(endpoint: address, authentication: .anyKey),
                genesis: genesis
            )
            try await body(served)
            served.remote.shutdown()
            served.http.shutdown()
        }
    }

    func transaction() -> SignedTransaction {
        Transaction(
            network: genesis.networkID,
            incarnation: 1,
            sender: Address(of: key(9).publicKey),
            salt: [UInt8](repeating: 1, count: 16),
            validUntilEpoch: 5,
            validUntilMilliseconds: 6,
            feeMax: 7,
            commands: [.transfer(to: Address(of: key(8).publicKey), amount: 9)]
        ).signed(by: key(9))
    }

    func block(_ height: UInt64, producer: UInt8 = 2) -> Block {
        let header = BlockHeader(
            network: genesis.networkID,
            incarnation: 1,
            height: height,
            logIndex: height,
            parent: BlockHash(bytes: [UInt8](repeating: 0, count: 32)),
            milliseconds: height,
            protocolVersion: 1,
            transactionRoot: LedgerRoot.root(of: [SignedTransaction]()),
            effectsRoot: LedgerRoot.root(of: [TransactionEffects]()),
            producer: key(producer).publicKey
        )
        return Block(
            signedHeader: SignedBlockHeader(signing: header, with: key(producer)),
            transactions: [],
            effects: []
        )
    }

    func raw(_ request: ClientRequest) async throws -> APIError? {
        let response = try await http.send(request, responseLimit: 1 << 20)
        return response.isSuccess ? nil : APIError(code: response.code, body: response.body)
    }
}

@Suite struct LedgerAPITests {
    @Test func theGenesisIsTakenByItsHashOnly() async throws {
        try await ServedLedger.with { served in
            let endpoints = [served.http.endpoint]
            let id = served.genesis.networkID
            for network in [nil, id] {
                let genesis = try await HTTPLedger.fetchGenesis(of: network, from: endpoints)
                #expect(genesis == served.genesis)
            }
            let other = try ServedLedger.makeGenesis(name: "other").networkID
            await #expect(
                throws: LedgerError.notThisLedger("\(endpoints[0]) serves the network \(id).")
            ) {
                try await HTTPLedger.fetchGenesis(of: other, from: endpoints)
            }
        }
    }

    @Test func aGenesisComesFromTheEndpointThatAnswers() async throws {
        try await ServedLedger.with { served in
            let genesis = try await HTTPLedger.fetchGenesis(
                of: served.genesis.networkID,
                from: [.tcp(host: "127.0.0.1", port: 1), served.http.endpoint]
            )
            #expect(genesis == served.genesis)
            let remote = HTTPLedger(
                genesis: genesis,
                endpoints: [.tcp(host: "127.0.0.1", port: 1), served.http.endpoint]
            )
            let head = try await remote.head()
            #expect(head == nil)
            remote.shutdown()
        }
    }

    @Test func transactionsAndResultsGoThereAndBack() async throws {
        try await ServedLedger.with { served in
            let transaction = served.transaction()
            let result = try await served.remote.submit(transaction)
            #expect(result.digest == transaction.digest)
            #expect(result.height == 7)
            #expect(result.outcome == .succeeded([.done]))
            #expect(served.ledger.state.withLock { $0.submitted } == [transaction])
        }
    }

    @Test func queriesAndAnswersGoThereAndBack() async throws {
        try await ServedLedger.with { served in
            served.ledger.state.withLock { $0.answer = .balance(12) }
            let query = LedgerQuery.balance(Address(of: key(9).publicKey))
            let answer = try await served.remote.query(query)
            #expect(answer == .balance(12))
            #expect(served.ledger.state.withLock { $0.queries } == [query])
        }
    }

    @Test func blocksGoThereAndBackAndWait() async throws {
        try await ServedLedger.with { served in
            let blocks = (1...5).map { served.block($0) }
            served.ledger.state.withLock {
                $0.blocks = blocks
                $0.head = blocks[4].signedHeader
            }
            let some = try await served.remote.blocks(from: 2, limit: 3, waitMilliseconds: 99)
            #expect(some == Array(blocks[1...3]))
            let none = try await served.remote.blocks(
                from: 6,
                limit: 1000,
                waitMilliseconds: 1 << 40
            )
            #expect(none.isEmpty)
            let head = try await served.remote.head()
            #expect(head == blocks[4].signedHeader)
            #expect(served.ledger.state.withLock { $0.waits } == [99, 30_000])
        }
    }

    @Test func claimsGoThere() async throws {
        try await ServedLedger.with { served in
            let block = served.block(1)
            served.ledger.state.withLock { $0.blocks = [block] }
            let domain = SigningDomain(network: served.genesis.networkID, incarnation: 0)
            let claims = [nil, block.signedHeader].map { newest in
                FollowerClaim(
                    node: NodeID(bytes: [UInt8](repeating: 4, count: 32)),
                    newest: newest
                ).signed(by: key(5), in: domain)
            }
            for claim in claims {
                let blocks = try await served.remote.blocks(
                    from: 1,
                    limit: 9,
                    waitMilliseconds: 0,
                    claim: claim
                )
                #expect(blocks == [block])
            }
            #expect(served.ledger.state.withLock { $0.claims } == claims)
            // Room for the longest there is.
            let text = Base64.encodeURLSafe(claims[1].bcsBytes)
            #expect(text.count < LedgerWire.claimMax)
            for wrong in ["", "AA", text + "A", String(repeating: "A", count: 2000)] {
                let refusal = try await served.raw(
                    ClientRequest(
                        .get,
                        ["v1", "ledger", "blocks"],
                        query: QueryString([.init("from", "1"), .init("claim", wrong)])
                    )
                )
                #expect(refusal?.code == 400, "\(wrong)")
                #expect(refusal?.reason == "MALFORMED_REQUEST")
            }
            #expect(served.ledger.state.withLock { $0.claims.count } == 2)
        }
    }

    @Test func aLedgerThatLiesIsFoundOut() async throws {
        try await ServedLedger.with { served in
            let forged = served.block(1, producer: 7)
            served.ledger.state.withLock {
                $0.blocks = [forged]
                $0.head = forged.signedHeader
                $0.lies = true
            }
            let remote = served.remote
            await expectWrongLedger {
                _ = try await remote.blocks(from: 1, limit: 1, waitMilliseconds: 0)
            }
            await expectWrongLedger { _ = try await remote.head() }
            await expectWrongLedger { _ = try await remote.submit(served.transaction()) }
            served.ledger.state.withLock { $0.blocks = [served.block(1), served.block(3)] }
            await expectWrongLedger {
                _ = try await remote.blocks(from: 1, limit: 2, waitMilliseconds: 0)
            }
            let impostor = HTTPLedger(
                genesis: try Genesis(
                    name: "test",
                    salt: served.genesis.salt,
                    startMilliseconds: 1,
                    ledgerNetworkKey: key(77).publicKey,
                    blockKey: key(2).publicKey,
                    administrator: served.genesis.administrator,
                    rules: served.genesis.rules,
                    nodes: served.genesis.nodes,
                    accounts: []
                ),
                endpoints: [served.http.endpoint]
            )
            await expectWrongLedger { _ = try await impostor.query(.info) }
        }
    }

    private func expectWrongLedger(_ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("Believed.")
        } catch {
            guard case .notThisLedger = error as? LedgerError else {
                Issue.record("Not found out: \(error)")
                return
            }
        }
    }

    @Test(arguments: [
        (LedgerError.unavailable("no"), 503), (.outcomeUnknown("?"), 504),
        (.rejected(.badSignature), 400), (.rejected(.feeTooLow(required: 5)), 400),
        (.executionFailed(command: 3, .insufficientBalance(needed: 2, available: 1)), 400),
        (.behind(height: 9), 404),
        (.notThisLedger("x"), 400),
    ])
    func everyErrorGoesThereAndBack(error: LedgerError, code: Int) async throws {
        try await ServedLedger.with { served in
            served.ledger.state.withLock { $0.failure = error }
            let remote = served.remote
            await #expect(throws: error) { try await remote.submit(served.transaction()) }
            await #expect(throws: error) { try await remote.query(.info) }
            await #expect(throws: error) {
                try await remote.blocks(from: 1, limit: 1, waitMilliseconds: 0)
            }
            await #expect(throws: error) { try await remote.head() }
            let refusal = try await served.raw(ClientRequest(.get, ["v1", "ledger", "head"]))
            #expect(refusal?.code == code)
        }
    }

    @Test func whatIsNotInOrderIsRefused() async throws {
        try await ServedLedger.with { served in
            let good = served.transaction().bcsBytes
            for body in [
                [], Array(good.dropLast()), good + [0], [UInt8](repeating: 255, count: 99),
            ] {
                let refusal = try await served.raw(
                    ClientRequest(.post, ["v1", "transactions"], body: body)
                )
                #expect(refusal?.code == 400)
                #expect(refusal?.reason == "MALFORMED_REQUEST")
                let other = try await served.raw(
                    ClientRequest(.post, ["v1", "ledger", "query"], body: [0xFF] + body)
                )
                #expect(other?.code == 400 || other?.code == 413)
            }
            let huge = try await served.raw(
                ClientRequest(
                    .post,
                    ["v1", "transactions"],
                    body: [UInt8](repeating: 0, count: Transaction.lengthMax + 1)
                )
            )
            #expect(huge?.code == 413)
            for items in [
                [], [QueryString.Item("from", "0")], [.init("from", "x")],
                [.init("from", "1"), .init("limit", "0")],
                [.init("from", "1"), .init("limit", "257")],
                [.init("from", "1"), .init("wait", "-1")],
            ] {
                let refusal = try await served.raw(
                    ClientRequest(
                        .get,
                        ["v1", "ledger", "blocks"],
                        query: QueryString(items)
                    )
                )
                #expect(refusal?.reason == "MALFORMED_REQUEST")
            }
            #expect(served.ledger.state.withLock { $0.submitted.isEmpty })
        }
    }

    @Test func aBrokenSubmissionIsNeverCalledUnsent() async throws {
        let genesis = try ServedLedger.makeGenesis()
        let arrivals = Mutex(0)
        let (ends, end) = AsyncStream<Void>.makeStream()
        let slow = Router([
            Route(.post, "/v1/transactions") { request in
                _ = try await request.body.collect(upTo: 1 << 20)
                arrivals.withLock { $0 += 1 }
                // Longer than any client waits.
                for await _ in ends {}
                return .binary([])
            }
        ])
        try await HTTPServer.serve(
            slow,
            at: .tcp(host: "127.0.0.1", port: 0),
            identity: try TLSIdentity(key: key(1)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { address in
            defer { end.finish() }
            let transaction = Transaction(
                network: genesis.networkID,
                incarnation: 1,
                sender: Address(of: key(9).publicKey),
                salt: [UInt8](repeating: 1, count: 16),
                validUntilEpoch: 5,
                validUntilMilliseconds: 6,
                feeMax: 7,
                commands: [.advanceEpoch(from: 0)]
            ).signed(by: key(9))
            var limits = ClientLimits()
            limits.requestTimeout = .milliseconds(300)
            // A busy machine gets more time until the transaction has arrived.
            while arrivals.withLock({ $0 }) == 0 {
                let remote = HTTPLedger(genesis: genesis, endpoints: [address], limits: limits)
                defer { remote.shutdown() }
                limits.requestTimeout *= 2
                do {
                    _ = try await remote.submit(transaction)
                    Issue.record("Nobody answered.")
                } catch {
                    if case .outcomeUnknown = error as? LedgerError { continue }
                    #expect(arrivals.withLock { $0 } == 0, "Not unknown: \(error)")
                }
            }
        }
    }
}
