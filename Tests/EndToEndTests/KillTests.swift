internal import Foundation
internal import TestSupport
internal import Testing

/// A mount under real tools, killed at random moments (`Tests/Stress/kills.sh` has what and how).
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"))
struct KillTests {
    /// `WALRUS_KILL_ROUNDS=300` for more, `WALRUS_KILL_SEED=n` for the same choices again.
    @Test func whatCompletedBeforeAKillIsThere() throws {
        let environment = ProcessInfo.processInfo.environment
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Stress/kills.sh").path
        try Scratch.with { scratch in
            var arguments = [
                script, Tool.products + "/walrusfs", environment["WALRUS_KILL_ROUNDS"] ?? "12",
            ]
            if let seed = environment["WALRUS_KILL_SEED"] { arguments.append(seed) }
            let output = try Tool.succeed(
                "bash",
                arguments,
                environment: ["TMPDIR": scratch.path]
            )
            print(output)
            #expect(output.contains("kills: done"))
        }
    }
}
