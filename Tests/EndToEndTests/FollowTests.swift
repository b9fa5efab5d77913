internal import Foundation
internal import TestSupport
internal import Testing

/// A mount that follows another's, through the real kernel and all that it remembers.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct FollowTests {
    /// A file that is kept open, and mapped.
    @safe private final class Opened {
        let descriptor: Int32
        private let mapping: UnsafeMutableRawPointer?
        private let length: Int

        init(_ path: String, mapped length: Int) {
            descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            self.length = length
            unsafe mapping = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0)
        }

        /// Lets go of the file, so that its mount may end.
        func end() {
            unsafe munmap(mapping, length)
            close(descriptor)
        }

        var size: Int {
            var status = stat()
            return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : -1
        }

        var bytes: String {
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            let count = unsafe pread(descriptor, &buffer, buffer.count, 0)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }

        var mapped: String {
            guard let mapping = unsafe mapping else { return "" }
            let bytes = unsafe UnsafeRawBufferPointer(start: mapping, count: length)
            return unsafe String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test func aFollowerShowsWhatIsPublishedAndOpenFilesStay() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            try fixture.walrusfs("create", "--network", fixture.networkURL, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script(
                """
                mkdir -p d/e; seq 1 20000 > a; seq 1 30000 > d/e/b; echo going > gone
                ln a hard; ln -s a soft; chmod 644 a
                """,
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            let reader = try Machine(fixture, "reader")
            try reader.attach(fixture.networkURL, readOnly: true)
            let secret = reader.home + "/volumes/volume/root.secret"
            #expect(!FileManager.default.fileExists(atPath: secret))
            try reader.walrusfs("mount", "volume", reader.mountpoint)
            // What the kernel is to remember: contents, attributes, and that names are not there.
            try reader.script(
                """
                seq 1 20000 | cmp - a; seq 1 30000 | cmp - d/e/b; cat gone > /dev/null
                [ "$(stat -c '%a %h' a)" = "644 2" ]; cmp a hard; cmp a soft
                for n in later d/later d/e/later; do [ ! -e $n ]; done
                ls -lR > /dev/null
                """
            )
            let old = try Tool.script("seq 1 20000", in: scratch.path)
            let open = Opened(reader.mountpoint + "/a", mapped: old.utf8.count)
            let going = Opened(reader.mountpoint + "/gone", mapped: 6)
            #expect(open.bytes == old && open.size == old.utf8.count)
            let inode = try reader.script("stat -c %i a hard d/e/b")

            try Tool.script(
                """
                seq 5 9000 > a; echo later | tee later d/later > d/e/later; rm gone
                mv d/e d/f; chmod 600 d/f/b; touch -d @5 d
                """,
                in: fixture.mountpoint
            )
            try fixture.walrusfs("sync", fixture.mountpoint)
            try reader.walrusfs("sync", reader.mountpoint)
            let status = try reader.status()
            #expect(status.following?.head == status.sequence && status.sequence >= 2)
            try reader.script(
                """
                seq 5 9000 | cmp - a; cmp a hard; cmp a soft; [ ! -e gone ]; [ ! -e d/e ]
                [ "$(cat later)" = later ]; [ "$(cat d/later d/f/later | wc -l)" = 2 ]
                seq 1 30000 | cmp - d/f/b; [ "$(stat -c %a d/f/b)" = 600 ]
                [ "$(stat -c %Y d)" = 5 ]; [ "$(find . | wc -l)" = 10 ]
                """
            )
            // Open files have what they had; numbers are the inodes'.
            #expect(open.bytes == old && open.size == old.utf8.count && open.mapped == old)
            #expect(going.bytes == "going\n" && going.size == 6 && going.mapped == "going\n")
            #expect(try reader.script("stat -c %i a hard d/f/b") == inode)

            // Nothing is written there, and the writer knows nothing of it all.
            for command in ["touch new", "echo x > a", "rm a", "mkdir n", "mv a z", "chmod 1 a"] {
                let refused = try Tool.run("sh", ["-c", command], in: reader.mountpoint)
                #expect(refused.status != 0 && refused.errors.contains("Read-only"), "\(refused)")
            }
            // It comes by itself, too.
            try Tool.script("echo third > a", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            try wait(for: "the third checkpoint") {
                try reader.script("cat a") == "third\n"
            }
            #expect(open.bytes == old && open.mapped == old)
            #expect(try reader.script("stat -c '%i %s' a").hasSuffix(" 6\n"))
            open.end()
            going.end()
            try fixture.walrusfs("umount", "--sync", fixture.mountpoint)
            let full = try reader.run("key", "export", "volume")
            #expect(full.status == 77, "\(full)")
            try reader.walrusfs("umount", reader.mountpoint)
            let writing = try reader.run("mount", "--take-over", "volume", reader.mountpoint)
            #expect(writing.status == 77, "\(writing)")
            // There is no view of its own to check, and a check makes none.
            for option in ["-n", "--repair", "--rebuild"] {
                let check = try reader.run("fsck", option, "volume")
                #expect(check.status == 8 && check.errors.contains("follow"), "\(check)")
            }
            let view = reader.home + "/volumes/volume/volume.db"
            #expect(!FileManager.default.fileExists(atPath: view))
        }
    }

    @Test func aFollowerLivesWithoutItsNetworkAndGoesOnWithIt() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            let early = try Machine(fixture, "early")
            let reader = try Machine(fixture, "reader")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 5000 > a; mkdir d", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            try reader.attach(devnet.network, "--follower")
            try reader.walrusfs("mount", "volume", reader.mountpoint)
            try reader.script("seq 1 5000 | cmp - a")
            // The writer's own state directory, copied: refused, save to follow.
            let home = fixture.environment["WALRUSFS_HOME"] ?? ""
            try Tool.script("mkdir volumes; cp -a '\(home)'/volumes/* volumes/", in: early.home)
            let copy = try early.run("mount", "volume", early.mountpoint)
            #expect(copy.status == 76, "\(copy)")
            try early.walrusfs("attach", "--follower", "volume")
            try early.walrusfs("mount", "volume", early.mountpoint)
            try early.script("seq 1 5000 | cmp - a; [ -d d ]")
            try early.walrusfs("umount", early.mountpoint)

            devnet.stop(fixture)
            try reader.script("seq 1 5000 | cmp - a; [ -d d ]; [ ! -e b ]")
            try reader.walrusfs("umount", reader.mountpoint)
            try reader.walrusfs("mount", "volume", reader.mountpoint)
            try reader.script("[ -d d ]; [ \"$(stat -c %s a)\" = 23893 ]")
            #expect(try reader.status().waitingFor != nil)

            let back = try Devnet.startSmall(fixture)
            #expect(back.network == devnet.network)
            try Tool.script("seq 7 7000 > b; rmdir d", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            try wait(for: "the network") { try reader.status().waitingFor == nil }
            try reader.walrusfs("sync", reader.mountpoint)
            try reader.script("seq 7 7000 | cmp - b; [ ! -e d ]; seq 1 5000 | cmp - a")
            try reader.walrusfs("umount", reader.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }
}
