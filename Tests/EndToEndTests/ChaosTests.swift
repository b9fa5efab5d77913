internal import Foundation
internal import TestSupport
internal import Testing

/// Thirteen nodes as daemons under load, while they are killed, wiped and cut off and epochs change
/// (`Tests/Chaos/chaos.py` has what and how).
@Suite(
    .enabled(
        if: Fixture.canMount && Partition.isPossible,
        "needs /dev/fuse and network namespaces, as root: nothing is mounted here"
    )
)
struct ChaosTests {
    /// `make chaos MINUTES=…` for more, `WALRUS_CHAOS_SEED=n` for the same choices again.
    @Test func everyOperationSucceedsAndEveryNodeEndsWhole() throws {
        let environment = ProcessInfo.processInfo.environment
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Chaos/chaos.py").path
        try Scratch.with { scratch in
            var arguments = [script, Tool.products, environment["WALRUS_CHAOS_SECONDS"] ?? "20"]
            if let seed = environment["WALRUS_CHAOS_SEED"] { arguments.append(seed) }
            let output = try Tool.succeed(
                "python3",
                arguments,
                environment: ["TMPDIR": scratch.path]
            )
            print(output)
            #expect(output.contains("chaos: done"))
            // Epochs ended by their own time, and the ledger was killed, however short the run.
            #expect(try /ledger +[1-9]\d* kills/.firstMatch(in: output) != nil)
            #expect(try /epochs +[1-9]\d*, by their duration/.firstMatch(in: output) != nil)
            #expect(output.contains("all 13 nodes ended whole"))
        }
    }
}
