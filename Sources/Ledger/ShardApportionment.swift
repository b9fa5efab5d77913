// How many shards each node gets: D'Hondt's method (the largest of stake ÷ 1, stake ÷ 2, … get a
// shard each), with a cap, and with a head start for the shards that a node holds already
// (Docs/Decisions/0175).

package import BlobModel

/// Deals shards by stake.
package enum ShardApportionment {
    /// The quotient of a shard that the node holds counts 17/16: another must beat it by more than
    /// a sixteenth to take it away.
    ///
    /// Equal stakes, and stakes that swing a little, move nothing.
    static let heldWeight: UInt128 = 17
    static let unheldWeight: UInt128 = 16

    /// The most shards that one of `nodes` nodes may hold.
    ///
    /// The reference's cap is a tenth of the shards, or twice the average with fewer than 20 nodes.
    /// Ours is at most f wherever the shards can be dealt so: then no single node's absence stops
    /// reading or writing.
    ///
    /// - Precondition: There is a node, and no more of them than shards.
    package static func cap(shardCount: Int, nodes: Int) -> Int {
        precondition((1...shardCount).contains(nodes))
        let reference =
            nodes >= 20 ? max(1, shardCount / 10) : (2 * shardCount + nodes - 1) / nodes
        let faulty = (shardCount - 1) / 3
        return nodes * faulty >= shardCount ? min(reference, faulty) : reference
    }

    /// The number of shards for each stake, in sum `shardCount`.
    ///
    /// `former` says how many each one holds now. Among equal quotients those of held shards come
    /// first, then those of earlier stakes. Where all stakes are zero, all count the same.
    ///
    /// Of all ways to deal in which no shard can be moved for a real gain, this one moves the
    /// fewest (the tests compare with all of them); and whose stake grows, loses nothing.
    ///
    /// - Precondition: There are as many `former` as `stakes`, and room for all under the cap.
    package static func seats(
        stakes: [Frost],
        former: [Int],
        shardCount: Int,
        cap: Int
    ) -> [Int] {
        precondition(stakes.count == former.count)
        precondition(stakes.count * cap >= shardCount)
        let isStaked = stakes.contains { $0 > 0 }
        var seats = [Int](repeating: 0, count: stakes.count)
        for _ in 0..<shardCount {
            var best: (index: Int, quotient: Quotient)?
            for (index, stake) in stakes.enumerated() where seats[index] < cap {
                let next = Quotient(
                    stake: isStaked ? stake : 1,
                    seat: seats[index] + 1,
                    former: former[index]
                )
                if best.map({ next.precedes($0.quotient) }) ?? true { best = (index, next) }
            }
            guard let best else { preconditionFailure("The cap leaves room for all shards.") }
            seats[best.index] += 1
        }
        return seats
    }

    /// What the next shard is worth to a node.
    private struct Quotient {
        let numerator: UInt128
        let divisor: UInt128
        let isHeld: Bool

        init(stake: Frost, seat: Int, former: Int) {
            isHeld = seat <= former
            // 64 + 5 bits, and 16 more of the other's divisor: far from 128.
            numerator = UInt128(stake) * (isHeld ? heldWeight : unheldWeight)
            divisor = UInt128(seat)
        }

        /// Whether this one goes before one of an earlier node.
        func precedes(_ other: Quotient) -> Bool {
            let (mine, its) = (numerator * other.divisor, other.numerator * divisor)
            return mine == its ? isHeld && !other.isHeld : mine > its
        }
    }
}
