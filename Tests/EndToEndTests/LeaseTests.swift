internal import Foundation
internal import TestSupport
internal import Testing

/// Who may write a volume that two machines have: two real mounts, each with a home of its own.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct LeaseTests {
    /// A program that has a file open for writing, and writes again when it is told to: it must be
    /// refused, and can read what it wrote.
    private func startWriter(_ fixture: Fixture) throws -> Process {
        let program = """
            import os, sys, time
            f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
            os.write(f, b'begun')
            open(sys.argv[2], 'w').close()
            while not os.path.exists(sys.argv[3]):
                time.sleep(0.05)
            try:
                os.write(f, b'more')
                sys.exit(1)
            except OSError as error:
                assert error.errno == 30, error
            assert os.pread(f, 9, 0) == b'begun'
            os.close(f)
            """
        let ready = fixture.scratch.path + "/ready"
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c", program, fixture.mountpoint + "/open", ready,
            fixture.scratch.path + "/go",
        ]
        try process.run()
        fixture.scratch.owns(process: process.processIdentifier)
        try wait(for: "the writer") { FileManager.default.fileExists(atPath: ready) }
        return process
    }

    /// The holder stands still while its lease is taken, so no speed of this machine saves it.
    @Test func aLeaseIsTakenFromAMountThatDoesNotAnswer() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1s")
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("echo published > both", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let holder = try fixture.mountPID()
            // While the ledger stands still nothing is published, however slow this machine is.
            devnet.signalLedger(SIGSTOP)
            try Tool.script("echo unpublished > mine; sync mine", in: fixture.mountpoint)
            let writer = try startWriter(fixture)
            #expect(kill(holder, SIGSTOP) == 0)
            devnet.signalLedger(SIGCONT)
            let other = try Machine(fixture, "other")
            try other.attach(devnet.network)

            let plain = try other.run("mount", "volume", other.mountpoint)
            #expect(plain.status == 75, "held by another: \(plain)")
            #expect(plain.errors.contains("--take-over"), "\(plain)")
            let taken = try other.run("mount", "--take-over", "volume", other.mountpoint)
            #expect(taken.status == 0, "\(taken)")
            try Tool.script(
                "[ \"$(cat both)\" = published ]; echo new > theirs",
                in: other.mountpoint
            )
            let synced = try other.run("sync", other.mountpoint)
            #expect(synced.status == 0, "\(synced)")

            // The old writer wakes: fenced, read-only, and with all its work.
            #expect(kill(holder, SIGCONT) == 0)
            let late = try fixture.failing("walrusfs", "sync", fixture.mountpoint)
            // It hears first that its lease is another's, or that the head is.
            #expect([75, 76].contains(late.status), "\(late)")
            #expect(try fixture.status().stopped != nil)
            // A person is told that it is read-only, why, and what to do.
            let told = try fixture.walrusfs("status", fixture.mountpoint)
            for part in ["(read-only)", "stopped", "rescue"] {
                #expect(told.contains(part), "\(part): \(told)")
            }
            // The line is written a moment after it is so.
            try wait(for: "a line of the log that says so") {
                try String(
                    contentsOfFile: scratch.path + "/home/volumes/volume/mount.log",
                    encoding: .utf8
                ).contains("is read-only now")
            }
            // Who has a file open for writing is told by write(2), and reads on.
            let refused = try Tool.run("touch", [fixture.mountpoint + "/more"])
            #expect(refused.status != 0 && refused.errors.contains("Read-only"), "\(refused)")
            try Data().write(to: URL(filePath: scratch.path + "/go"))
            writer.waitUntilExit()
            fixture.scratch.disowns(process: writer.processIdentifier)
            #expect(writer.terminationStatus == 0)
            try Tool.script(
                "[ \"$(cat mine)\" = unpublished ]; [ ! -e theirs ]",
                in: fixture.mountpoint
            )
            let end = try fixture.walrusfs("umount", fixture.mountpoint)
            #expect(end.contains("only on this machine"), "\(end)")
            // Neither the next mount nor the lease is promised.
            #expect(end.contains("-o ro") && !end.contains("next mount"), "\(end)")
            #expect(!end.contains("lease"), "\(end)")
            let again = try fixture.failing("walrusfs", "mount", "volume", fixture.mountpoint)
            #expect(again.status == 75, "\(again)")
            try fixture.walrusfs("mount", "-o", "ro", "volume", fixture.mountpoint)
            try Tool.script("[ \"$(cat mine)\" = unpublished ]", in: fixture.mountpoint)
            try fixture.walrusfs("umount", fixture.mountpoint)
            try Tool.script("[ \"$(cat theirs)\" = new ]", in: other.mountpoint)
            #expect(try other.run("umount", other.mountpoint).status == 0)
        }
    }

    /// The network is patient for a day, and the holder looks every five seconds.
    @Test func aLeaseIsNotTakenFromAMountThatAnswersAndGoesBackAtUnmount() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1440m")
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("echo one > a", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let other = try Machine(fixture, "other")
            try other.attach(devnet.network)
            let refused = try other.run("mount", "--take-over", "volume", other.mountpoint)
            #expect(refused.status == 75, "\(refused)")
            try Tool.script("echo two > a", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let end = try fixture.walrusfs("umount", fixture.mountpoint)
            #expect(!end.contains("only on this machine"), "\(end)")

            // Free for whoever comes, at once, but what was attached before is behind.
            let behind = try other.run("mount", "volume", other.mountpoint)
            #expect(behind.status == 76, "\(behind)")
            let third = try Machine(fixture, "third")
            try third.attach(devnet.network)
            let mounted = try third.run("mount", "volume", third.mountpoint)
            #expect(mounted.status == 0, "\(mounted)")
            try Tool.script("[ \"$(cat a)\" = two ]; echo three > a", in: third.mountpoint)
            #expect(try third.run("umount", "--sync", third.mountpoint).status == 0)
        }
    }

    @Test func aVolumeIsMountedAndWrittenWhileItsNetworkIsDown() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 50000 > old", in: fixture.mountpoint)
            try fixture.walrusfs("umount", "--sync", fixture.mountpoint)
            devnet.stop(fixture)

            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            #expect(try fixture.status().waitingFor != nil)
            try Tool.script(
                "seq 1 50000 | cmp - old; seq 1 70000 > new; sync new; mkdir d; mv old d/",
                in: fixture.mountpoint
            )
            // Not everything is published, and the command says so.
            let end = try fixture.walrusfs("umount", fixture.mountpoint)
            #expect(end.contains("only on this machine"), "\(end)")
            // Nobody could say whether this mount had the lease.
            #expect(end.contains("if no other machine"), "\(end)")
            #expect(!end.contains("keeps the lease"), "\(end)")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script("seq 1 70000 | cmp - new", in: fixture.mountpoint)

            let back = try Devnet.startSmall(fixture)
            #expect(back.network == devnet.network)
            try fixture.walrusfs("sync", fixture.mountpoint)
            #expect(try fixture.status().waitingFor == nil)
            #expect(try fixture.status().unpublishedBytes == 0)
            try fixture.walrusfs("umount", fixture.mountpoint)
            let other = try Machine(fixture, "other")
            try other.attach(back.network)
            #expect(try other.run("mount", "volume", other.mountpoint).status == 0)
            try Tool.script(
                "seq 1 50000 | cmp - d/old; seq 1 70000 | cmp - new",
                in: other.mountpoint
            )
            #expect(try other.run("umount", other.mountpoint).status == 0)
        }
    }
}
