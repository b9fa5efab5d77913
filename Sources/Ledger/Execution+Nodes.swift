// Node records and epochs.

internal import BlobModel

extension Execution {
    mutating func updateNode(
        _ id: NodeID,
        address: String,
        networkKey: PublicKey
    ) throws -> CommandResult {
        var node: NodeRecord = try object(.id(id), StateKey.node)
        guard node.account == sender else { throw ExecutionFailure.notAuthorised(id) }
        guard (1...Committee.addressLengthMax).contains(address.utf8.count) else {
            throw ExecutionFailure.invalidArgument("address length")
        }
        node.address = address
        node.networkKey = networkKey
        put(StateKey.node(id), node)
        let committee: Committee = try state.require(StateKey.committee)
        guard let index = committee.index(of: id) else { return .done }
        let old = committee.members[index]
        let member = CommitteeMember(
            node: id,
            shards: old.shards,
            protocolKey: old.protocolKey,
            networkKey: networkKey,
            address: address
        )
        put(StateKey.committee, committee.replacing(index, with: member))
        emit(.nodeUpdated(member))
        return .done
    }

    /// Ends the epoch: pays its rewards by shards, and begins the next with the same committee.
    mutating func advanceEpoch(from: Epoch) throws -> CommandResult {
        guard from == epoch else { throw ExecutionFailure.wrongEpoch(current: epoch) }
        let duration = parameters.rules.epochDurationMilliseconds
        if sender != parameters.administrator {
            let (until, overflow) = parameters.epochStartMilliseconds
                .addingReportingOverflow(duration)
            let end = duration == 0 || overflow ? UInt64.max : until
            guard context.milliseconds >= end, end != .max else {
                throw ExecutionFailure.epochNotOver(until: end)
            }
        }
        // One less than the last epoch, so that "epochs ahead" never runs past the number's end.
        guard epoch < .max - parameters.rules.epochsAheadMax else {
            throw ExecutionFailure.arithmeticOverflow
        }
        let committee: Committee = try state.require(StateKey.committee)
        var accounting: FutureAccounting = try state.require(StateKey.accounting)
        let left = try distribute(accounting.advance(), among: committee)
        try accounting.addReward(left)
        put(StateKey.accounting, accounting)
        parameters.epoch += 1
        parameters.epochStartMilliseconds = context.milliseconds
        put(StateKey.parameters, parameters)
        put(StateKey.committee, committee.moved(to: parameters.epoch))
        emit(.epochChangeStart(epoch: parameters.epoch))
        // The committee stays, so no shard has to move.
        emit(.epochChangeDone(epoch: parameters.epoch))
        return .done
    }

    /// Pays `rewards` to the members' accounts by shards, and returns what does not divide.
    private func distribute(_ rewards: Frost, among committee: Committee) throws -> Frost {
        var left = rewards
        for member in committee.members where rewards > 0 {
            let product = rewards.multipliedFullWidth(by: UInt64(member.weight))
            // The weight is at most the divisor, so the quotient fits.
            let share = UInt64(committee.shardCount).dividingFullWidth(product).quotient
            let node: NodeRecord = try state.require(StateKey.node(member.node))
            if share > 0 { try deposit(share, to: node.account) }
            left -= share
        }
        return left
    }
}
