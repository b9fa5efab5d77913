internal import BlobModel
internal import Ledger
internal import Testing

/// How many shards each node gets.
struct ShardApportionmentTests {
    private func seats(_ stakes: [Frost], _ shards: Int, former: [Int]? = nil) -> [Int] {
        ShardApportionment.seats(
            stakes: stakes,
            former: former ?? stakes.map { _ in 0 },
            shardCount: shards,
            cap: shards
        )
    }

    @Test func knownApportionments() {
        // The example that is usually given for D'Hondt's method, and textbook variations.
        #expect(seats([100_000, 80_000, 30_000, 20_000], 8) == [4, 3, 1, 0])
        #expect(seats([340_000, 280_000, 160_000, 60_000, 15_000], 7) == [3, 3, 1, 0, 0])
        #expect(seats([53, 24, 23], 7) == [4, 2, 1])
        #expect(seats([1, 1, 1, 1], 10) == [3, 3, 2, 2])
        #expect(seats([0, 0, 0], 4) == [2, 1, 1])
        #expect(seats([.max, .max, 1], 5) == [3, 2, 0])
    }

    @Test func knownCaps() {
        let cap = ShardApportionment.cap
        #expect(cap(1000, 100) == 100)
        #expect(cap(1000, 20) == 100)
        // Twice the average is 400, but f is 333.
        #expect(cap(1000, 5) == 333)
        #expect(cap(10, 4) == 3)
        #expect(cap(10, 10) == 2)
        #expect(cap(13, 13) == 2)
        // Two nodes can not both stay below a third.
        #expect(cap(10, 2) == 10)
        #expect(cap(4, 1) == 8)
        #expect(cap(9, 9) == 2)
    }

    @Test func heldShardsMoveOnlyForARealGain() {
        // Equal stakes: whoever has the odd shard keeps it.
        #expect(seats([5, 5, 5], 4, former: [1, 1, 2]) == [1, 1, 2])
        // 51 ÷ 2 is more than 50 ÷ 2, but not by a sixteenth.
        #expect(seats([50, 51], 3, former: [2, 1]) == [2, 1])
        #expect(seats([50, 53], 3, former: [2, 1]) == [2, 1])
        #expect(seats([50, 54], 3, former: [2, 1]) == [1, 2])
    }

    @Test func theCapIsKept() {
        let seats = ShardApportionment.seats(
            stakes: [1000, 1, 1, 1],
            former: [10, 0, 0, 0],
            shardCount: 10,
            cap: 3
        )
        #expect(seats == [3, 3, 2, 2])
    }

    /// Every way to deal `shards` to `nodes` with at most `cap` each.
    private func deals(_ shards: Int, _ nodes: Int, cap: Int) -> [[Int]] {
        guard nodes > 0 else { return shards == 0 ? [[]] : [] }
        return (0...min(cap, shards)).flatMap { first in
            deals(shards - first, nodes - 1, cap: cap).map { [first] + $0 }
        }
    }

    /// Whether no shard can move from one node to another for a gain of over a sixteenth.
    private func isStable(_ deal: [Int], _ stakes: [Frost], cap: Int) -> Bool {
        for giver in deal.indices where deal[giver] > 0 {
            for taker in deal.indices where taker != giver && deal[taker] < cap {
                let gain = Int(stakes[taker]) * deal[giver] * 16
                if gain > Int(stakes[giver]) * (deal[taker] + 1) * 17 { return false }
            }
        }
        return true
    }

    private func moved(_ former: [Int], _ deal: [Int]) -> Int {
        zip(former, deal).reduce(0) { $0 + max(0, $1.0 - $1.1) }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func movementIsTheLeastOfAllStableDeals(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<150 {
            let nodes = Int.random(in: 1...4, using: &random)
            let shards = Int.random(in: 4...9, using: &random)
            let cap = max(
                ShardApportionment.cap(shardCount: shards, nodes: nodes),
                (shards + nodes - 1) / nodes
            )
            let stakes = (0..<nodes).map { _ in UInt64.random(in: 1...12, using: &random) }
            // Some of the former shards may have been another's, who left.
            let former = try #require(
                deals(shards, nodes + 1, cap: shards).randomElement(using: &random)
            ).dropLast()
            let dealt = ShardApportionment.seats(
                stakes: stakes,
                former: Array(former),
                shardCount: shards,
                cap: cap
            )
            #expect(dealt.reduce(0, +) == shards)
            #expect(dealt.allSatisfy { $0 <= cap })
            #expect(isStable(dealt, stakes, cap: cap))
            let least = deals(shards, nodes, cap: cap)
                .filter { isStable($0, stakes, cap: cap) }
                .map { moved(Array(former), $0) }.min()
            #expect(moved(Array(former), dealt) == least, "\(stakes) \(former) \(dealt)")
        }
    }

    @Test(arguments: [UInt64(4), 5])
    func whoseStakeGrowsLosesNothing(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let nodes = Int.random(in: 1...12, using: &random)
            let shards = Int.random(in: max(4, nodes)...60, using: &random)
            let cap = ShardApportionment.cap(shardCount: shards, nodes: nodes)
            var stakes = (0..<nodes).map { _ in UInt64.random(in: 1...1000, using: &random) }
            let former = ShardApportionment.seats(
                stakes: stakes.shuffled(using: &random),
                former: stakes.map { _ in 0 },
                shardCount: shards,
                cap: cap
            )
            func dealt() -> [Int] {
                ShardApportionment.seats(
                    stakes: stakes,
                    former: former,
                    shardCount: shards,
                    cap: cap
                )
            }
            let before = dealt()
            let lucky = Int.random(in: 0..<nodes, using: &random)
            stakes[lucky] += UInt64.random(in: 1...500, using: &random)
            #expect(dealt()[lucky] >= before[lucky])
            // Dealt once more, nothing moves: what was dealt is at rest.
            let settled = ShardApportionment.seats(
                stakes: stakes,
                former: dealt(),
                shardCount: shards,
                cap: cap
            )
            #expect(settled == dealt())
        }
    }
}
