package import BlobModel

/// A node that wants shards in the next epoch.
package struct ShardCandidate: Hashable, Sendable {
    package let node: NodeID
    package let stake: Frost

    package init(node: NodeID, stake: Frost) {
        self.node = node
        self.stake = stake
    }
}

/// Which shards each node holds next, given who holds them now.
package enum ShardAssignment {
    /// The most nodes that hold shards; of more candidates those with the largest stakes do.
    package static let membersMax = 150

    /// Deals the shards of `former` to `candidates`: a node keeps as many of its own as it gets,
    /// gives up those with the highest numbers, and freed ones are dealt from the lowest on.
    ///
    /// Members come in the order in which they were, and new ones after them by their ids; who
    /// gets nothing is not among them. Where nobody has stake, all candidates have the same;
    /// otherwise those without get nothing. Without candidates all stays as it is.
    ///
    /// - Precondition: No candidate occurs twice.
    package static func next(
        after former: Committee,
        candidates: [ShardCandidate]
    ) -> [(node: NodeID, shards: [UInt16])] {
        let active = activeSet(candidates, shardCount: former.shardCount)
        guard !active.isEmpty else { return former.members.map { ($0.node, $0.shards) } }
        let held = Dictionary(uniqueKeysWithValues: former.members.map { ($0.node, $0.shards) })
        let seats = ShardApportionment.seats(
            stakes: active.map(\.stake),
            former: active.map { held[$0.node]?.count ?? 0 },
            shardCount: former.shardCount,
            cap: ShardApportionment.cap(shardCount: former.shardCount, nodes: active.count)
        )
        let counts = Dictionary(uniqueKeysWithValues: zip(active.map(\.node), seats))
        var kept = former.members.map { member in
            (node: member.node, shards: Array(member.shards.prefix(counts[member.node] ?? 0)))
        }
        for node in counts.keys.sorted() where held[node] == nil { kept.append((node, [])) }
        return deal(kept, counts, shardCount: former.shardCount)
    }

    /// Gives the shards that nobody has to the nodes that lack some, in order.
    private static func deal(
        _ kept: [(node: NodeID, shards: [UInt16])],
        _ counts: [NodeID: Int],
        shardCount: Int
    ) -> [(node: NodeID, shards: [UInt16])] {
        var isTaken = [Bool](repeating: false, count: shardCount)
        for shard in kept.flatMap(\.shards) { isTaken[Int(shard)] = true }
        var free = isTaken.indices.filter { !isTaken[$0] }.map(UInt16.init)[...]
        return kept.compactMap { node, shards in
            let missing = (counts[node] ?? 0) - shards.count
            let taken = free.prefix(missing)
            free = free.dropFirst(missing)
            let all = (shards + taken).sorted()
            return all.isEmpty ? nil : (node, all)
        }
    }

    /// Those who may hold shards, by stake, the largest first, and then by their ids.
    private static func activeSet(
        _ candidates: [ShardCandidate],
        shardCount: Int
    ) -> [ShardCandidate] {
        let staked = candidates.filter { $0.stake > 0 }
        let active = (staked.isEmpty ? candidates : staked).sorted {
            $0.stake == $1.stake ? $0.node < $1.node : $0.stake > $1.stake
        }
        return Array(active.prefix(min(membersMax, shardCount)))
    }
}
