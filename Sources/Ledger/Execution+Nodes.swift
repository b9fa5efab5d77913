// Nodes come, change their records, vote and go.

internal import BlobModel

extension Execution {
    /// How many nodes may be registered at once; each selection looks at all of them.
    private static let nodesMax = 1000

    /// Registers a node, which is a candidate for shards from the next selection on.
    ///
    /// Where nobody has stake there is nothing that a stranger risks, so only the administrator
    /// lets nodes in.
    mutating func registerNode(_ registration: NodeRegistration) throws -> CommandResult {
        let isAdministrator = sender == parameters.administrator
        guard isAdministrator || (sender == registration.account && parameters.staked > 0) else {
            throw ExecutionFailure.notAuthorised(newObject)
        }
        guard (1...64).contains(registration.name.utf8.count) else {
            throw ExecutionFailure.invalidArgument("name length")
        }
        try requireAddress(registration.address)
        guard registration.isPossessed(in: parameters.signingDomain) else {
            throw ExecutionFailure.invalidArgument("proof of possession")
        }
        let registered = try state.rows(
            prefix: StateKey.nodes,
            after: nil,
            limit: Self.nodesMax
        )
        guard registered.count < Self.nodesMax else {
            throw ExecutionFailure.invalidArgument("over \(Self.nodesMax) nodes")
        }
        let node = NodeRecord(
            id: newObject,
            name: registration.name,
            account: registration.account,
            protocolKey: registration.protocolKey,
            networkKey: registration.networkKey,
            address: registration.address,
            stake: 0
        )
        put(StateKey.node(node.id), node)
        emit(.nodeRegistered(epoch: epoch, node: node))
        return .object(node.id)
    }

    mutating func updateNode(
        _ id: NodeID,
        address: String,
        networkKey: PublicKey
    ) throws -> CommandResult {
        var node = try ownNode(id)
        try requireAddress(address)
        node.address = address
        node.networkKey = networkKey
        put(StateKey.node(id), node)
        let committee: Committee = try state.require(StateKey.committee)
        if let updated = committee.updating(node) { put(StateKey.committee, updated) }
        // The other committees have the same address, and the events need not say it twice.
        var others: CommitteeMember?
        if var selection = try selection(), let updated = selection.committee.updating(node) {
            selection.committee = updated
            put(StateKey.selection, selection)
            others = updated.member(id)
        }
        if var change = try change(), let updated = change.previous.updating(node) {
            change.previous = updated
            put(StateKey.epochChange, change)
            others = others ?? updated.member(id)
        }
        if let member = committee.updating(node)?.member(id) ?? others {
            emit(.nodeUpdated(member))
        }
        return .done
    }

    /// Puts money of the node's account behind the node.
    mutating func stake(_ amount: Frost, with id: NodeID) throws -> CommandResult {
        var node = try ownNode(id)
        try withdraw(amount, from: sender)
        // Both sums are at most the supply.
        node.stake += amount
        parameters.staked += amount
        put(StateKey.node(id), node)
        put(StateKey.parameters, parameters)
        return .done
    }

    /// Gives stake back to the account of a node that has no duties.
    mutating func withdrawStake(_ amount: Frost, from id: NodeID) throws -> CommandResult {
        var node = try ownNode(id)
        let current: Committee = try state.require(StateKey.committee)
        let duties = [current, try change()?.previous, try selection()?.committee]
        guard duties.allSatisfy({ $0?.index(of: id) == nil }) else {
            throw ExecutionFailure.nodeInCommittee(id)
        }
        guard node.stake >= amount else {
            throw ExecutionFailure.insufficientBalance(needed: amount, available: node.stake)
        }
        node.stake -= amount
        parameters.staked -= amount
        put(StateKey.node(id), node)
        put(StateKey.parameters, parameters)
        try deposit(amount, to: sender)
        return .done
    }

    /// Says whether the node wants shards in the epochs to come.
    mutating func setCandidacy(_ id: NodeID, _ isCandidate: Bool) throws -> CommandResult {
        try changeStanding(of: id) { $0.isCandidate = isCandidate }
    }

    /// Gives the node another protocol key, from the next committee on.
    mutating func rotateProtocolKey(
        _ id: NodeID,
        _ key: PublicKey,
        proof: Signature
    ) throws -> CommandResult {
        let statement = PossessionStatement(account: sender, protocolKey: key)
        guard statement.isProven(by: proof, in: parameters.signingDomain) else {
            throw ExecutionFailure.invalidArgument("proof of possession")
        }
        return try changeStanding(of: id) { $0.nextProtocolKey = key }
    }

    mutating func vote(_ id: NodeID, _ vote: EpochParameters) throws -> CommandResult {
        try changeStanding(of: id) { $0.vote = vote }
    }

    private func changeStanding(
        of id: NodeID,
        _ change: (inout NodeStanding) -> Void
    ) throws -> CommandResult {
        let node = try ownNode(id)
        var standing = try standing(of: node.id)
        change(&standing)
        put(StateKey.standing(node.id), standing)
        return .done
    }

    func standing(of id: NodeID) throws -> NodeStanding {
        try state.read(StateKey.standing(id)) ?? NodeStanding()
    }

    /// The node, if the sender's account is its own.
    func ownNode(_ id: NodeID) throws -> NodeRecord {
        let node: NodeRecord = try object(.id(id), StateKey.node)
        guard node.account == sender else { throw ExecutionFailure.notAuthorised(id) }
        return node
    }

    private func requireAddress(_ address: String) throws {
        guard (1...Committee.addressLengthMax).contains(address.utf8.count) else {
            throw ExecutionFailure.invalidArgument("address length")
        }
    }
}

extension Committee {
    fileprivate func member(_ id: NodeID) -> CommitteeMember? { index(of: id).map { members[$0] } }

    /// The committee with the node's address and network key as they are now; nil when the node
    /// is not in it.
    fileprivate func updating(_ node: NodeRecord) -> Committee? {
        guard let index = index(of: node.id) else { return nil }
        let old = members[index]
        return replacing(
            index,
            with: CommitteeMember(
                node: node.id,
                shards: old.shards,
                protocolKey: old.protocolKey,
                networkKey: node.networkKey,
                address: node.address
            )
        )
    }

    /// Whether each node holds just the shards that it holds in the other committee.
    func isHeldAs(_ other: Committee) -> Bool {
        shardCount == other.shardCount
            && (0..<UInt16(shardCount)).allSatisfy {
                holder(of: $0).node == other.holder(of: $0).node
            }
    }
}
