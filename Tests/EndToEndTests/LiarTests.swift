internal import Foundation
internal import Glibc
internal import TestSupport
internal import Testing

/// A volume on a network of processes in which as many nodes lie as may.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct LiarTests {
    @Test func aVolumeIsWholeWhileThreeOfTenNodesLie() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let folder = scratch.path + "/devnet"
            let devnet = try Devnet.start(fixture, in: folder)
            let nodes = devnet.processes.filter { $0.role == "node" }
            let tree = try fixture.makeTree()
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            func copy(_ name: String) throws {
                try Tool.succeed("cp", ["-a", tree, fixture.mountpoint + "/" + name])
                try fixture.walrusfs("sync", fixture.mountpoint)
            }
            try copy("before")
            let liars = try zip([1, 5, 8], ["another", "stale", "equivocating"]).map { at, kind in
                try Killing.now(nodes[at].pid)
                return try LyingProcess(
                    kind,
                    insteadOf: URL(filePath: nodes[at].directory).lastPathComponent,
                    at: nodes[at].url,
                    devnet: folder,
                    network: devnet.network,
                    in: scratch
                )
            }
            try copy("meanwhile")
            let key = try fixture.walrusfs("key", "export", "volume")
            try fixture.walrusfs("umount", fixture.mountpoint)
            // Nothing is near any more: all of it comes from the network.
            try FileManager.default.removeItem(atPath: scratch.path + "/home")
            _ = try scratch.folder("home")
            let keyFile = scratch.path + "/key"
            try key.write(toFile: keyFile, atomically: true, encoding: .utf8)
            try fixture.walrusfs(
                "attach",
                "--network",
                devnet.network,
                "--key-file",
                keyFile,
                "again"
            )
            try fixture.walrusfs("mount", "again", fixture.mountpoint)
            for name in ["before", "meanwhile"] {
                #expect(
                    try fixture.fingerprint(of: fixture.mountpoint + "/" + name)
                        == fixture.fingerprint(of: tree)
                )
            }
            try fixture.walrusfs("umount", fixture.mountpoint)
            for liar in liars { liar.end() }
        }
    }
}
