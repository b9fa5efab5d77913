import BlobClient
import BlobModel
import Ledger
import SystemIO
import TestNetwork
import Testing

/// Which of the nodes' words about a blob is believed.
@Suite struct StatusTallyTests {
    private static func event(_ number: UInt32) -> StatusEvent {
        StatusEvent(transaction: TransactionDigest(bytes: [UInt8](0..<32)), index: number)
    }

    private static let none = NodeBlobStatus.DeletableCounts(total: 0, certified: 0)
    private static let registered = NodeBlobStatus.permanent(
        end: 5,
        isCertified: false,
        event: event(1),
        none,
        initialCertifiedEpoch: nil
    )
    private static let certified = NodeBlobStatus.permanent(
        end: 5,
        isCertified: true,
        event: event(2),
        none,
        initialCertifiedEpoch: 1
    )
    private static let later = NodeBlobStatus.permanent(
        end: 9,
        isCertified: true,
        event: event(3),
        none,
        initialCertifiedEpoch: 1
    )
    private static let deletable = NodeBlobStatus.deletable(
        .init(total: 1, certified: 1),
        initialCertifiedEpoch: 2
    )
    private static let invalid = NodeBlobStatus.invalid(event(4))

    private func tally(_ answers: [(NodeBlobStatus, Int)]) throws -> StatusTally {
        var tally = StatusTally(committee: try TestNetwork().genesis.committee())
        var member = 0
        for (status, count) in answers {
            for _ in 0..<count {
                tally.answered(member, status)
                member += 1
            }
        }
        return tally
    }

    /// Ten nodes of one shard each: a quorum is seven, and four have one in right hands.
    @Test func aStatusNeedsAQuorumOfAnswersAndFourThatAgree() throws {
        #expect(try tally([(Self.certified, 6)]).trusted == nil)
        #expect(try tally([(Self.certified, 7)]).trusted == Self.certified)
        #expect(try tally([(Self.certified, 4), (Self.registered, 3)]).trusted == Self.certified)
        #expect(try tally([(Self.certified, 3), (Self.registered, 4)]).trusted == Self.registered)
        #expect(
            try tally([(Self.certified, 3), (Self.registered, 3), (.nonexistent, 1)]).trusted == nil
        )
        // Three liars decide nothing, whatever they say.
        #expect(try tally([(Self.invalid, 3), (Self.certified, 7)]).trusted == Self.certified)
        #expect(try tally([(Self.invalid, 4), (Self.certified, 6)]).trusted == Self.invalid)
    }

    @Test func thatThereIsNoSuchBlobIsAQuorumsWord() throws {
        #expect(try tally([(.nonexistent, 7)]).trusted == .nonexistent)
        #expect(try tally([(.nonexistent, 6), (Self.certified, 1)]).trusted == nil)
        #expect(try tally([(.nonexistent, 7), (Self.certified, 3)]).trusted == .nonexistent)
        #expect(try tally([(.nonexistent, 6), (Self.certified, 4)]).trusted == Self.certified)
    }

    @Test func nobodyAnswersTwiceAndSilenceIsCounted() throws {
        var tally = StatusTally(committee: try TestNetwork().genesis.committee())
        for _ in 0..<10 { tally.answered(0, Self.certified) }
        #expect(!tally.isQuorum)
        for member in 1..<10 {
            #expect(!tally.isOver)
            tally.failed(member)
        }
        #expect(tally.isOver)
        #expect(tally.trusted == nil)
    }

    @Test func statusesHaveTheReferencesOrder() {
        let more = NodeBlobStatus.deletable(
            .init(total: 2, certified: 1),
            initialCertifiedEpoch: 2
        )
        let older = NodeBlobStatus.deletable(
            .init(total: 2, certified: 1),
            initialCertifiedEpoch: 1
        )
        let ascending = [
            .nonexistent, Self.deletable, more, older, Self.registered, Self.certified,
            Self.later, Self.invalid,
        ]
        for (low, left) in ascending.enumerated() {
            for (high, right) in ascending.enumerated() {
                #expect(right.isAbove(left) == (high > low))
            }
        }
    }

    @Test func theLedgerDecidesWhereTheNodesDoNot() throws {
        let split = try tally([(Self.later, 3), (Self.certified, 3), (.nonexistent, 1)])
        #expect(split.trusted == nil)
        let empty = BlobStatusRecord(invalidSince: nil, currentEpoch: 1, holdings: [])
        #expect(split.confirmed(by: empty) == .nonexistent)
        let bad = BlobStatusRecord(invalidSince: 1, currentEpoch: 1, holdings: [])
        #expect(split.confirmed(by: bad) == nil)
        #expect(try tally([(Self.certified, 6), (.nonexistent, 0)]).confirmed(by: empty) == nil)
    }
}

@Suite struct BlobStatusTests {
    private static let patience = Duration.seconds(3600)

    /// A stored blob, and nodes that fail or lie in front of the client.
    private func withBlob(
        _ body: (BlobClient, TestNetwork, [FaultyNode], BlobID) async throws -> Void
    ) async throws {
        let network = try TestNetwork()
        let nodes = network.nodes.map { FaultyNode($0) }
        let client = try await network.client { index, _ in nodes[index] }
        let stored = try await network.volume(client).store.store(TestNetwork.bytes(500))
        try await network.ledger.settle()
        try await body(client, network, nodes, stored.blob)
    }

    private func expect(
        _ client: BlobClient,
        _ blob: BlobID,
        _ wanted: NodeBlobStatus,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let status = try await client.status(of: blob, patience: Self.patience)
        #expect(status == wanted, sourceLocation: sourceLocation)
    }

    @Test func aStoredBlobIsWhatAllNodesSay() async throws {
        try await withBlob { client, _, nodes, blob in
            let wanted = NodeBlobStatus.deletable(
                .init(total: 1, certified: 1),
                initialCertifiedEpoch: 0
            )
            try await expect(client, blob, wanted)
            for index in [0, 5, 9] { nodes[index].set(.down) }
            try await expect(client, blob, wanted)
            // Those that do not answer are not waited for.
            for index in [0, 5, 9] { nodes[index].set(.stalled) }
            try await expect(client, blob, wanted)
            let unknown = BlobID(bytes: [UInt8](repeating: 3, count: 32))
            try await expect(client, unknown, .nonexistent)
        }
    }

    @Test func withTooFewNodesNothingIsSaid() async throws {
        try await withBlob { client, _, nodes, blob in
            for index in 0..<4 { nodes[index].set(.down) }
            await #expect(throws: BlobStoreError.self) {
                try await client.status(of: blob, patience: Self.patience)
            }
            // And patience has an end where they only do not answer.
            for index in 0..<4 { nodes[index].set(.stalled) }
            await #expect(throws: BlobStoreError.self) {
                try await client.status(of: blob, patience: .milliseconds(1))
            }
        }
    }
}
