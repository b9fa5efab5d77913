import SystemIO
import Testing

@testable import Volume

/// Bits that turn in the log: told, or in nothing that is needed; never given out as contents.
struct RotTests {
    private struct Tally {
        var seeds = 0
        var refused = 0
        var harmless = 0
    }

    /// Turns one bit of one segment, and opens what is left.
    private func run(seed: UInt64, tally: inout Tally) throws {
        var random = TestRandom(state: seed)
        let run = try CrashRun(CrashLife.Options())
        for operation in [CrashOperation].of(seed: seed, count: 30) { try run.perform(operation) }
        if seed % 2 == 0 { try run.life.volume.synchronize() }
        let disk = run.life.harness.disk.kill()
        let names = try disk.list("/log")
        let path = "/log/" + names[Int(random.next() % UInt64(names.count))]
        let size = try disk.status(path)?.size ?? 0
        guard size > 0 else { return }
        let mask = UInt8(1) << UInt8(random.next() % 8)
        disk.rot(path, at: Int(random.next() % UInt64(size)), mask: mask)
        tally.seeds += 1
        do {
            let network = CrashNetwork(copying: run.life.network)
            let life = try CrashLife(disk, run.options, network: network, tokens: run.tokens)
            let found = try life.volume.describe()
            let last = run.history.last
            guard !run.history.matches(found, in: 0...last).isEmpty else {
                throw CrashRun.Violation(description: "seed \(seed): \(path) became \(found)")
            }
            tally.harmless += 1
        } catch VolumeError.corrupt(_) {
            tally.refused += 1
        }
    }

    @Test func aTurnedBitOfTheLogIsNeverGivenOut() throws {
        var tally = Tally()
        for seed in CrashSeeds.range(300) { try run(seed: seed, tally: &tally) }
        if CrashSeeds.isWhole {
            #expect(tally.refused > 10)
            #expect(tally.harmless > 10)
        }
        print("rot: \(tally)")
    }
}
