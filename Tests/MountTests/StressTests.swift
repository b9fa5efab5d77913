internal import Foundation
internal import TestSupport
internal import Testing

/// `make stress`, in short: some of stress-ng's filesystem class at once, fio with verification,
/// and directories and files that need more than one page of everything.
@Suite(
    .enabled(if: Mounted.isPossible && geteuid() == 0, "needs /dev/fuse, and root"),
    .serialized
)
struct StressTests {
    @Test func aShortStressFindsNothing() throws {
        try Scratch.with { scratch in
            let output = try Tool.succeed(
                "bash",
                [Fixtures.repositoryPath("Tests/Stress/stress.sh"), Tool.products + "/walrusfs"]
                    + ["6", "8000"],
                environment: ["TMPDIR": scratch.path]
            )
            #expect(output.hasSuffix("stress: all is well\n"), "\(output)")
        }
    }
}
