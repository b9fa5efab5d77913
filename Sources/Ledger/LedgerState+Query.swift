internal import BlobModel
internal import Codec

/// Answers queries from a state; the same for every engine.
package enum LedgerState {
    private static let retiredMax = 1024

    /// The answer to `query` from the state that the chain up to `tip` has led to.
    package static func answer(
        _ query: LedgerQuery,
        at tip: ChainTip,
        from state: some StateReader
    ) throws(StateError) -> LedgerAnswer {
        switch query {
        case .info: .info(try info(at: tip, from: state))
        case .committee: .committee(try state.require(StateKey.committee))
        case .node(let id): .node(try state.read(StateKey.node(id)))
        case .nodes: .nodes(try nodes(from: state))
        case .balance(let address): .balance(try state.read(StateKey.account(address)) ?? 0)
        case .storage(let id): .storage(try state.read(StateKey.storage(id)))
        case .blob(let id): .blob(try state.read(StateKey.blob(id)))
        case .blobStatus(let blob): .blobStatus(try status(of: blob, from: state))
        case .pool(let id): .pool(try state.read(StateKey.pool(id)))
        case .pooledBlob(let id): .pooledBlob(try state.read(StateKey.pooledBlob(id)))
        case .blobInPool(let pool, let blob):
            .pooledBlob(try pooledBlob(blob, in: pool, from: state))
        case .volume(let id): .volume(try state.read(StateKey.volume(id)))
        case .volumeRecord(let id): .volumeRecord(try volumeRecord(id, from: state))
        case .retired(let pool, let after):
            .retired(try retired(in: pool, after: after, from: state))
        case .result(let digest): .result(try state.read(StateKey.result(digest)))
        case .epochState: .epochState(try epochState(from: state))
        case .standing(let node):
            .standing(try state.read(StateKey.standing(node)) ?? NodeStanding())
        }
    }

    private static func info(
        at tip: ChainTip,
        from state: some StateReader
    ) throws(StateError) -> LedgerInfo {
        let parameters: LedgerParameters = try state.require(StateKey.parameters)
        let accounting: FutureAccounting = try state.require(StateKey.accounting)
        let committee: Committee = try state.require(StateKey.committee)
        return LedgerInfo(
            network: parameters.network,
            incarnation: parameters.incarnation,
            protocolVersion: LedgerMachine.protocolVersion,
            head: tip.reference,
            milliseconds: tip.milliseconds,
            epoch: parameters.epoch,
            epochStartMilliseconds: parameters.epochStartMilliseconds,
            rules: parameters.rules,
            shardCount: UInt32(committee.shardCount),
            capacityUsed: accounting.slots[0].used,
            supply: parameters.supply,
            burned: parameters.burned
        )
    }

    private static func epochState(
        from state: some StateReader
    ) throws(StateError) -> EpochState {
        EpochState(
            committee: try state.require(StateKey.committee),
            change: try state.read(StateKey.epochChange),
            selection: try state.read(StateKey.selection)
        )
    }

    private static func nodes(from state: some StateReader) throws(StateError) -> [NodeRecord] {
        var nodes: [NodeRecord] = []
        for row in try state.rows(
            prefix: StateKey.nodes,
            after: nil,
            limit: Committee.shardsMax
        ) {
            nodes.append(try state.require(row.key))
        }
        return nodes
    }

    private static func pooledBlob(
        _ blob: BlobID,
        in pool: ObjectID,
        from state: some StateReader
    ) throws(StateError) -> PooledBlobRecord? {
        guard let id: ObjectID = try state.read(StateKey.inPool(pool, blob)) else { return nil }
        return try state.require(StateKey.pooledBlob(id))
    }

    private static func status(
        of blob: BlobID,
        from state: some StateReader
    ) throws(StateError) -> BlobStatusRecord {
        let parameters: LedgerParameters = try state.require(StateKey.parameters)
        let prefix = StateKey.holders(of: blob)
        var holdings: [BlobHolding] = []
        for row in try state.rows(
            prefix: prefix,
            after: nil,
            limit: BlobStatusRecord.holdingsMax
        ) {
            guard row.key.count == prefix.count + 32 else { throw .damaged(key: row.key) }
            let object = ObjectID(bytes: Array(row.key.suffix(32)))
            switch row.value {
            case StateKey.blobs: holdings.append(.blob(try state.require(StateKey.blob(object))))
            case StateKey.pooledBlobs:
                let record: PooledBlobRecord = try state.require(StateKey.pooledBlob(object))
                let pool: PoolRecord = try state.require(StateKey.pool(record.pool))
                holdings.append(.pooled(record, end: pool.end))
            default: throw .damaged(key: row.key)
            }
        }
        return BlobStatusRecord(
            invalidSince: try state.read(StateKey.invalid(blob)),
            currentEpoch: parameters.epoch,
            holdings: holdings
        )
    }

    private static func volumeRecord(
        _ id: VolumeID,
        from state: some StateReader
    ) throws(StateError) -> VolumeRecord? {
        guard let volume: VolumeState = try state.read(StateKey.volume(id)) else { return nil }
        let pool: PoolRecord = try state.require(StateKey.pool(volume.pool))
        let parameters: LedgerParameters = try state.require(StateKey.parameters)
        return VolumeRecord(
            volume: id,
            head: volume.head,
            lease: volume.lease,
            pins: volume.pins,
            poolCapacity: pool.capacity,
            poolUsed: pool.used,
            poolEnd: pool.end,
            currentEpoch: parameters.epoch
        )
    }

    private static func retired(
        in pool: ObjectID,
        after: BlobID?,
        from state: some StateReader
    ) throws(StateError) -> [PooledBlobRecord] {
        let rows = try state.rows(
            prefix: StateKey.retirements(of: pool),
            after: after.map { StateKey.retirement(pool, $0) },
            limit: retiredMax
        )
        var records: [PooledBlobRecord] = []
        for row in rows {
            guard row.key.count == 65 else { throw .damaged(key: row.key) }
            let blob = BlobID(bytes: Array(row.key.suffix(32)))
            guard let record = try pooledBlob(blob, in: pool, from: state) else {
                throw .damaged(key: row.key)
            }
            records.append(record)
        }
        return records
    }
}
