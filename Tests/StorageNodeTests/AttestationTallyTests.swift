import BlobModel
import Ledger
import StorageNode
import TestNetwork
import Testing

/// When attestations of an invalid blob are enough.
@Suite struct AttestationTallyTests {
    private static let blob = BlobID(bytes: [UInt8](repeating: 3, count: 32))
    private static let keys = (0..<10).map { TestNetwork.key("node \($0)") }

    private struct Scene {
        let committee: Committee
        let domain: SigningDomain
        var tally: AttestationTally

        init(nodes: Int = 10, shards: Int = 10) throws {
            let genesis = try TestNetwork.genesis(
                Array(keys.prefix(nodes)),
                shards: shards,
                rules: GenesisRules(),
                account: TestNetwork.key("alice"),
                balance: 1
            )
            committee = try genesis.committee()
            domain = SigningDomain(network: genesis.networkID, incarnation: 0)
            tally = AttestationTally(committee: committee, blob: blob)
        }

        func signed(
            by member: Int,
            epoch: Epoch = 0,
            of blob: BlobID = AttestationTallyTests.blob
        ) -> SignedMessage {
            domain.sign(.invalidBlobID(epoch: epoch, blob: blob), with: keys[member])
        }

        /// Whether the answer is one that a correct node may give.
        mutating func answer(_ member: Int, _ signed: SignedMessage) -> Bool {
            tally.answered(member, signed, in: domain)
        }
    }

    /// From so many shards on, the ledger takes it, and with one less it does not.
    @Test(arguments: [(4, 4, 2), (5, 5, 2), (6, 6, 3), (7, 7, 3), (10, 10, 4), (4, 13, 2)])
    func enoughIsWhatTheLedgerTakes(nodes: Int, shards: Int, needed: Int) throws {
        var scene = try Scene(nodes: nodes, shards: shards)
        for member in 0..<needed {
            #expect(scene.tally.decision == .wait)
            let message = scene.signed(by: member)
            // Said twice is said once.
            for _ in 0..<2 {
                let isHonest = scene.answer(member, message)
                #expect(isHonest)
            }
        }
        guard case .enough(let certificate) = scene.tally.decision else {
            Issue.record("\(scene.tally.decision)")
            return
        }
        let said = try certificate.verify(against: scene.committee, in: scene.domain)
        #expect(said == .invalidBlobID(epoch: 0, blob: Self.blob))
        let fewer = Certificate(
            message: said,
            signatures: (0..<needed - 1).map { ($0, scene.signed(by: $0).signature) }
        )
        #expect(throws: CertificateError.self) {
            try fewer.verify(against: scene.committee, in: scene.domain)
        }
    }

    @Test func whatIsNotTheMembersOwnIsALieAndDoesNotCount() throws {
        var scene = try Scene()
        let other = BlobID(bytes: [UInt8](repeating: 4, count: 32))
        let confirmation = ProtocolMessage.storageConfirmation(
            epoch: 0,
            blob: Self.blob,
            persistence: .permanent
        )
        let lies = [
            scene.signed(by: 1), scene.signed(by: 0, of: other),
            scene.domain.sign(confirmation, with: Self.keys[0]),
            SignedMessage(message: [1, 2], signature: Self.keys[0].sign([1, 2])),
        ]
        for lie in lies {
            let isHonest = scene.answer(0, lie)
            #expect(!isHonest)
            #expect(scene.tally.weight == 0)
        }
        // Who has lied once is not believed when it says it right.
        let isHonest = scene.answer(0, scene.signed(by: 0))
        #expect(isHonest)
        #expect(scene.tally.weight == 0)
    }

    @Test func anotherEpochIsHonestAndDoesNotCount() throws {
        var scene = try Scene()
        let isHonest = scene.answer(0, scene.signed(by: 0, epoch: 1))
        #expect(isHonest)
        #expect(scene.tally.weight == 0)
    }

    @Test func itIsHopelessWhenTheRestIsNotEnough() throws {
        var scene = try Scene()
        for member in 0..<3 { _ = scene.answer(member, scene.signed(by: member)) }
        for member in 3..<9 {
            scene.tally.failed(member)
            #expect(scene.tally.decision == .wait)
        }
        scene.tally.failed(9)
        #expect(scene.tally.decision == .hopeless)
    }
}
