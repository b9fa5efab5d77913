internal import Foundation
internal import TestSupport
internal import Testing

/// `walrusfs fsck` and its exit codes, those of fsck(8).
@Suite(.serialized, .enabled(if: Fixture.canMount)) struct FsckTests {
    private func fsck(_ fixture: Fixture, _ volume: String) throws -> ToolResult {
        try Tool.run("walrusfs", ["fsck", volume], environment: fixture.environment)
    }

    @Test func aKilledMountIsCleanAndDamageIsTold() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let tree = try fixture.makeTree()
            try Tool.succeed("cp", ["-a", tree, fixture.mountpoint + "/copy"])
            let busy = try fsck(fixture, "volume")
            #expect(busy.status == 8, "\(busy)")
            #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
            // The process is gone a moment after the signal.
            var clean = try fsck(fixture, "volume")
            for _ in 0..<100 where clean.status == 8 { clean = try fsck(fixture, "volume") }
            #expect(clean.status == 0, "\(clean)")
            #expect(clean.output.contains("clean"), "\(clean)")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
            #expect(try fsck(fixture, "missing").status == 8)
            let database = scratch.path + "/home/volumes/volume/volume.db"
            let file = try #require(FileHandle(forUpdatingAtPath: database))
            try file.write(contentsOf: Data(repeating: 0xFF, count: 100))
            try file.close()
            let damaged = try fsck(fixture, "volume")
            #expect(damaged.status == 4, "\(damaged)")
        }
    }
}
