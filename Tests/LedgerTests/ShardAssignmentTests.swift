internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Which shards each node gets.
struct ShardAssignmentTests {
    private static func node(_ number: UInt8) -> NodeID {
        NodeID(bytes: [number] + [UInt8](repeating: 0, count: 31))
    }

    private static func committee(_ shards: [UInt8: [UInt16]]) throws -> Committee {
        let key = World.key("any").publicKey
        return try Committee(
            epoch: 3,
            members: shards.sorted { $0.key < $1.key }.map { number, shards in
                CommitteeMember(
                    node: node(number),
                    shards: shards,
                    protocolKey: key,
                    networkKey: key,
                    address: "a"
                )
            }
        )
    }

    private func next(_ former: Committee, _ stakes: [UInt8: Frost]) -> [UInt8: [UInt16]] {
        let next = ShardAssignment.next(
            after: former,
            candidates: stakes.map { ShardCandidate(node: Self.node($0.key), stake: $0.value) }
        )
        return Dictionary(uniqueKeysWithValues: next.map { ($0.node.bytes[0], $0.shards) })
    }

    @Test func equalStakesMoveNothing() throws {
        // The runs that a local network starts with are not D'Hondt's first choice.
        let runs = Genesis.evenShards(count: 10, nodes: 4)
        let former = try Self.committee([1: runs[0], 2: runs[1], 3: runs[2], 4: runs[3]])
        for stake in [Frost(0), 1, 100] {
            let stakes: [UInt8: Frost] = [1: stake, 2: stake, 3: stake, 4: stake]
            #expect(next(former, stakes) == [1: runs[0], 2: runs[1], 3: runs[2], 4: runs[3]])
        }
    }

    @Test func whoJoinsGetsTheLastShardsOfThoseWithMost() throws {
        let former = try Self.committee([1: [0, 1], 2: [2, 3, 4], 3: [5, 6], 4: [7, 8, 9]])
        #expect(
            next(former, [1: 5, 2: 5, 3: 5, 4: 5, 9: 5])
                == [1: [0, 1], 2: [2, 3], 3: [5, 6], 4: [7, 8], 9: [4, 9]]
        )
    }

    @Test func whoLeavesGivesItsShardsToThoseWithFewest() throws {
        let former = try Self.committee([
            1: [0, 1], 2: [2, 3], 3: [5, 6], 4: [7, 8], 9: [4, 9],
        ])
        #expect(
            next(former, [1: 5, 2: 5, 3: 5, 9: 5])
                == [1: [0, 1, 7], 2: [2, 3, 8], 3: [5, 6], 9: [4, 9]]
        )
    }

    @Test func withoutCandidatesAllStays() throws {
        let former = try Self.committee([1: [0, 1], 2: [2, 3]])
        #expect(next(former, [:]) == [1: [0, 1], 2: [2, 3]])
        // Where others have stake, who has none gets nothing.
        #expect(next(former, [1: 1, 2: 0]) == [1: [0, 1, 2, 3]])
    }

    @Test(arguments: [UInt64(31), 32, 33])
    func allShardsAreHeldOnceThroughManyEpochs(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var committee = try Self.committee([1: Array(0..<40), 2: Array(40..<60)])
        for _ in 0..<60 {
            let stakes = (1...UInt8.random(in: 1...25, using: &random)).map { number in
                (number, Frost.random(in: 0...50, using: &random))
            }
            let before = committee
            let dealt = ShardAssignment.next(
                after: before,
                candidates: stakes.map { ShardCandidate(node: Self.node($0.0), stake: $0.1) }
            )
            // A committee takes nothing but every shard once, ascending in each node.
            let key = World.key("any").publicKey
            committee = try Committee(
                epoch: before.epoch + 1,
                members: dealt.map {
                    CommitteeMember(
                        node: $0.node,
                        shards: $0.shards,
                        protocolKey: key,
                        networkKey: key,
                        address: "a"
                    )
                }
            )
            #expect(committee.shardCount == 60)
            // Whoever gains shards keeps all it had; whoever keeps some gains none.
            for member in committee.members {
                guard let index = before.index(of: member.node) else { continue }
                let (old, new) = (Set(before.members[index].shards), Set(member.shards))
                #expect(old.isSubset(of: new) || new.isSubset(of: old))
            }
        }
    }
}
