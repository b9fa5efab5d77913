package import BlobModel
internal import Codec
package import Ledger
internal import Synchronization
package import SystemIO

/// Makes, signs and sends transactions of one account, each of them once.
///
/// The signed bytes are in the journal before they are sent. When the connection breaks the same
/// bytes are sent again; when the process dies, the next one that wants the same thing does so.
package struct TransactionSender: Sendable {
    package let ledger: any LedgerConnection
    private let account: SigningKey
    private let journal: any TransactionJournal
    private let time: any TimeSource
    private let entropy: any Entropy
    private let known = KnownInfo()

    /// A transaction may be included for ten minutes: longer than any retry here, and short
    /// enough that a lost one does not come back tomorrow.
    private static let validityMilliseconds: UInt64 = 600_000
    /// Time is what ends a transaction's validity; epochs may follow each other within seconds.
    private static let validityEpochs: UInt64 = 1000
    /// Pauses between attempts; after the last the caller hears that the ledger is not there.
    private static let pauses: [Duration] = [
        .milliseconds(100), .milliseconds(400), .seconds(1), .seconds(3), .seconds(8),
    ]

    package init(
        ledger: any LedgerConnection,
        account: SigningKey,
        journal: any TransactionJournal,
        time: any TimeSource,
        entropy: any Entropy
    ) {
        self.ledger = ledger
        self.account = account
        self.journal = journal
        self.time = time
        self.entropy = entropy
    }

    /// The account that pays.
    package var address: Address { Address(of: account.publicKey) }

    /// A transaction whose outcome is known.
    package struct Receipt: Sendable {
        package let transaction: SignedTransaction
        package let results: [CommandResult]
        package let height: UInt64
    }

    /// Has `commands` executed once under `label`.
    ///
    /// When the journal holds a transaction of this label, that one is sent and not a new one, so
    /// a label must say exactly what its commands do. An expired one that was never included is
    /// thrown away first.
    package func execute(
        _ commands: [Command],
        label: String
    ) async throws(LedgerError) -> Receipt {
        if let saved = try await load(label) {
            do throws(LedgerError) {
                return try await finish(saved, label: label)
            } catch {
                guard case .rejected(.expired) = error else { throw error }
            }
        }
        let transaction = try await make(commands)
        do {
            try await journal.save(transaction.bcsBytes, as: label)
        } catch {
            throw .unavailable("The transaction could not be written down: \(error)")
        }
        return try await finish(transaction, label: label)
    }

    /// Has `commands` executed at most once, without a journal: for what is repeated harmlessly.
    package func executeVolatile(_ commands: [Command]) async throws(LedgerError) -> Receipt {
        let transaction = try await make(commands)
        do throws(LedgerError) {
            return try await submit(transaction)
        } catch {
            if case .rejected = error { known.clear() }
            throw error
        }
    }

    private func load(_ label: String) async throws(LedgerError) -> SignedTransaction? {
        do {
            guard let bytes = try await journal.load(label) else { return nil }
            // What does not parse was written by another version, and can not be sent again.
            return try? SignedTransaction(bcsBytes: bytes)
        } catch {
            throw .unavailable("The transaction journal can not be read: \(error)")
        }
    }

    private func make(_ commands: [Command]) async throws(LedgerError) -> SignedTransaction {
        let info = try await info()
        let now = max(info.milliseconds, time.nowMilliseconds)
        return Transaction(
            network: info.network,
            incarnation: info.incarnation,
            sender: address,
            salt: entropy.bytes(count: 16),
            validUntilEpoch: Epoch(clamping: UInt64(info.epoch) + Self.validityEpochs),
            validUntilMilliseconds: now + Self.validityMilliseconds,
            feeMax: info.rules.transactionFee,
            commands: commands
        ).signed(by: account)
    }

    /// What the ledger said of itself lately; asking for each transaction would cost as much as
    /// sending it.
    private func info() async throws(LedgerError) -> LedgerInfo {
        let now = time.uptime
        if let recent = known.recent(at: now) { return recent }
        let info = try await ledger.info()
        known.set(info, at: now)
        return info
    }

    /// Sends, and forgets the transaction once its outcome is known.
    private func finish(
        _ transaction: SignedTransaction,
        label: String
    ) async throws(LedgerError) -> Receipt {
        do throws(LedgerError) {
            let receipt = try await submit(transaction)
            await forget(label)
            return receipt
        } catch {
            switch error {
            case .rejected, .executionFailed:
                await forget(label)
                // It may have been made of what is no longer so: epoch, fee, incarnation.
                known.clear()
            case .unavailable, .outcomeUnknown, .behind, .notThisLedger, .cancelled: break
            }
            throw error
        }
    }

    private func forget(_ label: String) async {
        // A file that stays is sent again some day and answered with the recorded result.
        try? await journal.remove(label)
    }

    private func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> Receipt {
        var attempt = 0
        while true {
            do throws(LedgerError) {
                let (results, height) = try await ledger.execute(transaction)
                return Receipt(transaction: transaction, results: results, height: height)
            } catch {
                guard error.isTransient, attempt < Self.pauses.count else { throw error }
                do {
                    try await time.sleep(for: Self.pauses[attempt])
                } catch {
                    throw .cancelled
                }
                attempt += 1
            }
        }
    }
}

/// What a ledger said of itself, for as long as that is good enough to make transactions with.
private final class KnownInfo: Sendable {
    private static let age = Duration.seconds(10)

    // Guards the answer and when it came.
    private let answer = Mutex<(info: LedgerInfo, at: Duration)?>(nil)

    func recent(at now: Duration) -> LedgerInfo? {
        answer.withLock { answer in
            guard let answer, now - answer.at < Self.age else { return nil }
            return answer.info
        }
    }

    func set(_ info: LedgerInfo, at now: Duration) {
        answer.withLock { $0 = (info, now) }
    }

    func clear() { answer.withLock { $0 = nil } }
}
