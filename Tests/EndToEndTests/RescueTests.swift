internal import Foundation
internal import TestSupport
internal import Testing

/// A writer that is cut off, and what becomes of its work.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct RescueTests {
    private struct Summary: Decodable {
        struct Loss: Decodable {
            let path: String
            let offset: UInt64
            let length: UInt64
        }

        let files: Int
        let removed: [String]
        let lost: [Loss]
    }

    private static func summary(_ result: ToolResult) throws -> Summary {
        try JSONDecoder().decode(Summary.self, from: Data(result.output.utf8))
    }

    @Test(.enabled(if: Partition.isPossible, "needs root: no network is cut here"))
    func aWriterThatWasCutOffPublishesNothingAndItsWorkIsRescued() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1s")
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            let partition = try Partition(devnet, scratch)
            let mounted = try partition.run(
                "walrusfs",
                "mount",
                "volume",
                fixture.mountpoint,
                environment: fixture.environment
            )
            #expect(mounted.status == 0, "\(mounted)")
            try Tool.script(
                "mkdir -p d/e; seq 1 50000 > both; echo x > d/e/x; echo y > d/y; echo z > dropped",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            let published = try fixture.fingerprint(of: fixture.mountpoint)

            partition.begin()
            try Tool.script(Self.work, in: fixture.mountpoint)
            let before = try fixture.fingerprint(of: fixture.mountpoint)
            let other = try Machine(fixture, "other")
            try other.attach(devnet.network)
            try other.walrusfs("mount", "--take-over", "volume", other.mountpoint)
            #expect(try fixture.fingerprint(of: other.mountpoint) == published)
            try other.script("echo new > theirs")
            try other.walrusfs("sync", other.mountpoint)
            // Nobody has told the old writer.
            try Tool.script("echo more >> mine", in: fixture.mountpoint)
            partition.end()

            try wait(for: "the old writer to hear of it") { try fixture.status().stopped != nil }
            let refused = try Tool.run("touch", [fixture.mountpoint + "/more"])
            #expect(refused.status != 0 && refused.errors.contains("Read-only"), "\(refused)")
            let late = try fixture.failing("walrusfs", "sync", fixture.mountpoint)
            #expect([75, 76].contains(late.status), "\(late)")
            try Tool.script(
                "tail -n 1 mine | grep -qx more; [ ! -e theirs ]",
                in: fixture.mountpoint
            )
            let home = fixture.environment["WALRUSFS_HOME"] ?? ""
            let log = home + "/volumes/volume/mount.log"
            try wait(for: "a line in the log") {
                try String(contentsOfFile: log, encoding: .utf8).contains("read-only now")
            }
            let final = try fixture.fingerprint(of: fixture.mountpoint)
            #expect(final != before)
            try fixture.walrusfs("umount", fixture.mountpoint)
            try other.script("[ \"$(cat theirs)\" = new ]; [ ! -e mine ]")

            try checkPartial(fixture, scratch.path + "/partial")
            try checkVolume(fixture, final)
            devnet.stop(fixture)
            try checkOffline(fixture, scratch.path + "/offline")
        }
    }

    /// What the old writer does while it is cut off.
    private static let work = """
        seq 1 20000 > mine; ln mine d/mine; ln -s mine soft; mkfifo pipe
        truncate -s 3000000 sparse; echo tail >> sparse; chmod 640 mine; chown 12:34 mine
        setfattr -n user.color -v blue mine 2> /dev/null || python3 -c '
        import os; os.setxattr("mine", "user.color", b"blue")'
        mv d/e d/moved; rm dropped; chmod 600 d/y; cat both > /dev/null
        touch -d @981173106.5 mine; sync mine
        """

    /// What was not published, and no more: not what was only read.
    private func checkPartial(_ fixture: Fixture, _ folder: String) throws {
        let result = try Tool.run(
            "walrusfs",
            ["rescue", "--json", "volume", folder],
            environment: fixture.environment
        )
        #expect(result.status == 0, "\(result)")
        let summary = try Self.summary(result)
        #expect(summary.lost.isEmpty)
        #expect(Set(summary.removed) == ["dropped", "d/e"])
        try Tool.script(
            """
            [ ! -e both ]; [ "$(cat d/moved/x)" = x ]; [ ! -e dropped ]; [ ! -e d/e ]
            { seq 1 20000; echo more; } | cmp - mine; [ mine -ef d/mine ]
            [ "$(stat -c '%a %u:%g %h' mine)" = "640 12:34 2" ]; [ "$(readlink soft)" = mine ]
            [ -p pipe ]; [ "$(stat -c %s sparse)" = 3000005 ]; [ "$(stat -c %b sparse)" -lt 100 ]
            [ "$(stat -c %a d/y)" = 600 ]; [ "$(cat d/y)" = y ]
            python3 -c 'import os; assert os.getxattr("mine", "user.color") == b"blue"'
            """,
            in: folder
        )
        let again = try fixture.failing("walrusfs", "rescue", "volume", folder)
        #expect(again.status == 73, "\(again)")
    }

    private func checkVolume(_ fixture: Fixture, _ tree: String) throws {
        try fixture.walrusfs("rescue", "volume", "--as-volume", "branch")
        try fixture.walrusfs("mount", "branch", fixture.mountpoint)
        #expect(try fixture.fingerprint(of: fixture.mountpoint) == tree)
        #expect(try fixture.status().unpublishedBytes == 0)
        #expect(try fixture.status().sequence > 0)
        let keys = try ["volume", "branch"].map { try fixture.walrusfs("key", "export", $0) }
        #expect(keys[0] != keys[1])
        try fixture.walrusfs("umount", fixture.mountpoint)
    }

    /// All that is here is copied, and what is not is told.
    private func checkOffline(_ fixture: Fixture, _ folder: String) throws {
        let cache = (fixture.environment["WALRUSFS_HOME"] ?? "") + "/volumes/volume/cache/blocks"
        // What was read back from the network is here as well.
        try? FileManager.default.removeItem(atPath: cache)
        let result = try Tool.run(
            "walrusfs",
            ["rescue", "--all", "--json", "volume", folder],
            environment: fixture.environment
        )
        let summary = try Self.summary(result)
        #expect(result.status == (summary.lost.isEmpty ? 0 : 69), "\(result)")
        // The log may still have all of it, as its segment does.
        for loss in summary.lost { #expect(["both", "d/moved/x", "d/y"].contains(loss.path)) }
        try Tool.script("{ seq 1 20000; echo more; } | cmp - mine; [ -e both ]", in: folder)
    }
}
