internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import Transport

/// `walrus info`.
struct InfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Say what a network is like, and who is there.",
        discussion: """
              walrus info --network "$NETWORK"
              walrus info committee        # every node, and whether it answers
              walrus info all --json

            Exit codes: 0 the ledger answered; 1 it did not; 64 used wrongly.
            """
    )

    enum Topic: String, CaseIterable, ExpressibleByArgument {
        case summary, all, epoch, storage, size, price, committee, bft
    }

    @OptionGroup var options: NetworkOptions

    @Argument(help: "What about: all, epoch, storage, size, price, committee or bft.")
    var topic = Topic.summary

    func run() async throws {
        try await options.run { network in
            let info = try await network.access.ledger.info()
            let state = try await network.access.ledger.epochState()
            let wantsNodes = topic == .committee || topic == .all
            let output = try InfoOutput(
                info,
                state,
                nodes: wantsNodes ? try await NodeSurvey.ask(network) : nil,
                wantsFaults: topic == .bft || topic == .all
            )
            if options.json { try Output.printJSON(output) } else { print(output.text(topic)) }
        }
    }
}

/// Asks every node of a committee how it is.
enum NodeSurvey {
    struct Node: Encodable, Sendable {
        let name: String
        let nodeId: String
        let networkAddress: String
        let shardIds: [UInt16]
        let networkPublicKey: String
        let publicKey: String
        /// `Active`, `RecoveryCatchUp`, `Standby`, or `Unreachable`.
        let status: String
        let height: UInt64?
    }

    static func ask(_ network: CommandNetwork) async throws -> [Node] {
        let records = try await network.access.ledger.nodes()
        let committee = try await network.access.ledger.committee()
        return await withTaskGroup(of: (Int, Node).self) { group in
            for (index, member) in committee.members.enumerated() {
                let name = records.first { $0.id == member.node }?.name ?? member.node.description
                group.addTask {
                    let connection = network.connect(member)
                    // A node that does not answer is what the column is for.
                    let health = try? await connection.health()
                    return (index, node(member, name, health))
                }
            }
            var nodes: [(Int, Node)] = []
            for await node in group { nodes.append(node) }
            return nodes.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func node(
        _ member: CommitteeMember,
        _ name: String,
        _ health: NodeHealth?
    ) -> Node {
        Node(
            name: name,
            nodeId: member.node.description,
            networkAddress: member.address,
            shardIds: member.shards,
            networkPublicKey: member.networkKey.description,
            publicKey: member.protocolKey.description,
            status: health?.status.rawValue ?? "Unreachable",
            height: health?.height
        )
    }
}

/// The reference's `info` in JSON, with `networkInfo` added.
struct InfoOutput: Encodable {
    struct NetworkInfo: Encodable {
        let networkId: String
        let incarnation: UInt32
        let height: UInt64
        let blockHash: String
        let capacityUsed: UInt64
        let capacity: UInt64
    }

    struct EpochInfo: Encodable {
        let currentEpoch: Epoch
        /// Milliseconds since 1970 UTC.
        let startOfCurrentEpoch: UInt64
        let epochDuration: UInt64
        let maxEpochsAhead: UInt32
        /// `EpochChangeSync` while shards move, `NextParamsSelected` once the next epoch is
        /// settled, `EpochChangeDone` in between.
        let state: String

        /// The state in words.
        var change: String {
            switch state {
            case "EpochChangeSync": "shards are on their way to their nodes"
            case "NextParamsSelected": "the next epoch is settled"
            default: "done"
            }
        }
    }

    struct StorageInfo: Encodable {
        let nShards: Int
        let nNodes: Int
    }

    struct SizeInfo: Encodable {
        let storageUnitSize: UInt64
        let maxBlobSize: UInt64
    }

    struct PriceInfo: Encodable {
        /// The reference's encodings have prices of their own; ours is RedStuff, one.
        struct Encoding: Encodable {
            struct Example: Encodable {
                let unencodedSize: UInt64
                let encodedSize: UInt64
                /// For one epoch, without what the write costs once.
                let price: Frost
                let encodingType: String
            }

            /// Unencoded bytes that `marginalPrice` is for.
            let marginalSize: UInt64
            /// What a blob costs for an epoch however small it is.
            let metadataPrice: Frost
            let marginalPrice: Frost
            let exampleBlobs: [Example]
            let encodingType: String
        }

        let storagePricePerUnitSize: Frost
        let writePricePerUnitSize: Frost
        let encodingDependentPriceInfo: [Encoding]

        static let encodingType = "RS2"
        private static let unit: UInt64 = 1 << 20
        private static let examples: [UInt64] = [1 << 10, 1 << 20, 16 << 20, 512 << 20, 1 << 30]

        init(_ rules: GenesisRules, _ parameters: EncodingParameters) {
            /// Saturates: a price that no one can pay is as good as a higher one.
            func price(_ length: UInt64) -> Frost {
                let units = length / Self.unit + (length % Self.unit == 0 ? 0 : 1)
                let (price, isOver) = units.multipliedReportingOverflow(by: rules.storagePrice)
                return isOver ? .max : price
            }
            let metadata = UInt64(parameters.shardCount) * parameters.metadataLength
            let examples = Self.examples.compactMap { length in
                // What is too long for the network is no example of it.
                (try? parameters.encodedLength(of: length)).map { encoded in
                    Encoding.Example(
                        unencodedSize: length,
                        encodedSize: encoded,
                        price: price(encoded),
                        encodingType: Self.encodingType
                    )
                }
            }
            // Long enough for symbols of any length, and such that it is there at every count.
            let long = parameters.blobLengthMax / 2
            let marginal = [long, long + Self.unit].compactMap {
                try? parameters.encodedLength(of: min($0, parameters.blobLengthMax))
            }
            let growth = marginal.count == 2 ? marginal[1] - marginal[0] : 0
            storagePricePerUnitSize = rules.storagePrice
            writePricePerUnitSize = rules.writePrice
            encodingDependentPriceInfo = [
                Encoding(
                    marginalSize: Self.unit,
                    metadataPrice: price(metadata),
                    marginalPrice: price(growth),
                    exampleBlobs: examples,
                    encodingType: Self.encodingType
                )
            ]
        }
    }

    struct FaultInfo: Encodable {
        let maxFaultyShards: Int
        let minCorrectShards: Int
        let quorumThreshold: Int
        let minNodesAbove: Int
        let shardsAbove: Int
        /// How many nodes may be down while blobs can still be stored.
        let nodesThatMayBeDown: Int
    }

    let networkInfo: NetworkInfo
    let epochInfo: EpochInfo
    let storageInfo: StorageInfo
    let sizeInfo: SizeInfo
    let priceInfo: PriceInfo
    let committeeInfo: [NodeSurvey.Node]?
    let bftInfo: FaultInfo?

    init(
        _ info: LedgerInfo,
        _ state: EpochState,
        nodes: [NodeSurvey.Node]?,
        wantsFaults: Bool
    ) throws {
        let committee = state.committee
        networkInfo = NetworkInfo(
            networkId: info.network.description,
            incarnation: info.incarnation,
            height: info.head.height,
            blockHash: info.head.hash.description,
            capacityUsed: info.capacityUsed,
            capacity: info.rules.capacity
        )
        epochInfo = EpochInfo(
            currentEpoch: info.epoch,
            startOfCurrentEpoch: info.epochStartMilliseconds,
            epochDuration: info.rules.epochDurationMilliseconds,
            maxEpochsAhead: info.rules.epochsAheadMax,
            state: state.change != nil
                ? "EpochChangeSync"
                : state.selection != nil ? "NextParamsSelected" : "EpochChangeDone"
        )
        storageInfo = StorageInfo(
            nShards: committee.shardCount,
            nNodes: committee.members.count
        )
        let parameters = try EncodingParameters(shardCount: committee.shardCount)
        sizeInfo = SizeInfo(storageUnitSize: 1 << 20, maxBlobSize: parameters.blobLengthMax)
        priceInfo = PriceInfo(info.rules, parameters)
        committeeInfo = nodes
        bftInfo = wantsFaults ? Self.faults(committee) : nil
    }

    private static func faults(_ committee: Committee) -> FaultInfo {
        let weights = committee.members.map(\.weight).sorted(by: >)
        // The largest nodes are lost first: that is the worst case.
        var lost = 0
        var down = 0
        for weight in weights {
            lost += weight
            guard committee.isQuorum(committee.shardCount - lost) else { break }
            down += 1
        }
        var gathered = 0
        var above = 0
        for weight in weights where !committee.isQuorum(gathered) {
            gathered += weight
            above += 1
        }
        return FaultInfo(
            maxFaultyShards: committee.faultyMax,
            minCorrectShards: committee.shardCount - committee.faultyMax,
            quorumThreshold: committee.quorum,
            minNodesAbove: above,
            shardsAbove: gathered,
            nodesThatMayBeDown: down
        )
    }

    func text(_ topic: InfoCommand.Topic) -> String {
        var lines: [String] = []
        let wants = { (one: InfoCommand.Topic) in
            topic == one || topic == .all || topic == .summary
        }
        if topic == .summary || topic == .all {
            lines.append("Network        \(networkInfo.networkId)")
            lines.append("Ledger         block \(networkInfo.height)")
        }
        if wants(.epoch) {
            lines.append(
                "Epoch          \(epochInfo.currentEpoch)"
                    + (epochInfo.epochDuration == 0
                        ? ", until an administrator ends it"
                        : ", each of \(epochInfo.epochDuration / 1000) s")
            )
            lines.append("Change         \(epochInfo.change)")
            lines.append("Paid ahead     up to \(epochInfo.maxEpochsAhead) epochs")
        }
        if wants(.storage) {
            lines.append("Nodes          \(storageInfo.nNodes)")
            lines.append("Shards         \(storageInfo.nShards)")
            lines.append(
                "Reserved       \(networkInfo.capacityUsed) of \(networkInfo.capacity) bytes"
            )
        }
        if wants(.size) { lines.append("Largest blob   \(sizeInfo.maxBlobSize) bytes") }
        if wants(.price) {
            lines.append(
                "Storage price  \(priceInfo.storagePricePerUnitSize) FROST per MiB and epoch"
            )
            lines.append("Write price    \(priceInfo.writePricePerUnitSize) FROST per MiB")
        }
        if topic == .price || topic == .all {
            for example in priceInfo.encodingDependentPriceInfo.flatMap(\.exampleBlobs) {
                lines.append(
                    "Example        \(example.unencodedSize) bytes are \(example.encodedSize) "
                        + "encoded: \(example.price) FROST per epoch"
                )
            }
        }
        if let bft = bftInfo {
            lines.append("Faulty shards  up to \(bft.maxFaultyShards)")
            lines.append("Quorum         \(bft.quorumThreshold) shards")
            lines.append(
                bft.nodesThatMayBeDown == 0
                    ? "One node down stops writes."
                    : "Nodes down     up to \(bft.nodesThatMayBeDown) without stopping writes"
            )
        }
        for node in committeeInfo ?? [] {
            let shards = node.shardIds.map { String($0) }.joined(separator: ",")
            lines.append(
                "\(node.name)  \(node.networkAddress)  \(node.status)  shards \(shards)"
                    + (node.height.map { "  block \($0)" } ?? "")
            )
        }
        return lines.joined(separator: "\n")
    }
}
