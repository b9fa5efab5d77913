import BlobClient
import BlobModel
import Ledger
import TestNetwork
import Testing

@Suite struct DecisionTests {
    @Test func aNodeThatFailsTwiceIsLeftAloneForAWhile() {
        var health = PeerHealth()
        #expect(health.isUsable(at: .zero))
        health.failed(at: .zero)
        #expect(health.isUsable(at: .zero))
        health.failed(at: .zero)
        #expect(!health.isUsable(at: .zero))
        #expect(!health.isUsable(at: PeerHealth.pauseMin - .nanoseconds(1)))
        #expect(health.isUsable(at: PeerHealth.pauseMin))
        health.failed(at: .seconds(2))
        #expect(!health.isUsable(at: .seconds(5)))
        #expect(health.isUsable(at: .seconds(6)))
        for _ in 0..<100 { health.failed(at: .seconds(10)) }
        #expect(health.openUntil == .seconds(70))
        health.answered(in: .milliseconds(1))
        #expect(health.isUsable(at: .seconds(10)))
    }

    @Test func theHedgeFollowsTheLatencyWithinBounds() {
        var health = PeerHealth()
        #expect(health.hedgeDelay == PeerHealth.latencyDefault)
        for _ in 0..<100 { health.answered(in: .milliseconds(1)) }
        #expect(health.hedgeDelay == PeerHealth.hedgeMin)
        for _ in 0..<100 { health.answered(in: .milliseconds(400)) }
        #expect(health.hedgeDelay >= .milliseconds(390))
        for _ in 0..<100 { health.answered(in: .seconds(100)) }
        #expect(health.hedgeDelay == PeerHealth.hedgeMax)
    }

    /// Every order of confirmations and failures of a small committee, weights unequal.
    @Test func anUploadIsDecidedAsSoonAsItCanBe() throws {
        let keys = (0..<4).map { TestNetwork.key("node \($0)") }
        let genesis = try TestNetwork.genesis(
            keys,
            shards: 10,
            rules: GenesisRules(),
            account: keys[0],
            balance: 0
        )
        let committee = try genesis.committee()
        let weights = committee.members.map(\.weight)
        #expect(weights.reduce(0, +) == 10)
        let signature = Signature(bytes: [UInt8](repeating: 0, count: 64))
        for outcomes in 0..<16 {
            var tally = UploadTally(committee: committee)
            var confirmed = 0
            var failed = 0
            for member in 0..<4 {
                if outcomes >> member & 1 == 1 {
                    tally.confirmed(member, signature)
                    confirmed += weights[member]
                } else {
                    tally.failed(member)
                    failed += weights[member]
                }
                let expected: UploadTally.Decision =
                    confirmed >= 7 ? .quorum : 10 - failed >= 7 ? .wait : .hopeless
                #expect(tally.decision == expected)
            }
            #expect(tally.isComplete)
            #expect(tally.decision != .wait)
        }
    }

    @Test func theTailIsHalfOfWhatTheQuorumTookAndABit() {
        #expect(UploadTally.tail(after: .zero) == .milliseconds(500))
        #expect(UploadTally.tail(after: .seconds(3)) == .seconds(2))
    }
}
