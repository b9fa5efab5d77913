internal import Foundation
internal import TestSupport
internal import Testing

/// The network as processes of its own, killed while files are being copied.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct DevnetTests {
    @Test func copyingGoesOnWhileThreeNodesAreKilled() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.start(fixture, in: scratch.path + "/devnet")
            #expect(devnet.processes.filter { $0.role == "node" }.count == 10)
            #expect(devnet.processes.filter { $0.role == "ledger" }.count == 1)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let tree = try fixture.makeTree()
            let nodes = devnet.processes.filter { $0.role == "node" }
            let copies = ["one", "two", "three"]
            for (victim, copy) in zip([2, 5, 9], copies) {
                let copying = Process()
                copying.executableURL = URL(filePath: "/usr/bin/env")
                copying.arguments = ["cp", "-a", tree, fixture.mountpoint + "/" + copy]
                try copying.run()
                #expect(kill(nodes[victim].pid, SIGKILL) == 0)
                try fixture.walrusfs("sync", fixture.mountpoint)
                copying.waitUntilExit()
                #expect(copying.terminationStatus == 0)
            }
            try fixture.walrusfs("sync", fixture.mountpoint)
            let key = try fixture.walrusfs("key", "export", "volume")
            try fixture.walrusfs("umount", fixture.mountpoint)
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
            for copy in copies {
                #expect(
                    try fixture.fingerprint(of: fixture.mountpoint + "/" + copy)
                        == fixture.fingerprint(of: tree)
                )
            }
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    @Test func blobsAreStoredAndReadWithThreeNodesGone() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.start(fixture, in: scratch.path + "/devnet")
            let file = scratch.path + "/file"
            try Tool.script("head -c 1500000 /dev/urandom > \(file)")
            try fixture.walrus("store", "--network", devnet.network, file)
            let identify = try fixture.walrus("blob-id", "--n-shards", "10", "--json", file)
            struct Identity: Decodable { let blobId: String }
            let blob = try JSONDecoder().decode(Identity.self, from: Data(identify.utf8)).blobId
            for node in devnet.processes.filter({ $0.role == "node" }).prefix(3) {
                #expect(kill(node.pid, SIGKILL) == 0)
            }
            let copy = scratch.path + "/copy"
            try fixture.walrus("read", "--network", devnet.network, blob, "--out", copy)
            try Tool.succeed("cmp", [file, copy])
        }
    }
}
