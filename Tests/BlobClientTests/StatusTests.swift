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
        #expect(try tally([(Self.certified, 7)]).trusted?.status == Self.certified)
        #expect(
            try tally([(Self.certified, 4), (Self.registered, 3)]).trusted?.status == Self.certified
        )
        #expect(
            try tally([(Self.certified, 3), (Self.registered, 4)]).trusted?.status
                == Self.registered
        )
        #expect(
            try tally([(Self.certified, 3), (Self.registered, 3), (.nonexistent, 1)]).trusted == nil
        )
        // Three liars decide nothing, whatever they say.
        #expect(
            try tally([(Self.invalid, 3), (Self.certified, 7)]).trusted?.status == Self.certified
        )
        #expect(
            try tally([(Self.invalid, 4), (Self.certified, 6)]).trusted?.status == Self.invalid
        )
    }

    @Test func thatThereIsNoSuchBlobIsAQuorumsWord() throws {
        #expect(try tally([(.nonexistent, 7)]).trusted?.status == .nonexistent)
        #expect(try tally([(.nonexistent, 6), (Self.certified, 1)]).trusted == nil)
        #expect(
            try tally([(.nonexistent, 7), (Self.certified, 3)]).trusted?.status == .nonexistent
        )
        #expect(
            try tally([(.nonexistent, 6), (Self.certified, 4)]).trusted?.status == Self.certified
        )
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

    /// What the ledger says of a blob that is stored `copies` times until epoch `end`.
    private func record(end: Epoch, copies: Int = 1, deletable: Bool = false) -> BlobStatusRecord {
        let id = ObjectID(bytes: [UInt8](repeating: 1, count: 32))
        let owner = Address(of: TestNetwork.key("alice").publicKey)
        let holding = BlobRecord(
            id: id,
            owner: owner,
            description: BlobDescription(
                blob: BlobID(bytes: [UInt8](repeating: 2, count: 32)),
                root: [UInt8](repeating: 3, count: 32),
                length: 10
            ),
            registered: 0,
            certified: 1,
            storage: StorageRecord(id: id, owner: owner, size: 1000, start: 0, end: end),
            deletable: deletable
        )
        return BlobStatusRecord(
            invalidSince: nil,
            currentEpoch: 1,
            holdings: [BlobHolding](repeating: .blob(holding), count: copies)
        )
    }

    @Test func theLedgerDecidesWhereTheNodesDoNot() throws {
        let split = try tally([(Self.later, 3), (Self.certified, 3), (.nonexistent, 1)])
        #expect(split.trusted == nil)
        #expect(split.confirmed(by: record(end: 9))?.status == Self.later)
        #expect(split.confirmed(by: record(end: 5))?.status == Self.certified)
        #expect(split.confirmed(by: record(end: 7)) == nil)
        let bad = BlobStatusRecord(invalidSince: 1, currentEpoch: 1, holdings: [])
        #expect(split.confirmed(by: bad) == nil)
        // That there is none is a quorum's word, whatever a ledger's record says.
        let empty = BlobStatusRecord(invalidSince: nil, currentEpoch: 1, holdings: [])
        #expect(split.confirmed(by: empty) == nil)
        #expect(try tally([(Self.certified, 6), (.nonexistent, 0)]).confirmed(by: empty) == nil)
    }

    /// The liar's event was told, because it came first of those that the ledger confirms.
    @Test func aLiarsEventIsNotTold() throws {
        func lie(_ event: UInt32) -> NodeBlobStatus {
            .permanent(
                end: 5,
                isCertified: true,
                event: Self.event(event),
                Self.none,
                initialCertifiedEpoch: 1
            )
        }
        let record = record(end: 5)
        // Both orders of a set of two, so that no order of a dictionary hides it.
        for liar: UInt32 in 5..<25 {
            let split = try tally([
                (lie(liar), 1), (Self.certified, 3), (Self.registered, 3),
            ])
            #expect(split.trusted == nil)
            #expect(
                split.confirmed(by: record)
                    == BelievedBlobStatus(Self.certified, isEventBelieved: false)
            )
        }
        // A fourth node that tells the same event is enough, also if it is behind in the epoch.
        let behind = NodeBlobStatus.permanent(
            end: 4,
            isCertified: true,
            event: Self.event(2),
            Self.none,
            initialCertifiedEpoch: 1
        )
        let four = try tally([(Self.certified, 3), (behind, 1), (Self.registered, 3)])
        #expect(
            four.confirmed(by: record) == BelievedBlobStatus(Self.certified, isEventBelieved: true)
        )
        // Three liars and nobody else are not told either, though the ledger agrees in the rest.
        let liars = try tally([(lie(7), 3), (Self.later, 3), (Self.registered, 1)])
        #expect(liars.confirmed(by: record)?.isEventBelieved == false)
    }

    /// A record that was cut said that there are exactly so many objects.
    @Test func aRecordThatWasCutIsNoEvidence() throws {
        for (count, isEvidence) in [(63, true), (64, false)] {
            let status = NodeBlobStatus.deletable(
                .init(total: UInt32(count), certified: UInt32(count)),
                initialCertifiedEpoch: 1
            )
            let split = try tally([(status, 3), (Self.certified, 3), (.nonexistent, 3)])
            let record = record(end: 5, copies: count, deletable: true)
            #expect((split.confirmed(by: record)?.status == status) == isEvidence)
        }
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
        let believed = BelievedBlobStatus(wanted, isEventBelieved: true)
        #expect(status == believed, sourceLocation: sourceLocation)
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
