internal import Foundation
internal import TestSupport
internal import Testing

/// The life of a mounted volume, through the command.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct VolumeMountTests {
    private struct Status: Decodable {
        let pid: Int32
        let mountpoint: String
        let volume: String
    }

    private func status(_ mounted: Mounted, _ target: String) throws -> Status {
        let text = try Tool.succeed(
            "walrusfs",
            ["status", "--json", target],
            environment: mounted.environment
        )
        return try JSONDecoder().decode(Status.self, from: Data(text.utf8))
    }

    private func mount(_ mounted: Mounted) throws {
        try Tool.succeed(
            "walrusfs",
            ["mount", "test", mounted.mountpoint],
            environment: mounted.environment
        )
    }

    @Test func aKilledMountComesBackWithAllThatCompleted() throws {
        try Mounted.with(.volume) { mounted in
            for round in 1...3 {
                try mounted.script(
                    "mkdir d\(round); seq 1 5000 > d\(round)/n; ln d\(round)/n again\(round)"
                )
                // The kernel knows the root from here on, and answers for the killed process.
                try mounted.script("stat .")
                #expect(kill(try status(mounted, "test").pid, SIGKILL) == 0)
                try mount(mounted)
                for earlier in 1...round {
                    try mounted.script(
                        "seq 1 5000 | cmp - d\(earlier)/n; cmp d\(earlier)/n again\(earlier)"
                    )
                }
            }
        }
    }

    @Test func statusIsToldForAnyPathInTheMount() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script("mkdir -p a/b; touch a/b/c")
            for target in ["", "/a/b", "/a/b/c"] {
                let status = try status(mounted, mounted.mountpoint + target)
                #expect(status.volume == "test")
                #expect(status.mountpoint == mounted.mountpoint)
            }
            let sync = ["sync", "--local", mounted.mountpoint]
            try Tool.succeed("walrusfs", sync, environment: mounted.environment)
            let network = try Tool.run(
                "walrusfs",
                ["sync", "--network", "test"],
                environment: mounted.environment
            )
            #expect(network.status == 69, "\(network)")
        }
    }

    @Test func umountReturnsWhenTheProcessHasEnded() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script("echo kept > file")
            for _ in 0..<3 {
                let process = try status(mounted, "test").pid
                try Tool.succeed(
                    "walrusfs",
                    ["umount", mounted.mountpoint],
                    environment: mounted.environment
                )
                #expect(!FileManager.default.fileExists(atPath: "/proc/\(process)/exe"))
                #expect(mounted.scratch.mounts.isEmpty)
                try mount(mounted)
                #expect(try mounted.script("cat file") == "kept\n")
            }
        }
    }

    /// A copy of the mount in another namespace kept the process, and umount waited for it.
    @Test func aCopyInAnotherNamespaceDoesNotKeepAVolume() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script("echo kept > file")
            let other = Process()
            other.executableURL = URL(filePath: "/usr/bin/unshare")
            other.arguments = [
                "--mount", "--propagation", "private", "sh", "-c", "echo there; exec sleep 600",
            ]
            let output = Pipe()
            other.standardOutput = output
            try other.run()
            mounted.scratch.owns(process: other.processIdentifier)
            _ = try output.fileHandleForReading.read(upToCount: 6)
            let process = try status(mounted, "test").pid
            try Tool.succeed(
                "walrusfs",
                ["umount", mounted.mountpoint],
                environment: mounted.environment
            )
            #expect(!FileManager.default.fileExists(atPath: "/proc/\(process)/exe"))
            try mount(mounted)
            #expect(try mounted.script("cat file") == "kept\n")
        }
    }

    @Test func aMountInUseIsNotUnmounted() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script("echo kept > file")
            let open = try #require(FileHandle(forReadingAtPath: mounted.mountpoint + "/file"))
            let result = try Tool.run(
                "walrusfs",
                ["umount", mounted.mountpoint],
                environment: mounted.environment
            )
            #expect(result.status == 75, "\(result)")
            #expect(result.errors.contains("in use"), "\(result)")
            try open.close()
            #expect(try mounted.script("cat file") == "kept\n")
        }
    }
}
