internal import Foundation
internal import TestSupport
internal import Testing

/// What is removed leaves the nodes, on a real network, under real mounts.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct GarbageTests {
    private struct Garbage: Decodable {
        let retired: Int
        let retiredBytes: UInt64
        let deleted: Int
        let deletedBytes: UInt64
        let heldBytes: UInt64
        let sparseBytes: UInt64
        let packsEmptied: Int
        let movedBytes: UInt64
        let lastError: String?
    }

    private func collect(_ fixture: Fixture, _ options: String...) throws -> Garbage {
        let text = try Tool.succeed(
            "walrusfs",
            ["gc", "--json"] + options + [fixture.mountpoint],
            environment: fixture.environment
        )
        return try JSONDecoder().decode(Garbage.self, from: Data(text.utf8))
    }

    private func newestManifest(_ fixture: Fixture) throws -> String {
        struct Status: Decodable { let manifest: String }
        let text = try fixture.walrusfs("status", "--json", fixture.mountpoint)
        return try JSONDecoder().decode(Status.self, from: Data(text.utf8)).manifest
    }

    /// Whether the nodes agree that a blob is certified in somebody's pool.
    private func isCertified(_ blob: String, _ fixture: Fixture) throws -> Bool {
        try fixture.walrus("blob-status", "--network", fixture.networkURL, "--blob-id", blob)
            .contains("1 of them certified")
    }

    private func nodeBytes(_ fixture: Fixture) throws -> UInt64 {
        let text = try Tool.script(
            "du -sb node-* | awk '{ s += $1 } END { print s }'",
            in: fixture.network
        )
        return try #require(UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private func usedBytes(_ fixture: Fixture) throws -> UInt64 {
        let text = try Tool.script("df --output=used -B1 . | tail -n 1", in: fixture.mountpoint)
        return try #require(UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    @Test func whatWasRemovedLeavesTheNodesAndFollowersReadTheRest() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script(
                "head -c 3000000 /dev/urandom > keep; mkdir d; seq 1 50000 > d/text",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            let before = try nodeBytes(fixture)
            try Tool.script("head -c 20000000 /dev/urandom > goes", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let full = try nodeBytes(fixture)
            #expect(full > before + 60_000_000)
            let reader = try Machine(fixture, "reader")
            try reader.attach(fixture.networkURL)
            try reader.walrusfs("mount", "--follow", "volume", reader.mountpoint)
            try reader.script("cmp goes \(fixture.mountpoint)/goes")

            try Tool.script("rm goes", in: fixture.mountpoint)
            // The kernel tells a moment later that nobody has the file.
            try wait(for: "the file to go") { try usedBytes(fixture) < 20_000_000 }
            try fixture.walrusfs("sync", fixture.mountpoint)
            // The newest three checkpoints are kept, and two of them have it.
            let kept = try collect(fixture)
            #expect(kept.deleted == 0 && kept.heldBytes == 20_000_000)
            #expect(try nodeBytes(fixture) >= full)
            let status = try fixture.walrusfs("status", fixture.mountpoint)
            #expect(status.contains("kept for older checkpoints"), "\(status)")
            for round in 1...3 {
                try Tool.script("echo \(round) > round", in: fixture.mountpoint)
                #expect(try collect(fixture).deleted == 0)
            }
            let waiting = try collect(fixture)
            #expect(waiting.retired > 1 && waiting.retiredBytes > 60_000_000)
            #expect(waiting.deleted == 0 && waiting.lastError == nil)
            #expect(try nodeBytes(fixture) >= full)
            try fixture.walrusfs("umount", fixture.mountpoint)
            try reader.walrusfs("umount", reader.mountpoint)
        }
    }

    /// A tenth of each pack is needed: it moves, the rest leaves the pool and the nodes' disks, and
    /// all that is left reads as it was, on this machine and on another.
    @Test func sparsePacksAreEmptiedAndLeaveTheDisksOfNodes() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch, environment: ["WALRUS_RELEASE_GRACE": "1"])
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script(
                """
                for i in $(seq 300); do
                    head -c 40000 /dev/urandom > keep-$i
                    head -c 360000 /dev/urandom > goes-$i
                done
                """,
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            let full = try nodeBytes(fixture)
            #expect(full > 120_000_000 * 3)
            let wanted = try Tool.script("sha256sum keep-*", in: fixture.mountpoint)
            try Tool.script("rm goes-*", in: fixture.mountpoint)
            var (emptied, moved, deleted) = (0, UInt64(0), UInt64(0))
            // The kernel tells a moment later that nobody has the files.
            try wait(for: "the packs to go") {
                let report = try collect(fixture, "--now")
                #expect(report.lastError == nil, "\(report)")
                (emptied, moved, deleted) = (
                    report.packsEmptied, report.movedBytes, report.deletedBytes
                )
                return deleted > 120_000_000 * 3 && report.sparseBytes < 1_000_000
            }
            #expect(emptied > 10 && moved >= 12_000_000)
            print("garbage: \(emptied) packs emptied, \(moved) bytes moved, \(deleted) deleted")
            // What is left on disks is near what is needed, at five bytes for one.
            try wait(for: "the disks of nodes") { try nodeBytes(fixture) < full / 2 }
            print("garbage: nodes had \(full) bytes, have \(try nodeBytes(fixture))")
            try fixture.walrusfs("fsck", "--deep", fixture.mountpoint)
            #expect(try Tool.script("sha256sum keep-*", in: fixture.mountpoint) == wanted)
            let reader = try Machine(fixture, "reader")
            try reader.attach(fixture.networkURL)
            try reader.walrusfs("mount", "--follow", "volume", reader.mountpoint)
            #expect(try Tool.script("sha256sum keep-*", in: reader.mountpoint) == wanted)
            try fixture.walrusfs("umount", fixture.mountpoint)
            try reader.walrusfs("umount", reader.mountpoint)
            // Without a cache, and without the log's bytes.
            let copy = try Machine(fixture, "copy")
            try copy.attach(fixture.networkURL)
            try copy.walrusfs("mount", "volume", copy.mountpoint)
            #expect(try Tool.script("sha256sum keep-*", in: copy.mountpoint) == wanted)
            try copy.walrusfs("umount", copy.mountpoint)
        }
    }

    @Test func askedToAtOnceTheNodesLetGo() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script(
                "head -c 3000000 /dev/urandom > keep; head -c 20000000 /dev/urandom > goes",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            let manifest = try newestManifest(fixture)
            #expect(try isCertified(manifest, fixture))
            try Tool.script("rm goes; echo more > more", in: fixture.mountpoint)
            // The kernel tells a moment later that nobody has the file.
            try wait(for: "the file to go") {
                let report = try collect(fixture, "--now")
                #expect(report.retired == 0 && report.lastError == nil, "\(report)")
                return report.deletedBytes > 60_000_000
            }
            // The nodes hear of it; their disks follow after a grace of their own.
            try wait(for: "the nodes") { try !isCertified(manifest, fixture) }
            #expect(try isCertified(newestManifest(fixture), fixture))
            // All that is left is there, for this mount, a check, and a machine that comes anew.
            try fixture.walrusfs("fsck", "--deep", fixture.mountpoint)
            let reader = try Machine(fixture, "reader")
            try reader.attach(fixture.networkURL)
            try reader.walrusfs("mount", "--follow", "volume", reader.mountpoint)
            try reader.script(
                "cmp keep \(fixture.mountpoint)/keep; [ ! -e goes ]; [ \"$(cat more)\" = more ]"
            )
            // It goes on: the same contents come back, and stay.
            try Tool.script("cp keep again; rm keep more", in: fixture.mountpoint)
            _ = try collect(fixture, "--now")
            try fixture.walrusfs("sync", fixture.mountpoint)
            try reader.walrusfs("sync", reader.mountpoint)
            try reader.script("cmp again \(fixture.mountpoint)/again")
            try fixture.walrusfs("fsck", "--deep", fixture.mountpoint)
            let refused = try reader.run("gc", reader.mountpoint)
            #expect(refused.status != 0 && refused.errors.contains("follower"), "\(refused)")
            try fixture.walrusfs("umount", fixture.mountpoint)
            try reader.walrusfs("umount", reader.mountpoint)
        }
    }
}
