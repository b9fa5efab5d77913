internal import SystemIO
internal import Testing

@testable internal import Transport

/// A bucket that an expectation may take from.
private final class Held<Value> {
    private(set) var value: Value

    init(_ value: Value) { self.value = value }
}

extension Held<TokenBucket> {
    func take(_ count: Int, of rate: Rate, at now: Duration) -> Duration? {
        value.take(count, of: rate, at: now)
    }
}

extension Held<PeerTable> {
    func take(_ cost: Int, from peer: PeerAddress, at now: Duration) -> Duration? {
        value.take(cost, from: peer, at: now)
    }

    func connect(_ peer: PeerAddress, at now: Duration) -> Bool { value.connect(peer, at: now) }

    func disconnect(_ peer: PeerAddress) { value.disconnect(peer) }
}

@Suite struct TokenBucketTests {
    private let rate = Rate(perSecond: 10, burst: 5)

    @Test func aBurstIsGivenAtOnceAndThenTheRate() {
        let bucket = Held(TokenBucket())
        let start = Duration.seconds(1000)
        for _ in 0..<5 { #expect(bucket.take(1, of: rate, at: start) == nil) }
        #expect(bucket.take(1, of: rate, at: start) == .milliseconds(100))
        #expect(bucket.take(3, of: rate, at: start) == .milliseconds(300))
        // What was refused took nothing.
        #expect(bucket.take(1, of: rate, at: start + .milliseconds(100)) == nil)
        #expect(bucket.take(1, of: rate, at: start + .milliseconds(199)) == .milliseconds(1))
        #expect(!bucket.value.isFull(at: start + .milliseconds(599)))
        #expect(bucket.value.isFull(at: start + .milliseconds(600)))
    }

    @Test func moreThanItHoldsNeedsAFullBucketAndIsNotRefusedForEver() {
        let bucket = Held(TokenBucket())
        #expect(bucket.take(1, of: rate, at: .seconds(1)) == nil)
        #expect(bucket.take(1000, of: rate, at: .seconds(1)) == .milliseconds(100))
        #expect(bucket.take(1000, of: rate, at: .milliseconds(1100)) == nil)
    }

    @Test func inTheLongRunNoMoreIsGivenThanTheRate() {
        let bucket = Held(TokenBucket())
        var given = 0
        for step in 0..<100_000 where bucket.take(1, of: rate, at: .milliseconds(step)) == nil {
            given += 1
        }
        // A hundred seconds, and the burst.
        #expect((1000...1005).contains(given))
    }
}

@Suite struct PeerTableTests {
    private func peer(_ number: Int) -> PeerAddress {
        PeerAddress([10, UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255)])
    }

    @Test func anOwnerOfAnIPv6NetworkIsOnePeer() {
        let network: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 1]
        let first = PeerAddress(network + [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(first == PeerAddress(network + [9, 8, 7, 6, 5, 4, 3, 2]))
        #expect(first != PeerAddress(network.dropLast() + [2] + [0, 0, 0, 0, 0, 0, 0, 1]))
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1]
        #expect(PeerAddress(mapped) == PeerAddress([10, 0, 0, 1]))
    }

    @Test func eachPeerHasConnectionsAndTokensOfItsOwn() {
        let table = Held(PeerTable(connectionsMax: 2, rate: Rate(perSecond: 1, burst: 1)))
        for number in 0..<2 {
            #expect(table.connect(peer(number), at: .zero))
            #expect(table.connect(peer(number), at: .zero))
            #expect(!table.connect(peer(number), at: .zero))
            #expect(table.take(1, from: peer(number), at: .seconds(9)) == nil)
            #expect(table.take(1, from: peer(number), at: .seconds(9)) == .seconds(1))
        }
        table.disconnect(peer(0))
        #expect(table.connect(peer(0), at: .zero))
        #expect(!table.connect(peer(1), at: .zero))
    }

    @Test func peersWithNothingAreForgottenAndOthersAreNot() {
        let table = Held(PeerTable(connectionsMax: 1, rate: Rate(perSecond: 1, burst: 1)))
        #expect(table.connect(peer(1 << 20), at: .zero))
        var countMax = 0
        for number in 0..<20_000 {
            // A hundred new peers a second, each with one request.
            let now = Duration.milliseconds(10 * number)
            #expect(table.take(1, from: peer(number), at: now) == nil)
            countMax = max(countMax, table.value.count)
        }
        #expect(countMax <= 1024)
        #expect(!table.connect(peer(1 << 20), at: .seconds(1000)))
        // The last one's bucket is not full yet.
        #expect(table.take(1, from: peer(19_999), at: .milliseconds(199_991)) != nil)
    }
}

@Suite struct BodyBudgetTests {
    @Test func roomIsTakenOnceAndGivenBackWhole() throws {
        let budget = BodyBudget(limit: 100)
        let first = BodyLease(budget)
        try first.cover(60)
        try first.cover(50)
        try first.cover(70)
        #expect(budget.bytes == 70)
        let second = BodyLease(budget)
        #expect(throws: TransportError.overloaded) { try second.cover(31) }
        try second.cover(30)
        first.release()
        first.release()
        #expect(budget.bytes == 30)
        #expect(throws: TransportError.overloaded) { try second.cover(101) }
        try second.cover(100)
        second.release()
        #expect(budget.bytes == 0)
    }
}

@Suite struct RetryAfterTests {
    private func pause(_ code: Int, _ text: String?, tries: Int = 0) -> Duration? {
        var headers = HTTPHeaders()
        headers["retry-after"] = text
        let response = ClientResponse(code: code, headers: headers, body: [])
        return RetryAfter.pause(asked: response, tries: tries)
    }

    @Test func onlyAShortWaitAfterARefusalIsTaken() {
        #expect(pause(429, "1") == .seconds(1))
        #expect(pause(503, "5") == .seconds(5))
        for (code, text) in [
            (429, "6"), (429, nil), (429, "-1"), (429, "1.5"), (429, "99999999999999999999"),
            (429, "Wed, 21 Oct 2026 07:28:00 GMT"), (500, "1"), (200, "1"), (404, "1"),
        ] {
            #expect(pause(code, text) == nil)
        }
        #expect(pause(429, "1", tries: RetryAfter.triesMax) == nil)
    }

    @Test func partsOfASecondAreSaidAsAWholeOne() {
        #expect(RetryAfter.text(of: .zero) == "1")
        #expect(RetryAfter.text(of: .nanoseconds(1)) == "1")
        #expect(RetryAfter.text(of: .milliseconds(1001)) == "2")
        #expect(RetryAfter.text(of: .seconds(3)) == "3")
    }
}
