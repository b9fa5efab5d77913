// The epochs' state machine (`walrus-system.md`, 6.1): a committee and parameters are selected in
// the middle of an epoch, take office when the next begins, and the change is done when a quorum
// of the new committee has its shards.

internal import BlobModel

extension Execution {
    /// Settles committee and parameters of the next epoch; anyone's in the epoch's second half,
    /// the administrator's at any time.
    mutating func selectCommittee(from: Epoch) throws -> CommandResult {
        guard from == epoch else { throw ExecutionFailure.wrongEpoch(current: epoch) }
        guard try change() == nil else { throw ExecutionFailure.epochChangeUnderWay }
        guard try selection() == nil else { return .done }
        let duration = parameters.rules.epochDurationMilliseconds
        try requireEpochTime(duration / 2, of: duration)
        _ = try select()
        return .done
    }

    /// Ends the epoch: pays its rewards by shards, and begins the next with the committee that
    /// was selected.
    mutating func advanceEpoch(from: Epoch) throws -> CommandResult {
        guard from == epoch else { throw ExecutionFailure.wrongEpoch(current: epoch) }
        guard try change() == nil else { throw ExecutionFailure.epochChangeUnderWay }
        let duration = parameters.rules.epochDurationMilliseconds
        try requireEpochTime(duration, of: duration)
        // One less than the last epoch, so that "epochs ahead" never runs past the number's end.
        guard epoch < .max - parameters.rules.epochsAheadMax else {
            throw ExecutionFailure.arithmeticOverflow
        }
        let committee: Committee = try state.require(StateKey.committee)
        let next = try nextEpoch(after: committee)
        var accounting: FutureAccounting = try state.require(StateKey.accounting)
        let left = try distribute(accounting.advance(), among: committee)
        try accounting.addReward(left)
        put(StateKey.accounting, accounting)
        parameters.epoch += 1
        parameters.epochStartMilliseconds = context.milliseconds
        parameters.rules.storagePrice = next.parameters.storagePrice
        parameters.rules.writePrice = next.parameters.writePrice
        parameters.rules.capacity = next.parameters.capacity
        put(StateKey.parameters, parameters)
        put(StateKey.committee, next.committee)
        emit(.epochChangeStart(epoch: parameters.epoch))
        if next.committee.isHeldAs(committee) {
            // Nobody waits for anything.
            emit(.epochChangeDone(epoch: parameters.epoch))
        } else {
            put(StateKey.epochChange, EpochChange(previous: committee))
        }
        return .done
    }

    /// Records that a member has all of its shards; a quorum of them ends the change.
    mutating func reportSync(_ id: NodeID, epoch reported: Epoch) throws -> CommandResult {
        let node = try ownNode(id)
        guard reported == epoch else { throw ExecutionFailure.wrongEpoch(current: epoch) }
        let committee: Committee = try state.require(StateKey.committee)
        guard let index = committee.index(of: node.id) else {
            throw ExecutionFailure.invalidArgument("no member of the committee")
        }
        // Late or repeated: nothing waits for it.
        guard var change = try change(), !change.synced.contains(node.id) else { return .done }
        change.synced.append(node.id)
        emit(.shardsReceived(epoch: epoch, node: id, shards: committee.members[index].shards))
        let weight = change.synced.reduce(0) { weight, node in
            weight + (committee.index(of: node).map { committee.members[$0].weight } ?? 0)
        }
        if committee.isQuorum(weight) {
            remove(StateKey.epochChange)
            emit(.epochChangeDone(epoch: epoch))
        } else {
            put(StateKey.epochChange, change)
        }
        return .done
    }

    func change() throws -> EpochChange? { try state.read(StateKey.epochChange) }

    func selection() throws -> EpochSelection? { try state.read(StateKey.selection) }

    /// Throws before the epoch has lasted for `time`, for all but the administrator.
    private func requireEpochTime(_ time: UInt64, of duration: UInt64) throws {
        guard sender != parameters.administrator else { return }
        let (until, overflow) = parameters.epochStartMilliseconds.addingReportingOverflow(time)
        let end = duration == 0 || overflow ? UInt64.max : until
        guard context.milliseconds >= end, end != .max else {
            throw ExecutionFailure.epochNotOver(until: end)
        }
    }

    /// What was selected, or is now; what the first protocol version has is the same again.
    private mutating func nextEpoch(after committee: Committee) throws -> EpochSelection {
        guard context.protocolVersion >= 2 else {
            return EpochSelection(
                committee: committee.moved(to: epoch + 1),
                parameters: parameters.rules.epochParameters
            )
        }
        let selection = try selection() ?? select()
        remove(StateKey.selection)
        for member in selection.committee.members {
            var standing = try standing(of: member.node)
            guard standing.nextProtocolKey == member.protocolKey else { continue }
            var node: NodeRecord = try state.require(StateKey.node(member.node))
            node.protocolKey = member.protocolKey
            put(StateKey.node(node.id), node)
            standing.nextProtocolKey = nil
            put(StateKey.standing(node.id), standing)
        }
        return selection
    }

    private mutating func select() throws -> EpochSelection {
        let committee: Committee = try state.require(StateKey.committee)
        var nodes: [NodeID: (record: NodeRecord, standing: NodeStanding)] = [:]
        var candidates: [ShardCandidate] = []
        for row in try state.rows(prefix: StateKey.nodes, after: nil, limit: Committee.shardsMax) {
            let record: NodeRecord = try state.require(row.key)
            let standing = try standing(of: record.id)
            nodes[record.id] = (record, standing)
            if standing.isCandidate {
                candidates.append(ShardCandidate(node: record.id, stake: record.stake))
            }
        }
        let next = try ShardAssignment.next(after: committee, candidates: candidates).map {
            (id, shards) throws(StateError) -> (CommitteeMember, EpochVote.Ballot) in
            guard let (record, standing) = nodes[id] else {
                throw .damaged(key: StateKey.node(id))
            }
            let member = CommitteeMember(
                node: id,
                shards: shards,
                protocolKey: standing.nextProtocolKey ?? record.protocolKey,
                networkKey: record.networkKey,
                address: record.address
            )
            return (member, EpochVote.Ballot(weight: shards.count, vote: standing.vote))
        }
        let accounting: FutureAccounting = try state.require(StateKey.accounting)
        let selection: EpochSelection
        do {
            selection = EpochSelection(
                committee: try Committee(epoch: epoch + 1, members: next.map(\.0)),
                parameters: EpochVote.result(
                    next.map(\.1),
                    current: parameters.rules.epochParameters,
                    used: accounting.slots.map(\.used).max() ?? 0
                )
            )
        } catch {
            preconditionFailure("An assignment deals every shard once: \(error)")
        }
        put(StateKey.selection, selection)
        emit(
            .epochParametersSelected(
                committee: selection.committee,
                parameters: selection.parameters
            )
        )
        return selection
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

extension GenesisRules {
    var epochParameters: EpochParameters {
        EpochParameters(storagePrice: storagePrice, writePrice: writePrice, capacity: capacity)
    }
}
