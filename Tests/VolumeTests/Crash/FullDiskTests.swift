import Synchronization
import SystemIO
import Testing

@testable import Volume

/// A disk that fills up at any step, stays full for a while, and has room again: what was answered
/// is there, what was refused did not happen, and the volume goes on by itself.
struct FullDiskTests {
    struct Tally {
        var seeds = 0
        var operations = 0
        var refused = 0
        /// Times that the disk filled up, and that the view lost its transaction to it.
        var fillings = 0
        var rebuilds = 0
        var openings = 0
    }

    /// Fills the disk, for so many refusals, before one in `oneIn` operations.
    static func run(
        _ operations: [CrashOperation],
        seed: UInt64,
        tally: inout Tally
    ) throws {
        var random = TestRandom(state: seed)
        var options = CrashLife.Options()
        options.keepsPlaced = seed % 3 == 0
        // Short ones have the log ask for room often; with long ones the view does most.
        options.segmentSize = [1 << 10, 16 << 10, 1 << 20][Int(random.next() % 3)]
        options.commitAge = .seconds(Int(random.next() % 3) * 2)
        let run = try CrashRun(options)
        let disk = run.life.harness.disk
        for operation in operations {
            if random.next() % 6 == 0 {
                disk.faults.growthsUntilFull = Int(random.next() % 4)
                disk.faults.refusalsUntilRoom = Int(random.next() % 24) + 1
                tally.fillings += 1
            }
            tally.operations += 1
            do {
                try run.perform(operation)
            } catch let error as VolumeError where error.isFull {
                tally.refused += 1
                if CrashSeeds.isReplay { print("\(operation): \(error)") }
                try DiskErrorTests.expectUnchanged(run, after: "\(operation): \(error)")
            }
            if run.life.volume.core.withLock({ $0.viewRetry != nil }) { tally.rebuilds += 1 }
            if random.next() % 24 == 0 { try crash(run, seed: random.next()) }
        }
        // There is room again, and nothing else is done about it.
        disk.faults = DiskFaults()
        try run.perform(.endCut(0))
        try run.perform(.cut)
        try run.perform(.endCut(0))
        run.life.harness.time.advance(by: .seconds(10))
        while try run.life.volume.tick() {}
        run.life.close()
        try run.life.volume.makeFile("there is room")
        try run.life.volume.unlink(.root, Array("there is room".utf8), context: someone)
        _ = try run.life.volume.syncDirectory(.root)
        guard !run.life.volume.core.withLock({ $0.isViewWaiting }) else {
            throw CrashRun.Violation(description: "the view is not up to the log")
        }
        try crash(run, seed: random.next())
        tally.seeds += 1
        tally.openings += run.tokens.count
    }

    /// What the disk would leave to a kill and to a power cut now, with room again.
    private static func crash(_ run: CrashRun, seed: UInt64) throws {
        let point = run.pointNow(completed: run.history.last)
        let faults = run.life.harness.disk.faults
        run.life.harness.disk.faults = DiskFaults()
        defer { run.life.harness.disk.faults = faults }
        _ = try run.check(point, .kill, thorough: true)
        _ = try run.check(point, .powerCut(seed: seed), thorough: true)
    }

    @Test func aDiskThatIsFullForAWhileLosesNothing() {
        var tally = Tally()
        let survived = allSurvive(60, operationCount: 40) { operations, seed, _ in
            try Self.run(operations, seed: seed, tally: &tally)
        }
        guard survived else { return }
        if CrashSeeds.isWhole {
            // Operations met it, or nothing was shown about them.
            #expect(tally.refused > tally.seeds)
        }
        print("full disks: \(tally)")
    }
}
