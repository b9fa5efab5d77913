package import Ledger
package import SystemIO

/// A ledger that may be away for a moment: what it did not answer is asked again for so long.
///
/// For commands, which run once. Who goes on by itself (a node, a mount) is better told at once.
package struct PatientLedger: LedgerConnection {
    private static let pauseMin = Duration.milliseconds(100)
    private static let pauseMax = Duration.seconds(1)

    private let ledger: any LedgerConnection
    private let patience: Duration
    private let time: any TimeSource

    package init(_ ledger: any LedgerConnection, patience: Duration, time: any TimeSource) {
        self.ledger = ledger
        self.patience = patience
        self.time = time
    }

    /// Repeats a question that is answered alike each time, while the ledger is away.
    package static func ask<Answer: Sendable>(
        patience: Duration,
        _ time: any TimeSource,
        _ body: () async throws(LedgerError) -> Answer
    ) async throws(LedgerError) -> Answer {
        let end = time.uptime + patience
        var pause = pauseMin
        while true {
            do throws(LedgerError) {
                return try await body()
            } catch {
                let isAway =
                    switch error {
                    case .unavailable, .outcomeUnknown: true
                    default: false
                    }
                guard isAway, time.uptime + pause <= end else { throw error }
                do {
                    try await time.sleep(for: pause)
                } catch {
                    throw .cancelled
                }
                pause = min(pause * 2, pauseMax)
            }
        }
    }

    package func genesis() async throws(LedgerError) -> Genesis {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.genesis()
        }
    }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.head()
        }
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.submit(transaction)
        }
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds)
        }
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.query(query)
        }
    }
    package func obstacle() async throws(LedgerError) -> String? {
        try await Self.ask(patience: patience, time) { () throws(LedgerError) in
            try await ledger.obstacle()
        }
    }
}
