internal import Foundation
internal import TestSupport
internal import Testing

/// From `cp` to slivers and back: the whole line, on a real mount, with real tools.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct EmbeddedNetworkTests {
    @Test func aTreeSurvivesThreeNodesAndAllLocalState() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let tree = try fixture.makeTree()
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.succeed("cp", ["-a", tree, fixture.mountpoint + "/"])
            try Tool.succeed("rsync", ["-aH", tree + "/", fixture.mountpoint + "/copy/"])
            let second = try Tool.succeed(
                "rsync",
                ["-ai", tree + "/", fixture.mountpoint + "/copy/"]
            )
            #expect(second == "", "the second run transfers nothing")
            let wanted = try fixture.fingerprint(of: tree)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let key = try fixture.walrusfs("key", "export", "volume")
            try fixture.walrusfs("umount", fixture.mountpoint)

            try fixture.destroyNodes([1, 4, 8])
            try FileManager.default.removeItem(atPath: scratch.path + "/home")
            _ = try scratch.folder("home")
            let keyFile = scratch.path + "/key"
            try key.write(toFile: keyFile, atomically: true, encoding: .utf8)
            try fixture.walrusfs(
                "attach",
                "--network",
                fixture.networkURL,
                "--key-file",
                keyFile,
                "again"
            )
            try fixture.walrusfs("mount", "again", fixture.mountpoint)
            try Tool.succeed(
                "diff",
                ["-r", "--no-dereference", tree, fixture.mountpoint + "/copy"]
            )
            #expect(try fixture.fingerprint(of: fixture.mountpoint + "/copy") == wanted)
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    @Test func theLedgerIsRebuiltFromTheNodes() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 200000 > numbers; mkdir d; echo x > d/y", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let key = try fixture.walrusfs("key", "export", "volume")
            try fixture.walrusfs("umount", fixture.mountpoint)

            try FileManager.default.removeItem(atPath: fixture.network + "/ledger")
            try FileManager.default.removeItem(atPath: scratch.path + "/home")
            _ = try scratch.folder("home")
            let keyFile = scratch.path + "/key"
            try key.write(toFile: keyFile, atomically: true, encoding: .utf8)
            try fixture.walrusfs(
                "attach",
                "--network",
                fixture.networkURL,
                "--key-file",
                keyFile,
                "again"
            )
            try fixture.walrusfs("mount", "again", fixture.mountpoint)
            try Tool.script(
                "seq 1 200000 | cmp - numbers; [ \"$(cat d/y)\" = x ]",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    @Test func aKilledMountComesBackAtOnce() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let tree = try fixture.makeTree()
            try Tool.succeed("cp", ["-a", tree, fixture.mountpoint + "/copy"])
            let wanted = try fixture.fingerprint(of: tree)
            #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            #expect(try fixture.fingerprint(of: fixture.mountpoint + "/copy") == wanted)
            try fixture.walrusfs("sync", fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    @Test func aSecondProcessUsesTheSameNetwork() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            #expect(try fixture.walrus("info", "--network", fixture.networkURL).contains("10"))
            let second = try scratch.folder("second")
            try fixture.walrusfs("create", "--network", fixture.networkURL, "other")
            try fixture.walrusfs("mount", "other", second)
            try Tool.script("echo one > a", in: fixture.mountpoint)
            try Tool.script("echo two > a", in: second)
            try fixture.walrusfs("sync", fixture.mountpoint)
            // The host of the network leaves; the other mount takes over and goes on.
            try fixture.walrusfs("umount", fixture.mountpoint)
            try fixture.walrusfs("sync", second)
            try Tool.script("[ \"$(cat a)\" = two ]", in: second)
            try fixture.walrusfs("umount", second)
        }
    }
}
