import SystemIO
import Testing

@testable import Volume

/// What errors of the disk at any step leave, and a crash after them.
struct DiskErrorTests {
    enum Fault: CaseIterable {
        case write, sync, databaseSync, read, full

        func install(on disk: InMemoryFileSystem, after count: Int) {
            switch self {
            case .write: disk.faults.writesUntilFailure = count
            case .sync: disk.faults.syncsUntilFailure = count
            case .databaseSync:
                disk.faults.syncsUntilFailure = count % 3
                disk.faults.syncsFailingOf = "volume.db-wal"
            case .read: disk.faults.readsUntilFailure = count
            case .full: disk.faults.growthsUntilFull = count % 3
            }
        }
    }

    struct Tally {
        var seeds = 0
        var errors: [Fault: Int] = [:]
        var failedVolumes = 0
        var openings = 0
    }

    /// Runs operations with one fault somewhere, then crashes and looks at what is left.
    static func run(
        _ operations: [CrashOperation],
        seed: UInt64,
        tally: inout Tally
    ) throws {
        var random = TestRandom(state: seed)
        let fault = Fault.allCases[Int(seed % UInt64(Fault.allCases.count))]
        var options = CrashLife.Options()
        options.keepsPlaced = seed % 3 == 0
        // A segment for each record or two, so that a full disk meets most operations.
        if fault == .full { options.segmentSize = 1 << 10 }
        let run = try CrashRun(options)
        let start = Int(random.next() % UInt64(max(1, operations.count)))
        let steps = Int(random.next() % 12)
        var completed = run.history.last
        for (index, operation) in operations.enumerated() {
            let disk = run.life.harness.disk
            if index == start { fault.install(on: disk, after: steps) }
            completed = run.history.last
            do {
                try run.perform(operation)
            } catch let error as VolumeError where CrashRun.isFault(error) {
                tally.errors[fault, default: 0] += 1
                if CrashSeeds.isReplay { print("\(index): \(operation): \(error)") }
                if run.isFailed { break }
                // It goes on, so nothing has happened.
                disk.faults = DiskFaults()
                try expectUnchanged(run, after: "\(operation): \(error)")
            }
            // Room comes back some time.
            if fault == .full, index == start + 6 { disk.faults = DiskFaults() }
        }
        if run.isFailed { tally.failedVolumes += 1 } else { completed = run.history.last }
        guard fault != .full || !run.isFailed else {
            throw CrashRun.Violation(description: "a full disk made the volume fail")
        }
        run.life.harness.disk.faults = DiskFaults()
        let point = run.pointNow(completed: completed)
        _ = try run.check(point, .kill, thorough: true)
        _ = try run.check(point, .powerCut(seed: random.next()), thorough: true)
        tally.seeds += 1
        tally.openings += run.tokens.count
    }

    static func expectUnchanged(_ run: CrashRun, after what: String) throws {
        let found = try run.life.volume.describe()
        let expected = run.history.states[run.history.last].lines
        guard found == expected else {
            throw CrashRun.Violation(
                description: "\(what) left \(found)\ninstead of \(expected)"
            )
        }
        try run.life.volume.checkInvariants()
    }

    @Test func aFaultAtAnyStepIsToldAndLosesNothing() {
        var tally = Tally()
        let survived = allSurvive(200, operationCount: 40) { operations, seed, _ in
            try Self.run(operations, seed: seed, tally: &tally)
        }
        guard survived else { return }
        if CrashSeeds.isWhole {
            // Each kind of fault was met, or nothing was shown about it.
            for fault in Fault.allCases { #expect(tally.errors[fault] ?? 0 > 10, "\(fault)") }
        }
        print("disk errors: \(tally)")
    }
}
