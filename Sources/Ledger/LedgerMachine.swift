// The ledger's rules as one pure function: a state that is only read, a block's context and a
// transaction in; rows to write, events and a result out. Nothing here reads a clock, draws a
// random number, or iterates over a hash table.

internal import BlobModel
package import Codec

/// What became of a transaction that was to be included.
package enum ApplyResult: Hashable, Sendable {
    case included(TransactionEffects)
    /// It is in a block already; this is what happened then.
    case duplicate(TransactionResult)
    case rejected(RejectionReason)
}

package enum LedgerMachine {
    /// The rules that new blocks are made by.
    package static let protocolVersion: UInt32 = 2
    /// The rules that blocks are replayed by; the second version has nodes that come and go.
    package static let protocolVersions: ClosedRange<UInt32> = 1...2
    /// How many expired digests one block forgets at most.
    private static let forgottenMax = 1024

    /// The rows that a network starts with, ascending by key.
    package static func rows(of genesis: Genesis) throws(CodecError) -> [StateWrite] {
        let network = genesis.networkID
        let committee = try genesis.committee()
        let balances = genesis.accounts.reduce(0) { $0 + $1.balance }
        let staked = genesis.nodes.reduce(0) { $0 + $1.stake }
        let parameters = LedgerParameters(
            network: network,
            incarnation: 0,
            epoch: 0,
            epochStartMilliseconds: genesis.startMilliseconds,
            rules: genesis.rules,
            administrator: genesis.administrator,
            supply: balances + staked,
            burned: 0,
            staked: staked
        )
        let overlay = StateOverlay(over: MemoryState())
        overlay.set(StateKey.parameters, to: parameters.bcsBytes)
        overlay.set(StateKey.committee, to: committee.bcsBytes)
        overlay.set(
            StateKey.accounting,
            to: FutureAccounting(first: 0, count: genesis.rules.epochsAheadMax).bcsBytes
        )
        for account in genesis.accounts where account.balance > 0 {
            overlay.set(StateKey.account(account.address), to: account.balance.bcsBytes)
        }
        for (node, member) in zip(genesis.nodes, committee.members) {
            let record = NodeRecord(
                id: member.node,
                name: node.name,
                account: node.account,
                protocolKey: node.protocolKey,
                networkKey: node.networkKey,
                address: node.address,
                stake: node.stake
            )
            overlay.set(StateKey.node(record.id), to: record.bcsBytes)
        }
        return overlay.writes
    }

    /// Does what a block does before its first transaction: forgets expired digests, and enters
    /// a new incarnation when the block is the first of one.
    package static func begin(
        _ context: BlockContext,
        incarnation: UInt32,
        on state: StateOverlay
    ) throws(StateError) {
        var parameters: LedgerParameters = try state.require(StateKey.parameters)
        if parameters.incarnation != incarnation {
            parameters.incarnation = incarnation
            state.set(StateKey.parameters, to: parameters.bcsBytes)
        }
        let prefixLength = StateKey.expiries.count
        for row in try state.rows(prefix: StateKey.expiries, after: nil, limit: forgottenMax) {
            var reader = ByteReader(Array(row.key.dropFirst(prefixLength)))
            do throws(CodecError) {
                guard try reader.readBigEndianUInt64() < context.milliseconds else { break }
                let digest: TransactionDigest = try reader.read()
                state.set(row.key, to: nil)
                state.set(StateKey.result(digest), to: nil)
            } catch {
                throw .damaged(key: row.key)
            }
        }
    }

    /// Executes one transaction over `state`.
    ///
    /// When it is included, `state` has its changes; otherwise `state` is as it was. After a
    /// throw `state` must not be used any more.
    package static func apply(
        _ signed: SignedTransaction,
        in context: BlockContext,
        on state: StateOverlay
    ) throws(StateError) -> ApplyResult {
        let parameters: LedgerParameters = try state.require(StateKey.parameters)
        let transaction = signed.transaction
        let digest = signed.digest
        if let reason = refusal(of: signed, digest, parameters) { return .rejected(reason) }
        if let unknown = transaction.commands.first(where: {
            $0.protocolVersion > context.protocolVersion
        }) {
            return .rejected(
                .malformed("command \(unknown.tag) in protocol version \(context.protocolVersion)")
            )
        }
        if let result: TransactionResult = try state.read(StateKey.result(digest)) {
            return .duplicate(result)
        }
        let balance: Frost = try state.read(StateKey.account(transaction.sender)) ?? 0
        if let reason = lapse(of: transaction, in: context, parameters, balance: balance) {
            return .rejected(reason)
        }
        let start = state.mark
        var execution = Execution(
            state: state,
            context: context,
            sender: transaction.sender,
            digest: digest,
            parameters: parameters
        )
        let outcome = try run(transaction.commands, in: &execution)
        state.set(
            StateKey.expiry(transaction.validUntilMilliseconds, digest),
            to: []
        )
        let effects = TransactionEffects(
            digest: digest,
            outcome: outcome,
            fee: parameters.rules.transactionFee,
            events: execution.events,
            writesHash: state.writes(since: start).ledgerHash
        )
        let result = TransactionResult(
            digest: digest,
            height: context.height,
            milliseconds: context.milliseconds,
            outcome: outcome
        )
        state.set(StateKey.result(digest), to: result.bcsBytes)
        return .included(effects)
    }

    /// Charges the fee and executes the commands; a failure undoes all of them, but not the fee.
    private static func run(
        _ commands: [Command],
        in execution: inout Execution
    ) throws(StateError) -> TransactionOutcome {
        let fee = execution.parameters.rules.transactionFee
        let unchanged = execution
        var index: UInt16 = 0
        var paid = execution.state.mark
        do {
            try execution.payNow(fee)
            paid = execution.state.mark
            for command in commands {
                try execution.run(command)
                index += 1
            }
            return .succeeded(execution.results)
        } catch let failure as ExecutionFailure {
            execution.state.rollBack(to: paid)
            execution = unchanged
            return .failed(command: index, failure)
        } catch let error as StateError {
            throw error
        } catch {
            preconditionFailure("Commands throw failures or state errors, not \(error).")
        }
    }

    /// Why a transaction can never be included in this network, whatever the time.
    private static func refusal(
        of signed: SignedTransaction,
        _ digest: TransactionDigest,
        _ parameters: LedgerParameters
    ) -> RejectionReason? {
        let transaction = signed.transaction
        guard transaction.network == parameters.network else {
            return .wrongNetwork(parameters.network)
        }
        guard transaction.incarnation == parameters.incarnation else {
            return .wrongIncarnation(current: parameters.incarnation)
        }
        guard Address(of: signed.key) == transaction.sender else { return .wrongKey }
        let signedBytes = SignedTransaction.signedBytes(of: digest)
        guard signed.key.isValid(signed.signature, for: signedBytes) else {
            return .badSignature
        }
        return nil
    }

    /// Why a transaction can not be included now.
    private static func lapse(
        of transaction: Transaction,
        in context: BlockContext,
        _ parameters: LedgerParameters,
        balance: Frost
    ) -> RejectionReason? {
        let now = context.milliseconds
        guard transaction.validUntilEpoch >= parameters.epoch,
            transaction.validUntilMilliseconds >= now
        else { return .expired(epoch: parameters.epoch, milliseconds: now) }
        // Subtracted, because the sum could overflow and this difference can not.
        guard
            transaction.validUntilMilliseconds - now <= Transaction.validityMaxMilliseconds
        else { return .validTooLong(milliseconds: now) }
        let fee = parameters.rules.transactionFee
        guard fee <= transaction.feeMax else { return .feeTooLow(required: fee) }
        guard fee <= balance else { return .feeNotCovered(required: fee, balance: balance) }
        return nil
    }
}
