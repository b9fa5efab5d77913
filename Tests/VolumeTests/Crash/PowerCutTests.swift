import SystemIO
import Testing

@testable import Volume

/// Promise 1 of `Docs/FaultModel.md`: what a crash at any step of the disk leaves.
struct PowerCutTests {
    /// Runs operations in up to three lives, with a crash at many places of each.
    static func run(
        _ operations: [CrashOperation],
        seed: UInt64,
        oneIn: UInt64,
        decorate: @escaping (InMemoryFileSystem) -> any FileSystem = { $0 },
        tally: inout CrashTally
    ) throws {
        var options = CrashLife.Options()
        options.keepsPlaced = seed % 3 == 0
        options.decorate = decorate
        var random = TestRandom(state: seed)
        let run = try CrashRun(options)
        var rest = operations[...]
        for life in 0..<3 where !rest.isEmpty {
            run.record(oneIn: oneIn, seed: random.next())
            let count = life == 2 ? rest.count : min(rest.count, 25)
            for operation in rest.prefix(count) { try run.perform(operation) }
            rest = rest.dropFirst(count)
            tally.operations += count
            tally.lives += 1
            var survivors: [CrashRun.Survivor] = []
            for (index, point) in run.points.enumerated() {
                let isKill = index % 4 == 3
                let kind = isKill ? CrashKind.kill : .powerCut(seed: random.next())
                if isKill { tally.kills += 1 } else { tally.powerCuts += 1 }
                let found = try run.check(point, kind, thorough: index % 4 == 0)
                if index % 4 == 1, isContinuous(found.matches) { survivors.append(found) }
            }
            guard !rest.isEmpty else { break }
            guard let next = survivors.randomElement(using: &random),
                let state = next.matches.last
            else { continue }
            run.goOn(next.life, from: state)
        }
        tally.seeds += 1
        tally.openings += run.tokens.count
    }

    /// States that look alike are alike if nothing happened between them.
    private static func isContinuous(_ matches: [Int]) -> Bool {
        guard let first = matches.first, let last = matches.last else { return false }
        return last - first == matches.count - 1
    }

    @Test func aCrashAtAnyStepLeavesAPrefixWithAllThatWasSynced() {
        var tally = CrashTally()
        let survived = allSurvive(300, operationCount: 60) { operations, seed, isShrinking in
            try Self.run(operations, seed: seed, oneIn: isShrinking ? 4 : 24, tally: &tally)
        }
        guard survived else { return }
        if CrashSeeds.isWhole { #expect(tally.powerCuts > 5 * tally.seeds) }
        print("crash harness: \(tally.text)")
    }

    /// A list of operations that fails is told as its shortest part that does.
    @Test func shrinkingKeepsOnlyWhatFails() {
        let operations = [CrashOperation].of(seed: 1, count: 40) + [.close]
        let (fewer, failure) = shrink(operations) { operations in
            operations.contains { if case .close = $0 { true } else { false } } ? "fails" : nil
        }
        #expect(fewer.map(\.description) == [".close"])
        #expect(failure == "fails")
    }
}

/// The harness is worth something only if it notices: volumes on disks that break their promises.
struct BrokenDiskTests {
    /// The first seed of `seeds` that shows a violation, and what it shows.
    private func firstViolation(
        in seeds: Range<UInt64>,
        _ decorate: @escaping (InMemoryFileSystem) -> any FileSystem
    ) -> String? {
        var tally = CrashTally()
        for seed in seeds {
            do {
                try PowerCutTests.run(
                    .of(seed: seed, count: 60),
                    seed: seed,
                    oneIn: 12,
                    decorate: decorate,
                    tally: &tally
                )
            } catch {
                return "seed \(seed): \(error)"
            }
        }
        return nil
    }

    @Test func syncsThatDoNothingAreNoticed() {
        let found = firstViolation(in: 1..<5) { disk in
            disk.faults.syncsLie = true
            return disk
        }
        #expect(found != nil)
    }

    @Test func aLogThatIsNotSyncedIsNoticed() {
        let found = firstViolation(in: 1..<10) { disk in
            BrokenFileSystem(disk: disk, skipsSync: { $0.hasPrefix("/log") })
        }
        #expect(found != nil)
    }

    @Test func aDatabaseThatIsNotSyncedIsNoticed() {
        let found = firstViolation(in: 1..<200) { disk in
            BrokenFileSystem(disk: disk, skipsSync: { $0.hasPrefix("/volume.db") })
        }
        #expect(found != nil)
    }

    @Test func namesThatAreNotSyncedAreNoticed() {
        let found = firstViolation(in: 1..<50) { disk in
            BrokenFileSystem(disk: disk, skipsDirectorySync: true)
        }
        #expect(found != nil)
    }
}
