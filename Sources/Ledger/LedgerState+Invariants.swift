internal import BlobModel
internal import Codec

extension LedgerState {
    /// Checks what must hold after each block (`ledger-state.md`, "Invariants").
    ///
    /// Reads every row. Returns what is broken, in words; nothing when all holds.
    package static func brokenInvariants(of state: some StateReader) throws(StateError) -> [String]
    {
        var check = InvariantCheck(
            parameters: try state.require(StateKey.parameters),
            accounting: try state.require(StateKey.accounting)
        )
        try each(StateKey.accounts, of: state) { (_, balance: Frost) in
            check.expect(balance > 0, "an empty account has a row")
            check.money += UInt128(balance)
        }
        try each(StateKey.storages, of: state) { (_, storage: StorageRecord) in
            check.reserve(storage.size, storage.start, storage.end)
        }
        try each(StateKey.blobs, of: state) { (_, blob: BlobRecord) in
            check.reserve(blob.storage.size, blob.storage.start, blob.storage.end)
        }
        try each(StateKey.pools, of: state) { (_, pool: PoolRecord) in
            check.money += UInt128(pool.balance)
            check.reserve(pool.capacity, pool.start, pool.end)
            check.expect(pool.used <= pool.capacity, "a pool holds more than it may")
            check.poolUse += UInt128(pool.used)
        }
        for slot in check.accounting.slots { check.money += UInt128(slot.rewards) }
        try checkPooledBlobs(of: state, &check)
        try checkHolders(of: state, &check)
        try checkVolumes(of: state, &check)
        try checkEpochs(of: state, &check)
        check.finish()
        return check.broken
    }

    private static func checkPooledBlobs(
        of state: some StateReader,
        _ check: inout InvariantCheck
    ) throws(StateError) {
        var count = 0
        try each(StateKey.pooledBlobs, of: state) {
            (_, blob: PooledBlobRecord) throws(StateError) in
            count += 1
            check.pooledBytes += UInt128(blob.encodedLength)
            let indexed: ObjectID? = try state.read(StateKey.inPool(blob.pool, blob.blob))
            check.expect(indexed == blob.id, "a pooled blob is not in its pool's index")
            let retired = try state.value(StateKey.retirement(blob.pool, blob.blob)) != nil
            check.expect(retired == (blob.retirement != nil), "a retirement is not indexed")
        }
        var indexed = 0
        try each(StateKey.poolContents, of: state) { (_, _: ObjectID) in indexed += 1 }
        check.expect(count == indexed, "a pool's index has rows without blobs")
    }

    private static func checkHolders(
        of state: some StateReader,
        _ check: inout InvariantCheck
    ) throws(StateError) {
        var objects = 0
        try each(StateKey.blobs, of: state) { (_, blob: BlobRecord) throws(StateError) in
            objects += 1
            let holder = try state.value(StateKey.holder(blob.blob, blob.id))
            check.expect(holder == StateKey.blobs, "a blob does not hold its id")
        }
        try each(StateKey.pooledBlobs, of: state) {
            (_, blob: PooledBlobRecord) throws(StateError) in
            objects += 1
            let holder = try state.value(StateKey.holder(blob.blob, blob.id))
            check.expect(holder == StateKey.pooledBlobs, "a pooled blob does not hold its id")
        }
        var holders = 0
        try eachRow(StateKey.holders, of: state) { _ in holders += 1 }
        check.expect(objects == holders, "a blob id is held by nothing")
    }

    private static func checkVolumes(
        of state: some StateReader,
        _ check: inout InvariantCheck
    ) throws(StateError) {
        try each(StateKey.volumes, of: state) { (_, volume: VolumeState) throws(StateError) in
            let pool: PoolRecord = try state.require(StateKey.pool(volume.pool))
            check.expect(pool.volume == volume.id, "a volume's pool is not its own")
            check.expect(volume.lease.token < 1 << 24, "a token has over 24 bits")
            check.expect(
                volume.lease.holder != nil || volume.lease.claim == nil,
                "a free lease is claimed"
            )
            let kept = volume.pins + (volume.head.map { [$0.sequence] } ?? [])
            check.expect(
                zip(kept, kept.dropFirst()).allSatisfy { $0 < $1 },
                "pins are not in order"
            )
            guard let head = volume.head else { return }
            check.expect(head.token <= volume.lease.token, "the head's token is to come")
            let manifest = try state.value(StateKey.inPool(pool.id, head.manifest))
            check.expect(manifest != nil, "the head's manifest is gone")
        }
    }

    private static func checkEpochs(
        of state: some StateReader,
        _ check: inout InvariantCheck
    ) throws(StateError) {
        var nodes: Set<NodeID> = []
        var staked: UInt128 = 0
        try each(StateKey.nodes, of: state) { (_, node: NodeRecord) in
            nodes.insert(node.id)
            staked += UInt128(node.stake)
        }
        let parameters = check.parameters
        check.expect(staked == UInt128(parameters.staked), "stakes do not add up")
        let epochs = EpochState(
            committee: try state.require(StateKey.committee),
            change: try state.read(StateKey.epochChange),
            selection: try state.read(StateKey.selection)
        )
        let committees = [
            (epochs.committee, parameters.epoch),
            (epochs.change?.previous, parameters.epoch &- 1),
            (epochs.selection?.committee, parameters.epoch + 1),
        ]
        for case (let committee?, let epoch) in committees as [(Committee?, Epoch)] {
            check.expect(committee.epoch == epoch, "a committee is of another epoch")
            check.expect(
                committee.shardCount == epochs.committee.shardCount,
                "committees have different numbers of shards"
            )
            check.expect(
                committee.members.allSatisfy { nodes.contains($0.node) },
                "a member is not registered"
            )
        }
        guard let change = epochs.change else { return }
        let synced = change.synced.map { epochs.committee.index(of: $0) }
        check.expect(Set(synced).count == synced.count, "a member has its shards twice")
        let weight = synced.reduce(0) { sum, index in
            sum + (index.map { epochs.committee.members[$0].weight } ?? 0)
        }
        check.expect(!synced.contains(nil), "who is no member has its shards")
        check.expect(!epochs.committee.isQuorum(weight), "a change that is done goes on")
        check.expect(epochs.selection == nil, "the next epoch is settled before this one")
    }

    private static func each<Value: BCSDecodable>(
        _ prefix: [UInt8],
        of state: some StateReader,
        _ body: ([UInt8], Value) throws(StateError) -> Void
    ) throws(StateError) {
        try eachRow(prefix, of: state) { row throws(StateError) in
            let value: Value
            do {
                value = try Value(bcsBytes: row.value)
            } catch {
                throw .damaged(key: row.key)
            }
            try body(row.key, value)
        }
    }

    private static func eachRow(
        _ prefix: [UInt8],
        of state: some StateReader,
        _ body: (StateRow) throws(StateError) -> Void
    ) throws(StateError) {
        var after: [UInt8]?
        while true {
            let rows = try state.rows(prefix: prefix, after: after, limit: 1000)
            for row in rows { try body(row) }
            guard rows.count == 1000, let last = rows.last else { return }
            after = last.key
        }
    }
}

/// Sums over the rows, and what does not add up.
private struct InvariantCheck {
    let parameters: LedgerParameters
    let accounting: FutureAccounting
    /// Accounts, pools' balances and rewards.
    var money: UInt128 = 0
    var poolUse: UInt128 = 0
    var pooledBytes: UInt128 = 0
    private var reserved: [UInt128]
    private(set) var broken: [String] = []

    init(parameters: LedgerParameters, accounting: FutureAccounting) {
        self.parameters = parameters
        self.accounting = accounting
        reserved = Array(repeating: 0, count: accounting.slots.count)
    }

    mutating func expect(_ holds: Bool, _ words: String) {
        if !holds { broken.append(words) }
    }

    mutating func reserve(_ size: UInt64, _ start: Epoch, _ end: Epoch) {
        let first = accounting.first
        guard max(start, first) < end else { return }
        for epoch in max(start, first)..<end {
            guard Int(epoch - first) < reserved.count else {
                return broken.append("storage reaches beyond the ring")
            }
            reserved[Int(epoch - first)] += UInt128(size)
        }
    }

    mutating func finish() {
        expect(accounting.first == parameters.epoch, "the ring is of another epoch")
        let total = money + UInt128(parameters.staked) + UInt128(parameters.burned)
        expect(total == UInt128(parameters.supply), "money does not add up to the supply")
        expect(poolUse == pooledBytes, "pools' use is not their blobs'")
        for (slot, sum) in zip(accounting.slots, reserved) {
            expect(UInt128(slot.used) == sum, "an epoch's use is not the sum of its storage")
            expect(slot.used <= parameters.rules.capacity, "an epoch is oversold")
        }
    }
}
