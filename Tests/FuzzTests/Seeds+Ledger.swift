internal import BlobModel
internal import Codec
internal import TestSupport

@testable internal import Ledger

extension Seeds {
    private static let object = ObjectID(bytes: digest)
    private static let account = Address(bytes: digest)
    private static let key = PublicKey(bytes: digest)
    private static let description = BlobDescription(
        blob: BlobID(bytes: digest),
        root: digest,
        length: 100
    )
    private static let head = Head(
        sequence: 3,
        manifest: BlobID(bytes: digest),
        token: 2,
        publishedAt: 1
    )
    private static let lease = Lease(
        token: 2,
        holder: key,
        claim: Lease.Claim(claimant: key, recordedAt: 5)
    )
    private static let blob = BlobRecord(
        id: object,
        owner: account,
        description: description,
        registered: 1,
        certified: 2,
        storage: StorageRecord(id: object, owner: account, size: 1 << 20, start: 1, end: 9),
        deletable: true
    )
    private static let pool = PoolRecord(
        id: object,
        owner: account,
        volume: VolumeID(bytes: digest),
        capacity: 1 << 30,
        used: 1 << 20,
        start: 1,
        end: 9,
        balance: 7
    )
    private static let pooled = PooledBlobRecord(
        id: object,
        pool: object,
        description: description,
        encodedLength: 1000,
        registered: 1,
        certified: nil,
        bornAfter: 2,
        retirement: Retirement(sequence: 3, deletableFrom: 4)
    )
    private static let status = BlobStatusRecord(
        invalidSince: 4,
        currentEpoch: 5,
        holdings: [.blob(blob), .pooled(pooled, end: 9)]
    )
    private static let volume = VolumeState(
        id: VolumeID(bytes: digest),
        owner: account,
        writer: account,
        nameHash: digest,
        pool: object,
        lease: lease,
        head: head,
        pins: [1, 2]
    )
    private static let volumeRecord = VolumeRecord(
        volume: VolumeID(bytes: digest),
        head: head,
        lease: lease,
        pins: [1, 2],
        poolCapacity: 1 << 30,
        poolUsed: 1 << 20,
        poolEnd: 9,
        currentEpoch: 5
    )
    private static let node = NodeRecord(
        id: NodeID(bytes: digest),
        name: "n",
        account: account,
        protocolKey: key,
        networkKey: key,
        address: "127.0.0.1:80",
        stake: 1
    )

    private static var results: [TransactionResult] {
        let failures: [ExecutionFailure] = [
            .unknownObject(object), .insufficientBalance(needed: 2, available: 1),
            .invalidArgument("no"), .badCertificate(.notAMessage), .headConflict(current: head),
            .leaseLost(lease),
        ]
        let outcomes: [TransactionOutcome] =
            [.succeeded([.done, .object(object), .lease(lease), .head(head)])]
            + failures.map { .failed(command: 1, $0) }
        return outcomes.map { outcome in
            TransactionResult(
                digest: TransactionDigest(bytes: digest),
                height: 4,
                milliseconds: 5,
                outcome: outcome
            )
        }
    }

    private static func genesis() throws -> Genesis {
        let log = try Fixtures.json("ledger/golden-log-1.json", as: GoldenLog.self)
        return try Genesis(bcsBytes: Hex.decode(log.genesis))
    }

    private static func epochs() throws -> [EpochState] {
        let committee = try genesis().committee()
        let parameters = EpochParameters(storagePrice: 1, writePrice: 2, capacity: 3)
        return [
            EpochState(committee: committee, change: nil, selection: nil),
            EpochState(
                committee: committee,
                change: EpochChange(previous: committee, synced: [NodeID(bytes: digest)]),
                selection: EpochSelection(committee: committee, parameters: parameters)
            ),
        ]
    }

    /// What the ledger keeps.
    static func ledgerRecords() throws -> [String: [[UInt8]]] {
        let log = try Fixtures.json("ledger/golden-log-1.json", as: GoldenLog.self)
        let shortest = log.blocks.min { $0.utf8.count < $1.utf8.count } ?? ""
        let header = try Block(bcsBytes: Hex.decode(shortest)).signedHeader
        let parameters = LedgerParameters(
            network: NetworkID(bytes: digest),
            incarnation: 1,
            epoch: 2,
            epochStartMilliseconds: 3,
            rules: try genesis().rules,
            administrator: account,
            supply: 4,
            burned: 5,
            staked: 6
        )
        return [
            "blob-record": [blob.bcsBytes],
            "pool-record": [pool.bcsBytes],
            "pooled-blob-record": [pooled.bcsBytes],
            "blob-status-record": [status.bcsBytes],
            "volume-state": [volume.bcsBytes],
            "volume-record": [volumeRecord.bcsBytes],
            "node-record": [node.bcsBytes],
            "epoch-state": try epochs().map(\.bcsBytes),
            "ledger-parameters": [parameters.bcsBytes],
            "future-accounting": [FutureAccounting(first: 3, count: 4).bcsBytes],
            "transaction-result": results.map(\.bcsBytes),
            "follower-claim": [header, nil].map {
                FollowerClaim(node: NodeID(bytes: digest), newest: $0).bcsBytes
            },
        ]
    }

    /// What it answers: one of each kind.
    static func ledgerAnswers() throws -> [String: [[UInt8]]] {
        let rules = try genesis().rules
        let info = LedgerInfo(
            network: NetworkID(bytes: digest),
            incarnation: 1,
            protocolVersion: 1,
            head: BlockReference(height: 4, hash: BlockHash(bytes: digest)),
            milliseconds: 5,
            epoch: 6,
            epochStartMilliseconds: 5,
            rules: rules,
            shardCount: 10,
            capacityUsed: 7,
            supply: 8,
            burned: 9
        )
        var standing = NodeStanding()
        standing.nextProtocolKey = key
        standing.vote = EpochParameters(storagePrice: 1, writePrice: 2, capacity: 3)
        let answers: [LedgerAnswer] = [
            .info(info), .committee(try genesis().committee()), .node(node), .nodes([node, node]),
            .balance(7), .storage(blob.storage), .blob(blob), .blobStatus(status), .pool(pool),
            .pooledBlob(pooled), .volume(volume), .volumeRecord(volumeRecord),
            .retired([pooled]), .result(results[0]), .epochState(try epochs()[0]),
            .standing(standing),
        ]
        return ["ledger-answer": answers.map(\.bcsBytes)]
    }
}
