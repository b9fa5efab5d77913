package import BlobModel
internal import Codec
package import Ledger
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

    /// A transaction may be included for ten minutes: longer than any retry here, and short
    /// enough that a lost one does not come back tomorrow.
    private static let validityMilliseconds: UInt64 = 600_000
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
        try await submit(try await make(commands))
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
        let info = try await ledger.info()
        let now = max(info.milliseconds, time.nowMilliseconds)
        return Transaction(
            network: info.network,
            incarnation: info.incarnation,
            sender: address,
            salt: entropy.bytes(count: 16),
            validUntilEpoch: info.epoch &+ 1,
            validUntilMilliseconds: now + Self.validityMilliseconds,
            feeMax: info.rules.transactionFee,
            commands: commands
        ).signed(by: account)
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
            case .rejected, .executionFailed: await forget(label)
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
