package import BlobModel
package import Ledger

/// The way from one service to another in a simulated world.
private struct SimulatedRoute<Target: Sendable>: Sendable {
    let calls: SimulatedCalls
    let sender: SimulatedLife
    let name: String
    let target: @Sendable () -> (life: SimulatedLife, target: Target)?
    /// As long as the HTTP client waits for an answer, in nanoseconds.
    private let timeout: UInt64 = 10_000_000_000

    /// Asks, and waits `patience` longer than an answer takes at most.
    func ask<Answer: Sendable, Failure: Error>(
        _ what: String,
        patience: Duration,
        _ question: @escaping @Sendable (Target) async throws(Failure) -> Answer
    ) async -> Result<Result<Answer, Failure>, SimulatedCallFailure> {
        await calls.call(
            from: sender,
            to: target,
            named: name,
            what,
            timeout: timeout + UInt64(patience / .nanoseconds(1))
        ) { target -> Result<Answer, Failure> in
            do throws(Failure) {
                return .success(try await question(target))
            } catch {
                return .failure(error)
            }
        }
    }
}

/// A storage node in a simulated world, spoken to as over a socket: slivers come as bytes.
package struct SimulatedNodeConnection: StorageNodeConnection {
    package typealias Target =
        @Sendable () -> (life: SimulatedLife, target: any StorageNodeConnection)?

    private let route: SimulatedRoute<any StorageNodeConnection>

    package init(
        _ calls: SimulatedCalls,
        from sender: SimulatedLife,
        to name: String,
        _ target: @escaping Target
    ) {
        route = SimulatedRoute(calls: calls, sender: sender, name: name, target: target)
    }

    private func ask<Answer: Sendable>(
        _ what: String,
        patience: Duration = .zero,
        _ question:
            @escaping @Sendable (any StorageNodeConnection) async throws(NodeError) -> Answer
    ) async throws(NodeError) -> Answer {
        switch await route.ask(what, patience: patience, question) {
        case .success(let answer): return try answer.get()
        case .failure(.cancelled): throw .cancelled
        case .failure(let failure): throw .unreachable("\(route.name): \(failure)")
        }
    }

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try await ask("metadata") { (node) async throws(NodeError) in
            try await node.metadata(of: blob)
        }
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await ask("store metadata") { (node) async throws(NodeError) in
            try await node.store(metadata, height: height)
        }
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try await ask("metadata status") { (node) async throws(NodeError) in
            try await node.metadataStatus(of: blob)
        }
    }

    package func sliver(_ sliver: SliverName) async throws(NodeError) -> FetchedSliver {
        try await ask("sliver \(sliver)") { (node) async throws(NodeError) in
            switch try await node.sliver(sliver) {
            case .verified(let sliver): .bytes(sliver.sliver.dataBytes)
            case .bytes(let bytes): .bytes(bytes)
            }
        }
    }

    package func sliverBytes(
        _ sliver: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        try await ask("bytes of \(sliver)") { (node) async throws(NodeError) in
            try await node.sliverBytes(sliver, range: range, of: length)
        }
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await ask("store \(name)") { (node) async throws(NodeError) in
            try await node.store(sliver, as: name, height: height)
        }
    }

    package func sliverStatus(_ sliver: SliverName) async throws(NodeError) -> StoredStatus {
        try await ask("status of \(sliver)") { (node) async throws(NodeError) in
            try await node.sliverStatus(sliver)
        }
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        try await ask("symbols of \(blob)") { (node) async throws(NodeError) in
            try await node.recoverySymbols(of: blob, request)
        }
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        try await ask("decoding symbols") { (node) async throws(NodeError) in
            try await node.decodingSymbols(of: blob, for: targets, axis)
        }
    }

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        try await ask("confirm \(blob)", patience: patience) { (node) async throws(NodeError) in
            try await node.confirmation(
                of: blob,
                persistence: persistence,
                height: height,
                patience: patience
            )
        }
    }

    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        try await ask("attest \(blob) invalid") { (node) async throws(NodeError) in
            try await node.attestation(ofInvalid: blob, shownBy: proof)
        }
    }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        try await ask("blob status") { (node) async throws(NodeError) in
            try await node.status(of: blob)
        }
    }

    package func health() async throws(NodeError) -> NodeHealth {
        try await ask("health") { (node) async throws(NodeError) in try await node.health() }
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        try await ask("blocks") { (node) async throws(NodeError) in
            try await node.blocks(from: height, limit: limit)
        }
    }
}

extension SimulatedNodeConnection: ShardSource {
    package func shard(
        _ request: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer {
        try await ask("shard") { (node) async throws(NodeError) in
            guard let source = node as? any ShardSource else {
                throw .refused(.requestUnauthorized, "No shards move from here.")
            }
            return try await source.shard(request, from: key)
        }
    }
}

/// A ledger in a simulated world.
package struct SimulatedLedgerConnection: LedgerConnection {
    package typealias Target =
        @Sendable () -> (life: SimulatedLife, target: any LedgerConnection)?

    private let route: SimulatedRoute<any LedgerConnection>

    package init(
        _ calls: SimulatedCalls,
        from sender: SimulatedLife,
        to name: String,
        _ target: @escaping Target
    ) {
        route = SimulatedRoute(calls: calls, sender: sender, name: name, target: target)
    }

    private func ask<Answer: Sendable>(
        _ what: String,
        patience: Duration = .zero,
        isSent: Bool = false,
        _ question: @escaping @Sendable (any LedgerConnection) async throws(LedgerError) -> Answer
    ) async throws(LedgerError) -> Answer {
        switch await route.ask(what, patience: patience, question) {
        case .success(let answer): return try answer.get()
        case .failure(.timeout) where isSent: throw .outcomeUnknown("no answer")
        case .failure(.cancelled): throw .cancelled
        case .failure(let failure): throw .unavailable("\(failure)")
        }
    }

    package func genesis() async throws(LedgerError) -> Genesis {
        try await ask("genesis") { (ledger) async throws(LedgerError) in
            try await ledger.genesis()
        }
    }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        try await ask("head") { (ledger) async throws(LedgerError) in try await ledger.head() }
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        try await ask("submit \(transaction.digest)", isSent: true) {
            (ledger) async throws(LedgerError) in
            try await ledger.submit(transaction)
        }
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try await ask(
            "blocks from \(height)",
            patience: .milliseconds(Int64(clamping: waitMilliseconds))
        ) {
            (ledger) async throws(LedgerError) in
            try await ledger.blocks(
                from: height,
                limit: limit,
                waitMilliseconds: waitMilliseconds
            )
        }
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block] {
        try await ask(
            "blocks from \(height)",
            patience: .milliseconds(Int64(clamping: waitMilliseconds))
        ) {
            (ledger) async throws(LedgerError) in
            try await ledger.blocks(
                from: height,
                limit: limit,
                waitMilliseconds: waitMilliseconds,
                claim: claim
            )
        }
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try await ask("query") { (ledger) async throws(LedgerError) in
            try await ledger.query(query)
        }
    }
}
