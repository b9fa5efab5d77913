internal import Foundation
internal import TestSupport
internal import Testing

/// `walrusfs fsck` and its exit codes, those of fsck(8).
@Suite(.serialized, .enabled(if: Fixture.canMount)) struct FsckTests {
    private func fsck(_ fixture: Fixture, _ arguments: String...) throws -> ToolResult {
        try Tool.run("walrusfs", ["fsck"] + arguments, environment: fixture.environment)
    }

    /// The check of a volume whose process was killed; it is gone a moment after the signal.
    private func fsckAfterKill(_ fixture: Fixture) throws -> ToolResult {
        var result = try fsck(fixture, "volume")
        for _ in 0..<2000 where result.status == 8 { result = try fsck(fixture, "volume") }
        return result
    }

    @Test func aKilledMountIsCleanAndALostDatabaseIsMadeAnew() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let tree = try fixture.makeTree()
            let copy = fixture.mountpoint + "/copy"
            try Tool.succeed("cp", ["-a", tree, copy])
            try fixture.walrusfs("sync", fixture.mountpoint)
            try Tool.succeed("cp", ["-a", tree + "/links", fixture.mountpoint + "/later"])
            try checkMounted(fixture)
            #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
            let clean = try fsckAfterKill(fixture)
            #expect(clean.status == 0, "\(clean)")
            #expect(clean.output.contains("clean"), "\(clean)")
            #expect(try fsck(fixture, "missing").status == 8)
            // A whole database is not made anew.
            #expect(try fsck(fixture, "--rebuild", "volume").status == 0)
            let database = scratch.path + "/home/volumes/volume/volume.db"
            let file = try #require(FileHandle(forUpdatingAtPath: database))
            try file.write(contentsOf: Data(repeating: 0xFF, count: 100))
            try file.close()
            let damaged = try fsck(fixture, "volume")
            #expect(damaged.status == 4, "\(damaged)")
            #expect(damaged.errors.contains("--rebuild"), "\(damaged)")
            let rebuilt = try fsck(fixture, "--rebuild", "volume")
            #expect(rebuilt.status == 1, "\(rebuilt)")
            #expect(FileManager.default.fileExists(atPath: database + ".damaged"))
            let deep = try fsck(fixture, "--deep", "volume")
            #expect(deep.status == 0, "\(deep)")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            #expect(try fixture.fingerprint(of: copy) == fixture.fingerprint(of: tree))
            let (later, links) = (fixture.mountpoint + "/later", tree + "/links")
            #expect(try fixture.fingerprint(of: later) == fixture.fingerprint(of: links))
            try fixture.walrusfs("sync", fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    /// What a mounted volume is asked.
    private func checkMounted(_ fixture: Fixture) throws {
        let online = try fsck(fixture, "volume")
        #expect(online.status == 0, "\(online)")
        let deep = try fsck(fixture, "--deep", "--json", fixture.mountpoint)
        #expect(deep.status == 0, "\(deep)")
        struct Report: Decodable {
            let problemCount: Int
            let inodes: Int
            let bytesRead: Int
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(deep.output.utf8))
        #expect(report.problemCount == 0 && report.inodes > 1000)
        #expect(report.bytesRead > 3_000_000)
        // What is in use is not repaired, nor made anew.
        #expect(try fsck(fixture, "--repair", "volume").status == 8)
        #expect(try fsck(fixture, "--rebuild", "volume").status == 8)
        #expect(try fsck(fixture, "-n", "-y", "volume").status == 16)
        #expect(try fsck(fixture, "--no-such-option").status == 16)
    }

    /// Rows changed behind the program's back by SQLite's own tool.
    @Test func damagedRowsAreRepaired() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", "none", "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("mkdir d; echo one > d/one; echo two > two", in: fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
            let database = scratch.path + "/home/volumes/volume/volume.db"
            // The folder `d` loses its name.
            let sql = "DELETE FROM dirents WHERE key = x'000000000000000164'; SELECT changes();"
            #expect(try Tool.succeed("sqlite3", [database, sql]) == "1\n")
            let found = try fsck(fixture, "-n", "volume")
            #expect(found.status == 4, "\(found)")
            #expect(found.output.contains("can be repaired"), "\(found)")
            let repaired = try fsck(fixture, "-y", "volume")
            #expect(repaired.status == 1, "\(repaired)")
            #expect(try fsck(fixture, "volume").status == 0)
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let text = try Tool.script("cat lost+found/*/one two", in: fixture.mountpoint)
            #expect(text == "one\ntwo\n")
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    private struct Status: Decodable {
        let rebuilt: String?
    }

    /// A mount makes its database anew by itself, unless that could lose anything.
    @Test func aMountMakesALostDatabaseAnewByItself() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let state = scratch.path + "/home/volumes/volume"
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 30000 > published", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            try Tool.script("seq 1 20000 > mine; sync mine", in: fixture.mountpoint)
            let whole = "seq 1 30000 | cmp - published; seq 1 20000 | cmp - mine"
            for damage in [
                "printf 'no database' | dd of=volume.db conv=notrunc status=none",
                "rm -f volume.db volume.db-wal volume.db-shm",
            ] {
                #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
                let killed = try fsckAfterKill(fixture)
                #expect(killed.status == 0, "\(killed)")
                try Tool.script(damage, in: state)
                // One that only reads changes nothing.
                let reads = try fixture.failing(
                    "walrusfs",
                    "mount",
                    "-o",
                    "ro",
                    "volume",
                    fixture.mountpoint
                )
                #expect(reads.status == 76, "\(reads)")
                try fixture.walrusfs("mount", "volume", fixture.mountpoint)
                try Tool.script(whole, in: fixture.mountpoint)
                let text = try fixture.walrusfs("status", "--json", fixture.mountpoint)
                let status = try JSONDecoder().decode(Status.self, from: Data(text.utf8))
                #expect(status.rebuilt?.contains("made anew") == true, "\(text)")
                let log = try String(contentsOfFile: state + "/mount.log", encoding: .utf8)
                #expect(log.contains("is made anew"), "\(log)")
                #expect(try fsck(fixture, "volume").status == 0)
            }
            try fixture.walrusfs("sync", fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let text = try fixture.walrusfs("status", "--json", fixture.mountpoint)
            let status = try JSONDecoder().decode(Status.self, from: Data(text.utf8))
            #expect(status.rebuilt == nil, "\(text)")
            try fixture.walrusfs("umount", fixture.mountpoint)

            // Without the log's records nobody knows what is missing.
            try Tool.script(
                "printf 'no database' | dd of=volume.db conv=notrunc status=none; rm log/*.seg",
                in: state
            )
            let refused = try fixture.failing("walrusfs", "mount", "volume", fixture.mountpoint)
            #expect(refused.status == 76 && refused.errors.contains("not made anew"), "\(refused)")
            #expect(refused.errors.contains("--accept-loss"), "\(refused)")
            try Tool.script(
                "[ ! -e volume.db.new ]; [ \"$(head -c 11 volume.db)\" = 'no database' ]",
                in: state
            )
        }
    }

    /// What SQLite and the log begin anew by themselves is no empty volume, and no older one.
    @Test func aStateThatHasNothingLeftSaysSoAndComesBackFromTheNetwork() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let state = scratch.path + "/home/volumes/volume"
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 30000 > published", in: fixture.mountpoint)
            try fixture.walrusfs("umount", "--sync", fixture.mountpoint)
            try Tool.script("rm volume.db* log/*", in: state)
            // The second attempt meets what the first one has begun.
            for options in [["-o", "rw"], ["-o", "ro"], ["-o", "rw"]] {
                let refused = try Tool.run(
                    "walrusfs",
                    ["mount"] + options + ["volume", fixture.mountpoint],
                    environment: fixture.environment
                )
                #expect(refused.status == 76, "\(refused)")
                for part in ["are gone from this machine", "--rebuild --accept-loss"] {
                    #expect(refused.errors.contains(part), "\(refused)")
                }
                #expect(!refused.errors.contains("newer checkpoint"), "\(refused)")
            }
            let found = try fsck(fixture, "volume")
            #expect(found.status == 4 && found.errors.contains("gone"), "\(found)")
            let careful = try fsck(fixture, "--rebuild", "volume")
            #expect(careful.status == 4 && careful.errors.contains("--accept-loss"), "\(careful)")
            let rebuilt = try fsck(fixture, "--rebuild", "--accept-loss", "volume")
            #expect(rebuilt.status == 1, "\(rebuilt)")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 30000 | cmp - published; echo > later", in: fixture.mountpoint)
            try fixture.walrusfs("umount", "--sync", fixture.mountpoint)
        }
    }

    @Test func aStateThatHasNothingLeftAndNoNetworkSaysSo() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", "none", "volume")
            try Tool.script("rm volume.db* log/*", in: scratch.path + "/home/volumes/volume")
            let refused = try fixture.failing("walrusfs", "mount", "volume", fixture.mountpoint)
            #expect(refused.status == 76 && refused.errors.contains("only a backup"), "\(refused)")
            let found = try fsck(fixture, "--rebuild", "--accept-loss", "volume")
            #expect(found.status == 4 && found.errors.contains("only a backup"), "\(found)")
        }
    }
}
