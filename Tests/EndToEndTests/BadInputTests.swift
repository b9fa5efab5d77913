internal import Foundation
internal import TestSupport
internal import Testing

/// What a user or a disk may get wrong: a clear error, and everything is left as it was.
@Suite(.serialized) struct BadInputTests {
    private func withVolume(_ body: (Fixture, String) throws -> Void) throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try body(fixture, scratch.path + "/home/volumes/volume")
        }
    }

    @Test func aWrongKeyIsRefused() throws {
        try withVolume { fixture, _ in
            let key = try fixture.walrusfs("key", "export", "volume")
            let file = fixture.scratch.path + "/key"
            for wrong in ["", "nonsense\n", String(key.dropLast(3)) + "xx\n"] {
                try wrong.write(toFile: file, atomically: true, encoding: .utf8)
                let result = try fixture.failing(
                    "walrusfs",
                    "attach",
                    "--network",
                    fixture.networkURL,
                    "--key-file",
                    file,
                    "v2"
                )
                #expect(result.errors.contains("key"), "\(result)")
            }
            #expect(
                !FileManager.default.fileExists(
                    atPath: fixture.scratch.path + "/home/volumes/v2"
                )
            )
        }
    }

    @Test func aMissingNetworkIsNotMade() throws {
        try withVolume { fixture, _ in
            let key = try fixture.walrusfs("key", "export", "volume")
            let file = fixture.scratch.path + "/key"
            try key.write(toFile: file, atomically: true, encoding: .utf8)
            let elsewhere = fixture.scratch.path + "/elsewhere"
            let result = try fixture.failing(
                "walrusfs",
                "attach",
                "--network",
                "embedded:\(elsewhere)",
                "--key-file",
                file,
                "v2"
            )
            #expect(result.errors.contains(elsewhere), "\(result)")
            #expect(!FileManager.default.fileExists(atPath: elsewhere))
        }
    }

    /// Such a volume was made, and then could not be mounted.
    @Test func aNetworkTooSmallForAVolumeIsNotMade() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let network = "embedded:\(fixture.network)?nodes=4"
            let result = try fixture.failing("walrusfs", "create", "--network", network, "small")
            #expect(result.status == 64, "\(result)")
            #expect(result.errors.contains("4 shards"), "\(result)")
            #expect(!FileManager.default.fileExists(atPath: fixture.network))
            #expect(!FileManager.default.fileExists(atPath: scratch.path + "/home/volumes/small"))
        }
    }

    @Test func aForeignStateDirectoryIsRefused() throws {
        try withVolume { fixture, state in
            let format = state + "/format.json"
            let good = try String(contentsOfFile: format, encoding: .utf8)
            for bad in ["", "{}", "[1]", good.replacingOccurrences(of: "1", with: "99")] {
                try bad.write(toFile: format, atomically: true, encoding: .utf8)
                let result = try fixture.failing(
                    "walrusfs",
                    "mount",
                    "volume",
                    fixture.mountpoint
                )
                #expect(result.errors.contains("format"), "\(result)")
                #expect(try String(contentsOfFile: format, encoding: .utf8) == bad)
            }
            #expect(fixture.scratch.mounts.isEmpty)
        }
    }

    @Test func aCopiedStateDirectoryIsRefused() throws {
        try withVolume { fixture, state in
            try Tool.succeed("cp", ["-a", state, state + "-copy"])
            let result = try fixture.failing(
                "walrusfs",
                "mount",
                "volume-copy",
                fixture.mountpoint
            )
            #expect(result.errors.contains("cop"), "\(result)")
        }
    }

    @Test(.enabled(if: Fixture.canMount, "needs /dev/fuse"))
    func mountpointsThatCanNotBeAreRefused() throws {
        try withVolume { fixture, state in
            let missing = fixture.scratch.path + "/missing"
            #expect(try fixture.failing("walrusfs", "mount", "volume", missing).errors != "")
            let file = fixture.scratch.path + "/file"
            try "x".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try fixture.failing("walrusfs", "mount", "volume", file).errors != "")
            for own in [state, fixture.network, fixture.network + "/node-00"] {
                let result = try fixture.failing("walrusfs", "mount", "volume", own)
                #expect(result.errors.contains(own), "\(result)")
            }
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let busy = try fixture.failing("walrusfs", "mount", "volume", fixture.mountpoint)
            #expect(busy.errors.contains("mount"), "\(busy)")
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    @Test func anUnknownBlobAndVolumeAreNamed() throws {
        try withVolume { fixture, _ in
            let unknown = String(repeating: "A", count: 43)
            let read = try fixture.failing(
                "walrus",
                "read",
                "--network",
                fixture.networkURL,
                unknown,
                "--out",
                fixture.scratch.path + "/out"
            )
            #expect(read.errors.contains(unknown), "\(read)")
            #expect(!FileManager.default.fileExists(atPath: fixture.scratch.path + "/out"))
            let mount = try fixture.failing("walrusfs", "mount", "nobody", fixture.mountpoint)
            #expect(mount.errors.contains("nobody"), "\(mount)")
        }
    }
}
