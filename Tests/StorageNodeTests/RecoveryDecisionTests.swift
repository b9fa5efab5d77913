import BlobModel
import SystemIO
import Testing

@testable import StorageNode

/// What recovery decides, without nodes, clocks or disks.
@Suite struct SymbolGatheringTests {
    private typealias Source = SymbolGathering.Source

    private func source(_ member: Int, _ slivers: [UInt16]) -> Source {
        Source(member: member, slivers: slivers.map { SliverIndex($0) })
    }

    private func symbol(_ index: UInt16) -> RecoverySymbol {
        RecoverySymbol(
            symbol: DecodingSymbol(index: SliverIndex(index), bytes: [0]),
            proof: MerkleProof(path: [])
        )
    }

    @Test func noMoreIsAskedForThanIsNeeded() {
        var gathering = SymbolGathering(
            needed: 4,
            sources: [source(0, [0, 1, 2]), source(1, [3, 4, 5]), source(2, [6])]
        )
        #expect(gathering.requests() == [source(0, [0, 1, 2]), source(1, [3])])
        #expect(gathering.requests().isEmpty)
        gathering.ended(source(0, [0, 1, 2]), with: [symbol(0), symbol(1), symbol(2)])
        #expect(gathering.requests().isEmpty)
        gathering.ended(source(1, [3]), with: [symbol(3)])
        #expect(gathering.isComplete)
        #expect(gathering.requests().isEmpty)
    }

    @Test func whatFailsIsMadeUpFor() {
        var gathering = SymbolGathering(
            needed: 3,
            sources: [source(0, [0, 1]), source(1, [2, 3]), source(2, [4])]
        )
        #expect(gathering.requests() == [source(0, [0, 1]), source(1, [2])])
        gathering.ended(source(0, [0, 1]), with: [symbol(1)])
        #expect(gathering.requests() == [source(2, [4])])
        gathering.ended(source(2, [4]))
        #expect(gathering.requests() == [source(1, [3])])
        gathering.ended(source(1, [3]), with: [symbol(3)])
        gathering.ended(source(1, [2]))
        #expect(gathering.isHopeless)
    }

    @Test func aSlowAnswerCostsOneMore() {
        var gathering = SymbolGathering(
            needed: 2,
            sources: (0..<4).map { source($0, [UInt16($0)]) }
        )
        #expect(gathering.requests().count == 2)
        #expect(gathering.hedge() == [source(2, [2])])
        gathering.ended(source(2, [2]), with: [symbol(2)])
        gathering.ended(source(0, [0]), with: [symbol(0)])
        #expect(gathering.isComplete)
        #expect(gathering.hedge().isEmpty)
    }

    @Test func theSameSymbolCountsOnce() {
        var gathering = SymbolGathering(
            needed: 2,
            sources: [source(0, [0]), source(1, [1]), source(2, [2])]
        )
        _ = gathering.requests()
        gathering.ended(source(0, [0]), with: [symbol(0), symbol(0)])
        gathering.ended(source(1, [1]), with: [symbol(0)])
        #expect(!gathering.isComplete)
        #expect(gathering.requests() == [source(2, [2])])
    }

    @Test func whoIsExcludedIsAskedNothingMore() {
        var gathering = SymbolGathering(
            needed: 2,
            sources: [source(0, [0, 1, 2]), source(1, [3])]
        )
        #expect(gathering.requests() == [source(0, [0, 1])])
        gathering.ended(source(0, [0, 1]))
        gathering.exclude(0)
        #expect(gathering.requests() == [source(1, [3])])
        gathering.ended(source(1, [3]), with: [symbol(3)])
        #expect(gathering.isHopeless)
    }

    /// While a shard moves, two peers have its slivers.
    @Test func aSliverThatTwoHaveIsAskedOfOneAfterTheOther() {
        var gathering = SymbolGathering(
            needed: 2,
            sources: [source(0, [0]), source(1, [0, 1]), source(2, [1])]
        )
        #expect(gathering.requests() == [source(0, [0]), source(1, [1])])
        gathering.ended(source(0, [0]))
        // The other one has sliver 0 too; sliver 1 is under way.
        #expect(gathering.requests() == [source(1, [0])])
        gathering.ended(source(1, [0]), with: [symbol(0)])
        #expect(gathering.requests().isEmpty && !gathering.isHopeless)
        // Nobody has anything else, so the same is asked of another.
        #expect(gathering.hedge() == [source(2, [1])])
        gathering.ended(source(2, [1]), with: [symbol(1)])
        #expect(gathering.isComplete)
        gathering.ended(source(1, [1]), with: [symbol(1)])
        #expect(gathering.symbols.count == 2)
    }

    @Test func whatIsHereIsNotAskedForAgain() {
        var gathering = SymbolGathering(
            needed: 2,
            sources: [source(0, [0]), source(1, [0]), source(2, [1])]
        )
        #expect(gathering.requests() == [source(0, [0]), source(2, [1])])
        gathering.ended(source(0, [0]), with: [symbol(0)])
        gathering.ended(source(2, [1]))
        #expect(gathering.requests().isEmpty)
        #expect(gathering.isHopeless)
    }
}

@Suite struct RecoveryQueueTests {
    private func blob(_ number: UInt8) -> BlobID {
        BlobID(bytes: [UInt8](repeating: number, count: 32))
    }

    private func queue(_ change: (inout RecoveryQueue.Limits) -> Void = { _ in }) -> RecoveryQueue {
        var limits = RecoveryQueue.Limits()
        change(&limits)
        return RecoveryQueue(limits: limits)
    }

    @Test func blobsComeWhenTheyAreDueInOrder() {
        var queue = queue()
        for number in [3, 1, 2] as [UInt8] {
            let isKept = queue.want(blob(number), bytes: 1, due: .seconds(Int(number)))
            #expect(isKept)
        }
        #expect(queue.take(at: .zero) == nil)
        #expect(queue.nextDue == .seconds(1))
        #expect(queue.take(at: .seconds(2)) == blob(1))
        #expect(queue.take(at: .seconds(2)) == blob(2))
        #expect(queue.take(at: .seconds(2)) == nil)
        queue.finished(blob(1), at: .seconds(2))
        #expect(queue.count == 2)
    }

    @Test func blobsAndBytesUnderWayAreBounded() {
        var queue = queue {
            $0.blobs = 2
            $0.bytes = 100
        }
        for number in 1...4 as ClosedRange<UInt8> {
            _ = queue.want(blob(number), bytes: number == 1 ? 300 : 60, due: .zero)
        }
        // One that is larger than the bound goes alone.
        #expect(queue.take(at: .zero) == blob(1))
        #expect(queue.take(at: .zero) == nil)
        queue.finished(blob(1), at: .zero)
        #expect(queue.take(at: .zero) == blob(2))
        #expect(queue.take(at: .zero) == nil)
        queue.finished(blob(2), at: .zero)
        #expect(queue.take(at: .zero) == blob(3))
    }

    @Test func pausesDoubleUpToAnHourAndSpread() {
        var queue = queue()
        _ = queue.want(blob(1), bytes: 1, due: .zero)
        var now = Duration.zero
        for doublings in 0..<20 {
            #expect(queue.take(at: now) == blob(1))
            let pause = min(Duration.seconds(1) * (1 << doublings), .seconds(3600))
            queue.failed(blob(1), at: now, jitter: 512)
            #expect(queue.nextDue == now + pause + pause / 2)
            now = queue.nextDue ?? .zero
        }
    }

    @Test func whatIsWantedWhileItIsUnderWayIsLookedAtAgain() {
        var queue = queue()
        _ = queue.want(blob(1), bytes: 1, due: .zero)
        #expect(queue.take(at: .zero) == blob(1))
        _ = queue.want(blob(1), bytes: 1, due: .zero)
        #expect(queue.take(at: .zero) == nil)
        queue.finished(blob(1), at: .seconds(1))
        #expect(queue.take(at: .seconds(1)) == blob(1))
        queue.finished(blob(1), at: .seconds(1))
        #expect(queue.count == 0)
    }

    @Test func aFullQueueSaysSo() {
        var queue = queue { $0.known = 2 }
        var kept: [Bool] = []
        for number in [1, 2, 3, 2] as [UInt8] {
            kept.append(queue.want(blob(number), bytes: 1, due: .zero))
            #expect(!queue.hasRoom)
        }
        #expect(kept == [true, true, false, true])
    }

    @Test func shardsAreCountedUntilTheirBlobIsWhole() {
        var queue = queue()
        _ = queue.want(blob(1), bytes: 1, due: .zero, shards: [3, 4])
        _ = queue.want(blob(2), bytes: 1, due: .seconds(9))
        #expect(queue.missing == [3: 1, 4: 1])
        #expect(queue.incomplete(at: .seconds(1)) == 1)
        #expect(queue.incomplete(at: .seconds(9)) == 2)
        #expect(queue.take(at: .zero) == blob(1))
        queue.finished(blob(1), at: .zero)
        #expect(queue.missing.isEmpty)
    }
}
