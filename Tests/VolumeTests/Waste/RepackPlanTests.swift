import Testing

@testable import Volume

/// Which packs are emptied, and that it comes to an end.
struct RepackPlanTests {
    private typealias Pack = RepackPlan.Pack

    /// Five bytes are paid for one, and `metadata` for each pack.
    private static func costs(metadata: UInt64 = 10_000) -> RepackPlan.Costs {
        RepackPlan.Costs(packLength: 1_000_000) { $0 > 1_000_000 ? nil : 5 * $0 + metadata }
    }

    private static func pack(
        _ id: UInt64,
        live: UInt64,
        dead: UInt64 = 0,
        held: UInt64 = 0,
        isPinned: Bool = false,
        hasDepartures: Bool = false,
        length: UInt64? = nil
    ) -> Pack {
        Pack(
            id: id,
            length: length ?? live + dead + held,
            live: live,
            held: held,
            dead: dead,
            isPinned: isPinned,
            hasDepartures: hasDepartures
        )
    }

    private static func plan(
        _ packs: [Pack],
        metadata: UInt64 = 10_000,
        bytesMax: UInt64 = .max,
        room: UInt64 = .max
    ) -> [UInt64] {
        RepackPlan(packs, costs(metadata: metadata), bytesMax: bytesMax, room: room).packs
    }

    @Test func onlyPacksWithMoreDeadThanNeededAreEmptied() {
        #expect(Self.plan([Self.pack(1, live: 600_000, dead: 400_000)]) == [])
        #expect(Self.plan([Self.pack(1, live: 500_000, dead: 500_000)]) == [])
        #expect(Self.plan([Self.pack(1, live: 400_000, dead: 600_000)]) == [1])
        // What kept checkpoints need may still be dead soon, and is no reason yet.
        #expect(Self.plan([Self.pack(1, live: 100_000, dead: 400_000, held: 500_000)]) == [])
        // Nothing of it is needed but for a while: there is nothing to move.
        #expect(Self.plan([Self.pack(1, live: 0, dead: 900_000, held: 100)]) == [])
        #expect(Self.plan([Self.pack(1, live: 1, dead: 900_000, isPinned: true)]) == [])
        // One that was begun is emptied wholly, whatever rows are left.
        let begun = Self.pack(1, live: 100_000, hasDepartures: true, length: 900_000)
        #expect(Self.plan([begun]) == [1])
    }

    @Test func theSparsestGoFirstAndNoMoreThanIsAllowedAtATime() {
        let packs = [
            Self.pack(1, live: 300_000, dead: 700_000), Self.pack(2, live: 100_000, dead: 900_000),
            Self.pack(3, live: 200_000, dead: 800_000), Self.pack(4, live: 100_000, dead: 900_000),
        ]
        #expect(Self.plan(packs) == [2, 4, 3, 1])
        #expect(Self.plan(packs, bytesMax: 400_000) == [2, 4, 3])
        #expect(Self.plan(packs, bytesMax: 399_999) == [2, 4])
        // One at least, however large.
        #expect(Self.plan(packs, bytesMax: 1) == [2])
    }

    @Test func aMoveTakesNoMoreRoomThanThereIs() {
        let packs = (1...4).map { Self.pack(UInt64($0), live: 100_000, dead: 900_000) }
        let one = Self.costs().total(100_000)
        #expect(Self.plan(packs, room: one - 1) == [])
        #expect(Self.plan(packs, room: one) == [1])
        #expect(Self.plan(packs, room: 0) == [])
    }

    /// Where metadata is most of the price, one pack is not worth another.
    @Test func emptyingHalvesWhatIsPaid() {
        let pack = Self.pack(1, live: 100_000, dead: 900_000)
        #expect(Self.plan([pack], metadata: 5_000_000) == [])
        let other = Self.pack(2, live: 1000, dead: 9000)
        #expect(Self.plan([pack, other], metadata: 5_000_000) == [2, 1])
    }

    @Test func shortPacksAreJoined() {
        let short = (1...5).map { Self.pack(UInt64($0), live: 900) }
        #expect(Self.plan([short[0]]) == [])
        #expect(Self.plan(short) == [1, 2, 3, 4, 5])
        // Long ones that are wholly needed are none of that.
        #expect(Self.plan(short + [Self.pack(6, live: 900_000)]) == [1, 2, 3, 4, 5])
    }

    private struct Volume {
        var packs: [Pack] = []
        var next: UInt64 = 1
        var moved: UInt64 = 0
        var died: UInt64 = 0

        mutating func add(_ length: UInt64) {
            packs.append(RepackPlanTests.pack(next, live: length))
            next += 1
        }

        mutating func remove(_ bytes: UInt64, of index: Int) {
            let pack = packs[index]
            let dead = min(bytes, pack.live)
            died += dead
            guard dead < pack.live else {
                packs.remove(at: index)
                return
            }
            packs[index] = RepackPlanTests.pack(
                pack.id,
                live: pack.live - dead,
                dead: pack.dead + dead
            )
        }

        /// Empties packs until none is worth it; returns in how many rounds.
        mutating func settle(metadata: UInt64) -> Int {
            for round in 0... {
                let chosen = Set(
                    RepackPlanTests.plan(packs, metadata: metadata, bytesMax: 2_000_000)
                )
                guard !chosen.isEmpty, round < 10_000 else { return round }
                var live = packs.filter { chosen.contains($0.id) }.reduce(0) { $0 + $1.live }
                packs.removeAll { chosen.contains($0.id) }
                moved += live
                while live > 0 {
                    let part = min(live, 1_000_000)
                    add(part)
                    live -= part
                }
            }
            return 0
        }
    }

    /// In whatever order files come and go: it ends, what is moved is less than what died (short
    /// packs apart), and what is paid is bounded by what is needed.
    @Test(arguments: [0, 10_000, 400_000] as [UInt64])
    func whatIsPaidIsBoundedByWhatIsNeeded(_ metadata: UInt64) {
        let costs = Self.costs(metadata: metadata)
        for seed in UInt64(1)...30 {
            var random = TestRandom(state: seed)
            var volume = Volume()
            for _ in 0..<60 {
                for _ in 0..<random.next() % 6 {
                    let isShort = random.next() % 3 == 0
                    let length = isShort ? random.next() % 3000 : 200_000 + random.next() % 800_000
                    volume.add(1 + length)
                }
                for _ in 0..<random.next() % 8 where !volume.packs.isEmpty {
                    let index = Int(random.next() % UInt64(volume.packs.count))
                    volume.remove(random.next() % 900_000, of: index)
                }
                let rounds = volume.settle(metadata: metadata)
                #expect(rounds < 200, "seed \(seed)")
                let paid = volume.packs.reduce(0) { $0 + (costs.paid($1.length) ?? 0) }
                let needed = volume.packs.reduce(0) { $0 + costs.fair($1.live) }
                let one = costs.total(1_000_000)
                #expect(paid <= 4 * needed + 3 * one, "seed \(seed): \(paid) for \(needed)")
            }
            if metadata == 0 { #expect(volume.moved <= volume.died, "seed \(seed)") }
        }
    }
}
