package import BlobModel
internal import Codec

/// A node's health, in the reference's shape; what comes after
/// `latestCheckpointSequenceNumber` is ours.
package struct WireHealth: Codable, Sendable {
    package struct Uptime: Codable, Sendable {
        let secs: UInt64
        let nanos: UInt32
    }

    package struct EventProgress: Codable, Sendable {
        let persisted: UInt64
        let pending: UInt64
        let highestFinishedEventIndex: UInt64
    }

    package struct ShardSummary: Codable, Sendable {
        package struct Owned: Codable, Sendable {
            let unknown: Int
            let ready: Int
            let inTransfer: Int
            let inRecovery: Int
        }

        let owned: Int
        let ownedShardStatus: Owned
        let readOnly: Int
    }

    package struct Scrub: Codable, Sendable {
        let passes: UInt64
        let sliversChecked: UInt64
        let damaged: UInt64
    }

    package struct ShardDetail: Codable, Sendable {
        package struct Shard: Codable, Sendable {
            let shard: UInt16
            let status: String
        }

        let owned: [Shard]
        let other: [Shard]
    }

    let uptime: Uptime
    let epoch: Epoch
    let publicKey: String
    let nodeStatus: String
    let eventProgress: EventProgress
    let shardSummary: ShardSummary
    /// Only when it is asked for.
    let shardDetail: ShardDetail?
    let latestCheckpointSequenceNumber: UInt64?
    let nodeId: String
    let shards: [UInt16]
    let blockHash: String
    let isFull: Bool
    let shardsRecovering: [UInt16]?
    let blobsIncomplete: UInt64?
    let scrub: Scrub?
    let shardsInTransfer: [UInt16]?
    let shardsReadOnly: [UInt16]?
    let divergence: String?
    let isLedgerSilent: Bool?
    /// Whether the node takes slivers now.
    let isReady: Bool?

    /// Longer explanations of others are no use to anybody.
    private static let divergenceMax = 1024

    package init(_ health: NodeHealth, detailed: Bool = false) {
        uptime = Uptime(secs: health.uptimeSeconds, nanos: 0)
        epoch = health.epoch
        publicKey = Base64.encodeStandard(health.publicKey.bytes)
        nodeStatus = health.status.rawValue
        eventProgress = EventProgress(
            persisted: health.height,
            pending: health.ledgerHeight - min(health.height, health.ledgerHeight),
            highestFinishedEventIndex: health.height
        )
        shardSummary = ShardSummary(
            owned: health.shards.count,
            ownedShardStatus: .init(
                unknown: 0,
                ready: health.shards.count - health.recovering.count - health.inTransfer.count,
                inTransfer: health.inTransfer.count,
                inRecovery: health.recovering.count
            ),
            readOnly: health.readOnly.count
        )
        shardDetail =
            detailed
            ? ShardDetail(
                owned: health.shards.map { shard in
                    .init(
                        shard: shard,
                        status: health.recovering.contains(shard)
                            ? "inRecovery"
                            : health.inTransfer.contains(shard) ? "inTransfer" : "ready"
                    )
                },
                other: health.readOnly.map { .init(shard: $0, status: "readOnly") }
            ) : nil
        latestCheckpointSequenceNumber = max(health.ledgerHeight, health.height)
        nodeId = health.node.description
        shards = health.shards
        blockHash = Hex.encode(health.blockHash.bytes)
        isFull = health.isFull
        shardsRecovering = health.recovering
        blobsIncomplete = health.blobsIncomplete
        scrub = Scrub(
            passes: health.scrub.passes,
            sliversChecked: health.scrub.sliversChecked,
            damaged: health.scrub.damaged
        )
        shardsInTransfer = health.inTransfer
        shardsReadOnly = health.readOnly
        divergence = health.divergence.map { String($0.prefix(Self.divergenceMax)) }
        isLedgerSilent = health.isLedgerSilent
        isReady = health.obstacles.isEmpty
    }

    /// The health; nil when a member has a value that it cannot have.
    package var health: NodeHealth? {
        // What does not decode is no health.
        guard let key = try? Base64.decodeStandard(publicKey), key.count == 32,
            let status = NodeHealth.Status(rawValue: nodeStatus), nodeId.hasPrefix("0x"),
            let node = try? Hex.decode(String(nodeId.dropFirst(2))), node.count == 32,
            let hash = try? Hex.decode(blockHash), hash.count == 32
        else { return nil }
        return NodeHealth(
            uptimeSeconds: uptime.secs,
            epoch: epoch,
            publicKey: PublicKey(bytes: key),
            node: NodeID(bytes: node),
            status: status,
            shards: shards,
            height: eventProgress.persisted,
            // Who has applied a block knows of it.
            ledgerHeight: max(latestCheckpointSequenceNumber ?? 0, eventProgress.persisted),
            blockHash: BlockHash(bytes: hash),
            isFull: isFull,
            recovering: shardsRecovering ?? [],
            blobsIncomplete: blobsIncomplete ?? 0,
            scrub: NodeHealth.Scrub(
                passes: scrub?.passes ?? 0,
                sliversChecked: scrub?.sliversChecked ?? 0,
                damaged: scrub?.damaged ?? 0
            ),
            inTransfer: shardsInTransfer ?? [],
            readOnly: shardsReadOnly ?? [],
            divergence: divergence.map { String($0.prefix(Self.divergenceMax)) },
            isLedgerSilent: isLedgerSilent ?? false
        )
    }
}
