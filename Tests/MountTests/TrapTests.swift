internal import Foundation
internal import TestSupport
internal import Testing

/// What happens when the process that serves a mount traps.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct TrapTests {
    private struct Status: Decodable {
        let pid: Int32
        let restarts: Int
    }

    /// Nil while the mount does not answer.
    private func status(_ mounted: Mounted) throws -> Status? {
        let result = try Tool.run(
            "walrusfs",
            ["status", "--json", "test"],
            environment: mounted.environment
        )
        guard result.status == 0 else { return nil }
        return try JSONDecoder().decode(Status.self, from: Data(result.output.utf8))
    }

    @Test func aMountThatTrapsComesBackAndSaysSo() throws {
        // Without the runtime's own handler the signal ends the process at once.
        try Mounted.with(.volume, environment: ["SWIFT_BACKTRACE": "enable=no"]) { mounted in
            try mounted.script("echo kept > file")
            for (round, signal) in [SIGILL, SIGSEGV, SIGABRT].enumerated() {
                let before = try #require(try status(mounted))
                #expect(before.restarts == round)
                #expect(kill(before.pid, signal) == 0)
                var after: Status?
                for _ in 0..<2400 where after?.restarts != round + 1 {
                    usleep(50_000)
                    after = try status(mounted)
                }
                #expect(after?.restarts == round + 1)
                #expect(try mounted.script("cat file; echo \(round) >> file") == expected(round))
            }
            let log = mounted.scratch.path + "/home/volumes/test/mount.log"
            let text = try String(contentsOfFile: log, encoding: .utf8)
            #expect(text.contains("trapped (SIGSEGV), which is a bug"), "\(text)")
        }
    }

    private func expected(_ round: Int) -> String {
        "kept\n" + (0..<round).map { "\($0)\n" }.joined()
    }
}
