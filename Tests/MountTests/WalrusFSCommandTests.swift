internal import Foundation
internal import TestSupport
internal import Testing

/// What scripts rely on.
struct WalrusFSCommandTests {
    private func withHome(_ body: (Scratch, [String: String]) throws -> Void) throws {
        try Scratch.with { scratch in
            try body(scratch, ["WALRUSFS_HOME": try scratch.folder("home")])
        }
    }

    /// The numbers of `CommandStatus`; they never change.
    @Test func theExitStatusesAreListed() throws {
        let help = try Tool.succeed("walrusfs", ["--help"])
        for line in [
            "0   done", "1   failed", "64  the command line", "66  no such", "69  the network",
            "73  the volume is there", "74  the disk", "75  in use", "76  local state",
            "77  not permitted", "78  this machine",
        ] {
            #expect(help.contains(line), "\(line) in \(help)")
        }
    }

    static let failures: [(arguments: [String], status: Int32, says: String)] = [
        (["nonsense"], 64, "nonsense"),
        (["mount"], 64, "arguments"),
        (["mount", "-o", "nonsense", "a", "/"], 64, "nonsense"),
        (["mount", "-o", "fsync=never", "a", "/"], 64, "fsync=never"),
        (["mount", "-o", "fsync=network", "test", "MNT"], 64, "no network"),
        (["mount", "nobody", "MNT"], 66, "nobody"),
        (["mount", "test", "MNT/missing"], 66, "missing"),
        (["mount", "test", "HOME/volumes/test"], 64, "volumes/test"),
        (["mount", "test", "HOME"], 64, "volumes/test"),
        (["create", "--network", "none", "test"], 73, "test"),
        (["create", "--network", "none", "a/b"], 64, "a/b"),
        (["create", "--network", "none", ".."], 64, ".."),
        (["create", "--network", "http://x", "other"], 64, "http://x"),
        (["create", "--network", "embedded:MNT?nodes=x", "other"], 64, "nodes"),
        (["umount", "MNT"], 66, "MNT"),
        (["status", "MNT"], 66, "MNT"),
        (["status", "test"], 66, "not mounted"),
        (["sync", "--local", "--network", "test"], 64, "one of"),
        (["attach", "--key-file", "MNT/missing", "other"], 66, "missing"),
        (["attach", "--key-file", "HOME/volumes/test/format.json", "other"], 77, "key"),
        (["attach", "--network", "embedded:MNT/no", "--key-file", "KEY", "other"], 77, "key"),
        (["key", "export", "nobody"], 66, "nobody"),
        (["key", "export", "test"], 66, "no network"),
    ]

    @Test func failuresSayWhatAndHow() throws {
        try withHome { scratch, environment in
            let mountpoint = try scratch.folder("mnt")
            let home = scratch.path + "/home"
            let key = scratch.path + "/key"
            try Data("walrusfs-key-1:AAAA\n".utf8).write(to: URL(filePath: key))
            try Tool.succeed(
                "walrusfs",
                ["create", "--network", "none", "test"],
                environment: environment
            )
            func place(_ text: String) -> String {
                text.replacingOccurrences(of: "MNT", with: mountpoint)
                    .replacingOccurrences(of: "HOME", with: home)
                    .replacingOccurrences(of: "KEY", with: key)
            }
            for failure in Self.failures {
                let arguments = failure.arguments.map(place)
                let result = try Tool.run("walrusfs", arguments, environment: environment)
                #expect(result.status == failure.status, "\(result)")
                #expect(result.errors.contains(place(failure.says)), "\(result)")
            }
            let volumes = try FileManager.default.contentsOfDirectory(atPath: home + "/volumes")
            #expect(volumes == ["test"], "nothing was left behind")
        }
    }

    /// It left a mountpoint that nobody served.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/fuse"), "needs /dev/fuse"))
    func whoSaysUnmountedWhileTheMountStandsIsRefused() throws {
        try withHome { scratch, environment in
            let mountpoint = try scratch.folder("mnt")
            func walrusfs(_ arguments: String...) throws -> String {
                try Tool.succeed("walrusfs", arguments, environment: environment)
            }
            _ = try walrusfs("create", "--network", "none", "test")
            _ = try walrusfs("mount", "test", mountpoint)
            try Tool.script("echo one > file", in: mountpoint)
            let socket = scratch.path + "/home/volumes/test/control"
            let answer = try Tool.succeed(
                "python3",
                [
                    "-c",
                    """
                    import os, socket, struct, sys
                    os.chdir(os.path.dirname(sys.argv[1]))
                    s = socket.socket(socket.AF_UNIX)
                    s.connect("control")
                    body = b'{"command":"unmounted","version":1}\\n'
                    s.sendall(struct.pack("<I", len(body)) + body)
                    f = s.makefile("rb")
                    print(f.read(struct.unpack("<I", f.read(4))[0]).decode())
                    """, socket,
                ]
            )
            #expect(answer.contains("\"code\":75"), "\(answer)")
            #expect(answer.contains("still mounted"), "\(answer)")
            try Tool.script("[ \"$(cat file)\" = one ]; echo two > file", in: mountpoint)
            _ = try walrusfs("umount", mountpoint)
        }
    }
}
