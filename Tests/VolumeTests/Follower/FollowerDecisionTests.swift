import BlobModel
import Testing
import VolumeFormat

@testable import Volume

struct FollowerDecisionTests {
    private static func blob(_ number: UInt8) -> BlobID {
        BlobID(bytes: [UInt8](repeating: number, count: 32))
    }

    private static func head(_ sequence: UInt64, _ blob: UInt8) -> Head {
        Head(sequence: sequence, manifest: Self.blob(blob), token: 1, publishedAt: 0)
    }

    private static func run(_ sequence: UInt64) -> Run {
        Run(sequence: sequence, rowCount: 1, byteCount: 10, packs: [], index: [])
    }

    private static func manifest(_ sequence: UInt64, base: Run?, _ deltas: [Run]) -> Manifest {
        Manifest(
            volume: VolumeID(bytes: [UInt8](repeating: 9, count: 32)),
            sequence: sequence,
            parent: sequence == 1 ? nil : blob(UInt8(sequence - 1)),
            token: 1,
            generation: sequence,
            cutAt: 0,
            inodeMark: 2,
            name: "",
            base: base,
            deltas: deltas
        )
    }

    private let shown = PublishedHead(
        manifestBlob: Self.blob(5),
        manifest: Self.manifest(5, base: Self.run(3), [Self.run(4), Self.run(5)])
    )

    @Test func onlyANewerHeadIsFetched() {
        #expect(FollowerDecision(shown: shown, head: Self.head(5, 5)) == .stay)
        let next = Self.head(6, 6)
        #expect(FollowerDecision(shown: shown, head: next) == .fetch(next))
        let far = Self.head(600, 1)
        #expect(FollowerDecision(shown: shown, head: far) == .fetch(far))
        #expect(FollowerDecision(shown: nil, head: next) == .fetch(next))
        #expect(FollowerDecision(shown: nil, head: nil) == .stay)
    }

    @Test func aHeadThatGoesBackIsRefused() {
        let old = Self.head(4, 4)
        #expect(
            FollowerDecision(shown: shown, head: old) == .refuse(.older(old, than: 5))
        )
        #expect(FollowerDecision(shown: shown, head: nil) == .refuse(.older(nil, than: 5)))
        let other = Self.head(5, 6)
        #expect(FollowerDecision(shown: shown, head: other) == .refuse(.another(other)))
    }

    @Test func deltasAreLoadedWhereTheyLeadOn() {
        let (four, five, six, seven) = (Self.run(4), Self.run(5), Self.run(6), Self.run(7))
        let base = Self.run(3)
        func plan(_ next: Manifest) -> FollowerPlan {
            FollowerPlan(from: shown.manifest, to: next)
        }
        #expect(plan(Self.manifest(6, base: base, [four, five, six])) == .deltas([six]))
        let far = Self.manifest(7, base: base, [four, five, six, seven])
        #expect(plan(far) == .deltas([six, seven]))
        // A base of its own, or other deltas, are not an addition.
        let based = Self.manifest(7, base: six, [seven])
        #expect(plan(based) == .whole(base: six, deltas: [seven]))
        let other = Self.manifest(6, base: base, [four, six])
        #expect(plan(other) == .whole(base: base, deltas: [four, six]))
        let fewer = Self.manifest(6, base: base, [four])
        #expect(plan(fewer) == .whole(base: base, deltas: [four]))
        #expect(
            FollowerPlan(from: nil, to: based) == .whole(base: six, deltas: [seven])
        )
        let baseless = Self.manifest(1, base: nil, [four])
        #expect(FollowerPlan(from: nil, to: baseless) == .whole(base: nil, deltas: [four]))
    }

    @Test func editionsHaveNumbersOfTheirOwnAndKeepTheirInode() {
        let inodes: [UInt64] = [1, 2, 1 << 20, Edition.inodeLimit - 1]
        let sequences: [UInt64] = [1, 2, 3, 1 << 20, (1 << 23) - 2, (1 << 23) - 1, .max]
        var numbers: Set<UInt64> = []
        for inode in inodes {
            #expect(Edition.number(of: inode, 0) == inode)
            numbers.insert(inode)
            for sequence in sequences {
                let number = Edition.number(of: inode, Edition.edition(of: sequence))
                #expect(Edition.inode(of: number) == inode)
                #expect(number != inode && number <= UInt64(Int64.max))
                numbers.insert(number)
            }
        }
        // Only where sequences are a whole round apart do numbers come again.
        let editions = Set(sequences.map(Edition.edition(of:)))
        #expect(numbers.count == inodes.count * (1 + editions.count))
        #expect(Edition.edition(of: 7) == Edition.edition(of: 7 + (1 << 23) - 1))
    }
}
