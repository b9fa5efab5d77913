// The host of a ledger: takes transactions, makes blocks of those that wait, keeps them, and
// answers. The rules are in `Ledger`; here is only order, durability and waiting.
//
//     submit ─► queue ─► batch ─► execute ─► one SQLite transaction ─► sink ─► replies
//
// There is no task of its own: of the callers that wait, one leads. It carries batches through
// until its own is done, and hands the lead to the first that waits then.

internal import BlobModel
package import Ledger
internal import Synchronization
package import SystemIO

/// Keeps blocks somewhere else too, before their transactions are acknowledged.
///
/// An embedded network stores each block in f + 1 node directories, so that losing the ledger's
/// loses nothing that was acknowledged. A daemon has no sink: its nodes follow.
package protocol BlockSink: Sendable {
    /// Returns when the block is durable in enough places. The same block may come again.
    func store(_ block: Block) async throws
}

/// A ledger in this process, over an engine.
package final class LedgerHost: LedgerConnection {
    /// Callers beyond this many are turned away.
    static let waitingMax = 4096
    /// A block's transactions have no more bytes than this together, unless it has only one.
    static let blockBytesMax = 1 << 19
    private static let blocksMax = 256
    private static let answerBytesMax = 4 << 20
    /// The longest that a poll waits.
    static let waitMillisecondsMax: UInt64 = 60_000

    let engine: Confined<any LedgerEngine>
    let key: SigningKey
    let time: any TimeSource
    let sink: (any BlockSink)?
    /// Who says how far it is, where somebody follows over a network.
    package let followers: LedgerFollowers?
    let fixed: Genesis
    // Guards who waits, and how far the chain is; held for no I/O.
    let state: Mutex<HostState>
    let counters = HostCounters()

    /// Hosts `engine`, whose one user this is from now on.
    ///
    /// - Precondition: `key` is the block key of `genesis`, and `tip` the engine's.
    init(
        engine: Confined<any LedgerEngine>,
        genesis: Genesis,
        tip: ChainTip,
        key: SigningKey,
        time: any TimeSource,
        sink: (any BlockSink)?,
        followers: LedgerFollowers?
    ) {
        precondition(genesis.blockKey == key.publicKey)
        fixed = genesis
        state = Mutex(HostState(tip: tip))
        self.engine = engine
        self.key = key
        self.time = time
        self.sink = sink
        self.followers = followers
    }

    package func genesis() async throws(LedgerError) -> Genesis { fixed }

    /// Lets go of the directory, which whoever opens it next finds free.
    ///
    /// What is asked later fails.
    package func close() async {
        await engine.replace { engine in ClosedLedger(genesis: engine.genesis, tip: engine.tip) }
    }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        try await onEngine { engine throws(LedgerStoreError) in
            let height = engine.tip.reference.height
            guard height > 0 else { return nil }
            return try engine.blocks(from: height, limit: 1, bytesMax: .max).first?.signedHeader
        }
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try await onEngine { engine throws(LedgerStoreError) in
            if case .result(let digest) = query {
                return .result(try engine.result(of: digest))
            }
            do throws(StateError) {
                return try Self.answer(query, engine)
            } catch {
                throw .failed("\(error)")
            }
        }
    }

    private static func answer(
        _ query: LedgerQuery,
        _ engine: some LedgerEngine
    ) throws(StateError) -> LedgerAnswer {
        try LedgerState.answer(query, at: engine.tip, from: engine)
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        let height = max(height, 1)
        let limit = min(limit, Self.blocksMax)
        let deadline = min(waitMilliseconds, Self.waitMillisecondsMax)
        guard limit > 0 else { return [] }
        while true {
            let tip = state.withLock { $0.tip.reference.height }
            guard height <= tip + 1 else {
                state.withLock { $0.claimed = max($0.claimed, height - 1) }
                throw .behind(height: tip)
            }
            if height <= tip {
                return try await onEngine { engine throws(LedgerStoreError) in
                    try engine.blocks(
                        from: height,
                        limit: limit,
                        bytesMax: Self.answerBytesMax
                    )
                }
            }
            guard deadline > 0, await waitForBlock(after: tip, milliseconds: deadline) else {
                return []
            }
        }
    }

    /// Settles the next epoch in the middle of this one, and ends this one when its time has
    /// come; what a daemon calls from time to time.
    ///
    /// Returns whether the epoch ended. Does nothing while shards are on their way, or in a network
    /// whose epochs have no duration.
    package func advanceEpochIfDue(entropy: some Entropy) async throws(LedgerError) -> Bool {
        let info = try await info()
        let duration = info.rules.epochDurationMilliseconds
        let now = max(time.nowMilliseconds, info.milliseconds)
        let start = info.epochStartMilliseconds
        guard duration > 0, now >= start, now - start >= duration / 2 else { return false }
        let state = try await epochState()
        guard state.change == nil, state.committee.epoch == info.epoch else { return false }
        let isOver = now - start >= duration
        guard isOver || state.selection == nil else { return false }
        let command: Command =
            isOver ? .advanceEpoch(from: info.epoch) : .selectCommittee(from: info.epoch)
        let transaction = Transaction(
            network: info.network,
            incarnation: info.incarnation,
            sender: Address(of: key.publicKey),
            salt: entropy.bytes(count: 16),
            validUntilEpoch: info.epoch,
            validUntilMilliseconds: now + 60_000,
            feeMax: info.rules.transactionFee,
            commands: [command]
        )
        _ = try await execute(transaction.signed(by: key))
        return isOver
    }

    func onEngine<Result: Sendable>(
        _ body: @escaping @Sendable (any LedgerEngine) throws(LedgerStoreError) -> Result
    ) async throws(LedgerError) -> Result {
        do throws(LedgerStoreError) {
            return try await engine.run { engine throws(LedgerStoreError) in try body(engine) }
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
