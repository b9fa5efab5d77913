internal import BlobClient
internal import BlobModel
internal import Ledger
internal import SystemIO
internal import Transport

/// What one node says of itself, or that it says nothing.
struct NodeReport: Encodable, Sendable {
    /// How much of an alarm it is.
    enum Condition: String, Encodable, Sendable {
        /// It serves, takes slivers and has all it should have.
        case healthy
        /// It serves, and something is to be looked at: see `remarks`.
        case impaired
        /// It takes no slivers: see `remarks`.
        case notReady
        /// It does not answer.
        case unreachable
    }

    let name: String
    let nodeId: String
    let networkAddress: String
    /// The shards that the committee gives it.
    let shards: Int
    let condition: Condition
    let remarks: [String]
    /// Blocks that the ledger has and the node has not; nil when either is not known.
    let blocksBehind: UInt64?
    let latencyMilliseconds: UInt64?
    let health: WireHealth?

    /// A node that answered `health` after `latency`; `height` is the ledger's.
    init(
        _ member: CommitteeMember,
        name: String,
        _ health: NodeHealth,
        latency: Duration,
        height: UInt64?,
        detailed: Bool = true
    ) {
        let behind = height.map { $0 - min($0, health.height) }
        var remarks = health.obstacles
        if !remarks.isEmpty {
            condition = .notReady
        } else {
            remarks = Self.remarks(health, behind: behind)
            condition = remarks.isEmpty ? .healthy : .impaired
        }
        self.name = name
        nodeId = member.node.description
        networkAddress = member.address
        shards = member.weight
        self.remarks = remarks
        blocksBehind = behind
        latencyMilliseconds = UInt64(max(0, latency / .milliseconds(1)))
        self.health = WireHealth(health, detailed: detailed)
    }

    /// A node that did not answer.
    init(_ member: CommitteeMember, name: String, error: String) {
        self.name = name
        nodeId = member.node.description
        networkAddress = member.address
        shards = member.weight
        condition = .unreachable
        remarks = [error]
        blocksBehind = nil
        latencyMilliseconds = nil
        health = nil
    }

    private static func remarks(_ health: NodeHealth, behind: UInt64?) -> [String] {
        var remarks: [String] = []
        // Some blocks are always on their way.
        if let behind, behind > blocksBehindMax { remarks.append("it is \(behind) blocks behind") }
        if health.blobsIncomplete > 0 {
            remarks.append("it recovers \(health.blobsIncomplete) blobs")
        }
        if !health.inTransfer.isEmpty {
            remarks.append("\(health.inTransfer.count) shards are on their way to it")
        }
        if health.scrub.damaged > 0 {
            remarks.append("its disk has damaged \(health.scrub.damaged) slivers since it started")
        }
        return remarks
    }

    private static let blocksBehindMax: UInt64 = 64
}

/// What the nodes of a network come to together.
struct NetworkHealth: Encodable, Sendable {
    enum Condition: String, Encodable, Sendable {
        case healthy
        /// It works, and something is to be looked at.
        case impaired
        /// Nothing can be stored until something changes.
        case writesStopped
        /// Not everything can be read.
        case readsAtRisk
    }

    struct LedgerReport: Encodable, Sendable {
        let height: UInt64?
        let epoch: Epoch?
        let error: String?
        /// Why it takes no transactions, though it answers.
        var fault: String?
    }

    let ledger: LedgerReport
    let nodes: [NodeReport]
    /// Shards whose nodes take slivers.
    let shardsReady: Int
    /// Shards whose nodes answer.
    let shardsReachable: Int
    let shardsNeededToWrite: Int
    let shardsNeededToRead: Int
    let condition: Condition

    /// `nodes` are all members of `committee`, or only those that were asked for; then the network
    /// as a whole is not judged.
    init(ledger: LedgerReport, _ nodes: [NodeReport], _ committee: Committee, isWhole: Bool) {
        func weight(_ conditions: [NodeReport.Condition]) -> Int {
            nodes.filter { conditions.contains($0.condition) }.reduce(0) { $0 + $1.shards }
        }
        self.ledger = ledger
        self.nodes = nodes
        shardsReady = weight([.healthy, .impaired])
        shardsReachable = weight([.healthy, .impaired, .notReady])
        shardsNeededToWrite = committee.quorum
        // So many primary slivers give a blob back.
        shardsNeededToRead = committee.faultyMax + 1
        let takesNothing = ledger.error != nil || ledger.fault != nil
        let isFine = !takesNothing && nodes.allSatisfy { $0.condition == .healthy }
        if isWhole, shardsReachable < shardsNeededToRead {
            condition = .readsAtRisk
        } else if isWhole, takesNothing || shardsReady < shardsNeededToWrite {
            condition = .writesStopped
        } else {
            condition = isFine ? .healthy : .impaired
        }
    }

    /// For scripts: whoever is woken by 2 has more to lose than by 1.
    var exitCode: Int32 {
        switch condition {
        case .healthy: 0
        case .impaired: CommandFailure.failed.rawValue
        case .writesStopped, .readsAtRisk: CommandFailure.critical.rawValue
        }
    }

    /// The last line of the table.
    var summary: String {
        switch condition {
        case .healthy: "healthy"
        case .impaired: "impaired: see the remarks"
        case .writesStopped where ledger.error != nil:
            "writes stopped: the ledger does not answer"
        case .writesStopped where ledger.fault != nil:
            "writes stopped: the ledger takes no transactions"
        case .writesStopped:
            "writes stopped: nodes with \(shardsReady) shards take slivers, and "
                + "\(shardsNeededToWrite) are needed"
        case .readsAtRisk:
            "reads at risk: nodes with \(shardsReachable) shards answer, and "
                + "\(shardsNeededToRead) are needed"
        }
    }
}

/// A table for people: columns as wide as what is in them.
struct TextTable {
    private var rows: [[String]]

    init(_ header: [String]) { rows = [header] }

    mutating func add(_ row: [String]) { rows.append(row) }

    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
