internal import Foundation
internal import Simulation
internal import Testing

@testable internal import network_simulation

/// Networks of real services under all faults at once; `make simulate SEED=n` replays one.
@Suite struct NetworkSimulationTests {
    /// Seeds of every run of the tests; `WALRUS_SIMULATION_SEEDS` asks for more.
    private static let count =
        ProcessInfo.processInfo.environment["WALRUS_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 50

    @Test func whatMustHoldHoldsAndEverythingEndsWhole() throws {
        var recovered = 0
        var deleted = 0
        var cut = 0
        var lies = 0
        var invalidated = 0
        var epochs = 0
        var restored = 0
        for seed in 1...Self.count {
            let outcome = try Scenario(seed: seed).run()
            #expect(
                outcome.violations.isEmpty,
                "make simulate SEED=\(seed): \(outcome.violations)"
            )
            recovered += outcome.sliversRecovered
            deleted += outcome.deletions
            cut += outcome.calls.lost + outcome.calls.cut
            lies += outcome.lies
            invalidated += outcome.invalidated
            epochs += outcome.epochs
            restored += outcome.restored
        }
        // The seeds do what they are for.
        #expect(recovered > 0)
        #expect(deleted > 0)
        #expect(cut > 0)
        #expect(lies > 0)
        #expect(invalidated > 0)
        #expect(epochs > 0)
        #expect(restored > 0)
    }

    /// The checks see what is outside of the fault model: disks whose syncs do nothing, nodes that
    /// do not recover or accuse nobody, and more liars than may be.
    @Test(arguments: [Plan.Sabotage.lyingDisks, .noRecovery, .tooManyLiars, .noInvalidation])
    func whatIsBrokenIsNoticed(sabotage: Plan.Sabotage) throws {
        let isNoticed = try (1...6 as ClosedRange<UInt64>).contains { seed in
            try !Scenario(seed: seed, sabotage: sabotage).run().violations.isEmpty
        }
        #expect(isNoticed)
    }

    private static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "network-simulation")
        process.executableURL = executable
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: printed, as: UTF8.self)
    }

    /// Each process has its own hash seeds and addresses.
    @Test func twoProcessesMakeTheSameTraces() throws {
        let first = try Self.run(["1", "8"])
        #expect(first.split(separator: "\n").count >= 8)
        #expect(try Self.run(["1", "8"]) == first)
        let digests = first.split(separator: "\n").filter { $0.hasPrefix("seed") }
            .map { $0.split(separator: " ")[2] }
        #expect(Set(digests).count == 8)
    }
}
