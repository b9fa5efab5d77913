internal import BlobModel

/// How the nodes' votes make the numbers of the next epoch (`walrus-system.md`, 6.4).
enum EpochVote {
    /// One member's vote, with the shards it counts for; nil where it has cast none.
    struct Ballot {
        let weight: Int
        let vote: EpochParameters?
    }

    /// Who has cast no vote is for what is now.
    ///
    /// Each price is the lowest that members with a quorum of shards ask at most. The capacity is
    /// the highest that members with a quorum offer at least, each in proportion to its shards;
    /// never below `used`, which is sold already.
    static func result(
        _ ballots: [Ballot],
        current: EpochParameters,
        used: UInt64
    ) -> EpochParameters {
        let shards = ballots.reduce(0) { $0 + $1.weight }
        let capacities = ballots.map { ballot in
            (ballot.weight, implied(ballot, shards) ?? current.capacity)
        }
        return EpochParameters(
            storagePrice: lowest(
                ballots.map { ($0.weight, $0.vote?.storagePrice ?? current.storagePrice) }
            ),
            writePrice: lowest(
                ballots.map { ($0.weight, $0.vote?.writePrice ?? current.writePrice) }
            ),
            // The highest value with a quorum above it is the lowest with a quorum below, mirrored.
            capacity: max(used, .max - lowest(capacities.map { ($0.0, .max - $0.1) }))
        )
    }

    /// The capacity that a network has whose every shard has as much room as this member's.
    private static func implied(_ ballot: Ballot, _ shards: Int) -> UInt64? {
        guard let vote = ballot.vote, ballot.weight > 0 else { return nil }
        return UInt64(
            clamping: UInt128(vote.capacity) * UInt128(shards) / UInt128(ballot.weight)
        )
    }

    /// The lowest value such that a quorum of the weight votes for no more.
    private static func lowest(_ votes: [(weight: Int, value: UInt64)]) -> UInt64 {
        let total = votes.reduce(0) { $0 + $1.weight }
        var weight = 0
        for vote in votes.sorted(by: { $0.value < $1.value }) {
            weight += vote.weight
            if 3 * weight >= 2 * total + 1 { return vote.value }
        }
        preconditionFailure("All members together are a quorum.")
    }
}
