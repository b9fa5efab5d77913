import Testing

@testable import Volume

struct ReferenceModelTests {
    /// Runs operations on both sides, with a power cut or a kill here and there.
    private static func run(_ operations: [ModelOperation], seed: UInt64, crashes: Bool) -> String?
    {
        do {
            try VolumeHarness.with { harness in
                let run = ModelRun(harness)
                for (index, operation) in operations.enumerated() {
                    try run.perform(operation)
                    if index % 16 == 15 { try run.compare() }
                    if crashes, index % 40 == 39 {
                        try harness.kill()
                        try run.compare()
                    }
                    if index % 50 == 49 { try harness.volume.tick() }
                }
                try run.compare()
                try harness.volume.checkInvariants()
                if crashes {
                    try run.crash(seed: seed)
                    try harness.volume.checkInvariants()
                }
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Leaves out operations as long as the rest still fails.
    private static func shrink(
        _ operations: [ModelOperation],
        seed: UInt64,
        crashes: Bool
    ) -> [ModelOperation] {
        var kept = operations
        var step = max(1, kept.count / 2)
        while step >= 1 {
            var index = 0
            while index < kept.count {
                var fewer = kept
                fewer.removeSubrange(index..<min(index + step, kept.count))
                if run(fewer, seed: seed, crashes: crashes) != nil {
                    kept = fewer
                } else {
                    index += step
                }
            }
            step /= 2
        }
        return kept
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aVolumeDoesWhatAPlainTreeDoes(seed: UInt64) {
        check(seed: seed, crashes: false)
    }

    @Test(arguments: 101...108 as ClosedRange<UInt64>)
    func aPowerCutLeavesAPrefixWithAllThatWasSynced(seed: UInt64) {
        check(seed: seed, crashes: true)
    }

    private func check(seed: UInt64, crashes: Bool) {
        var random = TestRandom(state: seed)
        let operations = (0..<200).map { _ in random.operation() }
        guard let difference = Self.run(operations, seed: seed, crashes: crashes) else { return }
        let fewer = Self.shrink(operations, seed: seed, crashes: crashes)
        let last = Self.run(fewer, seed: seed, crashes: crashes) ?? difference
        Issue.record("seed \(seed), \(fewer.count) operations: \(fewer): \(last)")
    }
}
