import BlobClient
import BlobModel
import StorageNode
import SystemIO
import TestNetwork
import Testing

/// Whom a read of several rows asks for what, without nodes and clocks.
@Suite struct RowGatheringTests {
    private func rows(_ numbers: [UInt16]) -> [SliverIndex] { numbers.map { SliverIndex($0) } }

    /// Four rows of ten give the others; those on `down` are not expected to come.
    private func gathering(_ wanted: [UInt16], down: Set<UInt16> = []) -> RowGathering {
        RowGathering(
            needed: 4,
            wanted: rows(wanted),
            others: rows((0..<10).filter { !wanted.contains($0) })
        ) { !down.contains($0.rawValue) }
    }

    @Test func whatIsWantedComesFromItsHolders() {
        var gathering = gathering([0, 1, 2, 3])
        #expect(gathering.requests(limit: 16) == rows([0, 1, 2, 3]))
        for row in rows([3, 0, 2]) {
            gathering.came(row)
            #expect(!gathering.isComplete && gathering.requests(limit: 16).isEmpty)
        }
        gathering.came(SliverIndex(1))
        #expect(gathering.isComplete && gathering.late.isEmpty)
    }

    @Test func oneThatFailsCostsOneOther() {
        var gathering = gathering([0, 1, 2, 3])
        _ = gathering.requests(limit: 16)
        gathering.failed(SliverIndex(2))
        #expect(gathering.requests(limit: 16) == rows([4]))
        for row in rows([0, 1, 3]) { gathering.came(row) }
        #expect(!gathering.isComplete)
        gathering.failed(SliverIndex(4))
        #expect(gathering.requests(limit: 16) == rows([5]))
        gathering.came(SliverIndex(5))
        #expect(gathering.isComplete)
        #expect(gathering.known == Set(rows([0, 1, 3, 5])))
    }

    @Test func rowsOfNodesThatAreDownAreAskedForLast() {
        var gathering = gathering([0, 1, 2, 3], down: [1, 2])
        #expect(gathering.requests(limit: 16) == rows([0, 3, 4, 5]))
        for row in rows([0, 3, 4, 5]) { gathering.failed(row) }
        #expect(gathering.requests(limit: 16) == rows([6, 7, 8, 9]))
        for row in rows([6, 7]) { gathering.came(row) }
        for row in rows([8, 9]) { gathering.failed(row) }
        #expect(gathering.requests(limit: 16) == rows([1, 2]))
        #expect(!gathering.isHopeless)
        for row in rows([1, 2]) { gathering.failed(row) }
        #expect(gathering.requests(limit: 16).isEmpty && gathering.isHopeless)
    }

    /// A few rows that come are all that is read; when one does not, as many as give it.
    @Test func aPartIsReadWithoutTheRest() {
        var gathering = gathering([5, 6])
        #expect(gathering.requests(limit: 16) == rows([5, 6]))
        gathering.came(SliverIndex(5))
        gathering.failed(SliverIndex(6))
        #expect(gathering.requests(limit: 16) == rows([0, 1, 2]))
        for row in rows([0, 1, 2]) { gathering.came(row) }
        #expect(gathering.isComplete)
    }

    @Test func whoIsSlowIsMadeUpForAndMayStillCome() {
        var gathering = gathering([0, 1, 2, 3])
        _ = gathering.requests(limit: 16)
        gathering.isLate(SliverIndex(3))
        #expect(gathering.requests(limit: 16) == rows([4]))
        #expect(gathering.requests(limit: 16).isEmpty)
        for row in rows([0, 1, 2]) { gathering.came(row) }
        // Of the two that are under way, either will do.
        var other = gathering
        gathering.came(SliverIndex(3))
        #expect(gathering.isComplete && gathering.late.isEmpty)
        other.came(SliverIndex(4))
        #expect(other.isComplete && other.late == [SliverIndex(3)])
        // It is not late any more when it is here.
        gathering.isLate(SliverIndex(3))
        #expect(gathering.late.isEmpty)
    }

    @Test func noMoreThanTheLimitIsUnderWay() {
        var gathering = gathering([0, 1, 2, 3])
        #expect(gathering.requests(limit: 2) == rows([0, 1]))
        #expect(gathering.requests(limit: 2).isEmpty)
        gathering.came(SliverIndex(1))
        #expect(gathering.requests(limit: 2) == rows([2]))
        // What is slow keeps nothing else from being asked for.
        gathering.isLate(SliverIndex(0))
        #expect(gathering.requests(limit: 2) == rows([3]))
    }

    /// With f nodes down that hold three of its four rows, a blob costs four slivers, as ever.
    @Test func aReadWithNodesDownFetchesNoMoreThanOneWithout() async throws {
        let network = try TestNetwork()
        let bytes = TestNetwork.bytes(5000)
        let blob = try await network.volume(network.client()).store.store(bytes).blob
        try await network.complete(bytes)
        let parameters = try EncodingParameters(shardCount: 10)
        let holders = Set(
            (0..<3 as Range<UInt16>).map { row in
                let pair = parameters.pair(of: SliverIndex(row), .primary)
                return parameters.shard(holding: pair, of: blob).rawValue
            }
        )
        let all = network.nodes.map { node in
            FaultyNode(node, holders.isDisjoint(with: node.shards) ? .none : .down)
        }
        let client = try await network.client(time: ManualTimeSource()) { index, _ in all[index] }
        _ = try await client.metadata(of: blob)
        let before = all.map(\.requests)
        let read = try await client.read(
            blob,
            range: 0..<UInt64(bytes.count),
            authentication: .store
        )
        #expect(read == bytes)
        let asked = zip(all, before).map { $0.requests - $1 }
        #expect(asked.reduce(0, +) == 4 + 3, "four slivers, and three that did not come: \(asked)")
    }
}
