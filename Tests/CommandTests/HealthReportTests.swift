internal import BlobModel
internal import Ledger
internal import Testing

@testable internal import walrus

/// How a network is, from what its nodes say: decided without one.
@Suite struct HealthReportTests {
    private static func health(
        _ member: CommitteeMember,
        status: NodeHealth.Status = .active,
        height: UInt64 = 100,
        isFull: Bool = false,
        missing: UInt64 = 0,
        damaged: UInt64 = 0,
        inTransfer: [UInt16] = [],
        divergence: String? = nil,
        isLedgerSilent: Bool = false
    ) -> NodeHealth {
        NodeHealth(
            uptimeSeconds: 5,
            epoch: 4,
            publicKey: Committee.key,
            node: member.node,
            status: status,
            shards: member.shards,
            height: height,
            ledgerHeight: max(height, 100),
            blockHash: BlockHash(bytes: [UInt8](repeating: 1, count: 32)),
            isFull: isFull,
            blobsIncomplete: missing,
            scrub: .init(passes: 0, sliversChecked: 0, damaged: damaged),
            inTransfer: inTransfer,
            divergence: divergence,
            isLedgerSilent: isLedgerSilent
        )
    }

    private static func report(
        _ member: CommitteeMember,
        _ health: NodeHealth
    ) -> NodeReport {
        NodeReport(member, name: "n", health, latency: .milliseconds(7), height: 100)
    }

    @Test func aNodesConditionFollowsFromItsHealth() throws {
        let member = try Committee.weighing([4]).members[0]
        let cases: [(NodeHealth, NodeReport.Condition, String?)] = [
            (Self.health(member), .healthy, nil),
            (Self.health(member, height: 36), .healthy, nil),
            (Self.health(member, height: 35), .impaired, "65 blocks behind"),
            (Self.health(member, status: .recovering, missing: 3), .impaired, "recovers 3"),
            (Self.health(member, damaged: 2), .impaired, "damaged 2"),
            (Self.health(member, inTransfer: [1]), .impaired, "1 shards are on their way"),
            (Self.health(member, isFull: true), .notReady, "disk is full"),
            (Self.health(member, isLedgerSilent: true), .notReady, "does not answer"),
            (Self.health(member, status: .catchingUp, height: 9), .notReady, "9 of at least 100"),
            (
                Self.health(member, status: .standby, divergence: "it ends at 3"), .notReady,
                "it ends at 3"
            ),
        ]
        for (health, condition, remark) in cases {
            let report = Self.report(member, health)
            #expect(report.condition == condition, "\(report)")
            if let remark {
                #expect(report.remarks.contains { $0.contains(remark) }, "\(report.remarks)")
            } else {
                #expect(report.remarks.isEmpty, "\(report.remarks)")
            }
            #expect(report.latencyMilliseconds == 7)
        }
    }

    /// Of ten shards seven are needed to write, and four to read.
    @Test(arguments: [
        (0, 0, true, "healthy", 0), (1, 0, true, "impaired", 1), (3, 0, true, "impaired", 1),
        (4, 0, true, "writesStopped", 2), (0, 4, true, "writesStopped", 2),
        (6, 0, true, "writesStopped", 2), (7, 0, true, "readsAtRisk", 2),
        (6, 4, true, "writesStopped", 2), (0, 0, false, "writesStopped", 2),
        (7, 0, false, "readsAtRisk", 2),
    ])
    func theNetworkIsWhatItsNodesComeTo(
        down: Int,
        notReady: Int,
        hasLedger: Bool,
        condition: String,
        exitCode: Int32
    ) throws {
        let committee = try Committee.weighing([Int](repeating: 1, count: 10))
        let nodes = committee.members.enumerated().map { index, member in
            index < down
                ? NodeReport(member, name: "n", error: "gone")
                : Self.report(member, Self.health(member, isFull: index < down + notReady))
        }
        let ledger = NetworkHealth.LedgerReport(
            height: hasLedger ? 100 : nil,
            epoch: hasLedger ? 4 : nil,
            error: hasLedger ? nil : "cannot connect"
        )
        let health = NetworkHealth(ledger: ledger, nodes, committee, isWhole: true)
        #expect(health.condition.rawValue == condition)
        #expect(health.exitCode == exitCode)
        #expect(health.text.hasSuffix(health.summary))
        // Some nodes alone say nothing of the network.
        let some = NetworkHealth(ledger: ledger, Array(nodes.prefix(1)), committee, isWhole: false)
        #expect(some.exitCode == (down + notReady == 0 && hasLedger ? 0 : 1))
    }

    @Test func aLedgerThatAnswersAndTakesNothingStopsWrites() throws {
        let committee = try Committee.weighing([3, 3, 4])
        let nodes = committee.members.map { Self.report($0, Self.health($0)) }
        let ledger = NetworkHealth.LedgerReport(
            height: 100,
            epoch: 4,
            error: nil,
            fault: "there are two chains"
        )
        let health = NetworkHealth(ledger: ledger, nodes, committee, isWhole: true)
        #expect(health.exitCode == 2)
        #expect(
            health.text.hasSuffix(
                """
                ledger: block 100, epoch 4
                ledger: there are two chains
                writes stopped: the ledger takes no transactions
                """
            )
        )
    }

    @Test func theTableHasALineForEachNode() throws {
        let committee = try Committee.weighing([3, 3, 4])
        var nodes = committee.members.dropLast().map { Self.report($0, Self.health($0)) }
        nodes.append(NodeReport(committee.members[2], name: "gone", error: "cannot connect"))
        let health = NetworkHealth(
            ledger: .init(height: 100, epoch: 4, error: nil),
            nodes,
            committee,
            isWhole: true
        )
        #expect(
            health.text == """
                NODE  ADDRESS              STATUS       EPOCH  BEHIND  SHARDS  MISSING  DAMAGED  MS
                n     https://host-0:9185  Active       4      0       3       0        0        7
                n     https://host-1:9185  Active       4      0       3       0        0        7
                gone  https://host-2:9185  unreachable

                gone: cannot connect
                ledger: block 100, epoch 4
                writes stopped: nodes with 6 shards take slivers, and 7 are needed
                """
        )
    }
}
