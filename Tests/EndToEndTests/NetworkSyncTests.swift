internal import Foundation
internal import TestSupport
internal import Testing

/// `-o fsync=network`: what returned is on the network, whatever becomes of the machine.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct NetworkSyncTests {
    private func devnet(_ fixture: Fixture) throws -> Devnet {
        try Devnet.start(
            fixture,
            in: fixture.scratch.path + "/devnet",
            nodes: 4,
            "--n-shards",
            "10",
            "--lease-patience",
            "1s"
        )
    }

    private func signal(_ devnet: Devnet, _ number: Int32) {
        for member in devnet.processes { #expect(kill(member.pid, number) == 0) }
    }

    /// Each way to ask for durability, the machine lost right after it returned, and another that
    /// has nothing but the key.
    @Test(arguments: ["fsync", "fdatasync", "O_SYNC", "O_DSYNC", "fsync of a directory"])
    func whatReturnedIsThereWithoutTheMachine(_ way: String) throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try devnet(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "-o", "fsync=network", "volume", fixture.mountpoint)
            let flags = way.hasPrefix("O_") ? "os.\(way)" : "0"
            let call =
                switch way {
                case "fsync": "os.fsync(f)"
                case "fdatasync": "os.fdatasync(f)"
                case "fsync of a directory": "os.fsync(os.open('.', os.O_RDONLY))"
                default: "pass"
                }
            try Tool.script(
                """
                python3 - <<'END'
                import os
                f = os.open('promised', os.O_WRONLY | os.O_CREAT | \(flags), 0o640)
                for part in range(3):
                    os.write(f, b'promised\\n' * 20000)
                \(call)
                END
                """,
                in: fixture.mountpoint
            )
            #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
            let other = try Machine(fixture, "other")
            try other.attach(devnet.network)
            try other.walrusfs("mount", "--follow", "volume", other.mountpoint)
            try other.script("[ $(wc -l < promised) = 60000 ]; [ $(uniq promised) = promised ]")
            try other.walrusfs("umount", other.mountpoint)
            _ = try Tool.run("umount", ["-l", fixture.mountpoint])
        }
    }

    /// The nodes stand still: a sync waits, a signal ends it, and after its patience it is EIO;
    /// what was written stays, and is published when they go on.
    @Test func aNetworkThatStandsStillIsWaitedForAndThenTold() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try devnet(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs(
                "mount",
                "-o",
                "fsync=network,patience=3",
                "volume",
                fixture.mountpoint
            )
            try Tool.script("echo first > a; sync a", in: fixture.mountpoint)
            signal(devnet, SIGSTOP)
            defer { signal(devnet, SIGCONT) }
            // Waited for, and ended by a signal long before its patience is over.
            let ended = try Tool.run(
                "timeout",
                ["-s", "INT", "1", "python3", "-c", Self.sync, fixture.mountpoint + "/b"]
            )
            #expect(ended.status == 124, "\(ended)")
            let told = try Tool.run("python3", ["-c", Self.sync, fixture.mountpoint + "/c"])
            #expect(told.status == 5, "EIO is 5: \(told)")
            // Nothing else waits, and nothing is lost.
            try Tool.script(
                "[ $(cat b c | wc -c) = 10000 ]; ls > /dev/null",
                in: fixture.mountpoint
            )
            signal(devnet, SIGCONT)
            try fixture.walrusfs("sync", "--network", fixture.mountpoint)
            #expect(kill(try fixture.mountPID(), SIGKILL) == 0)
            let other = try Machine(fixture, "other")
            try other.attach(devnet.network)
            try other.walrusfs("mount", "--follow", "volume", other.mountpoint)
            try other.script("[ $(cat b c | wc -c) = 10000 ]; [ \"$(cat a)\" = first ]")
            try other.walrusfs("umount", other.mountpoint)
            _ = try Tool.run("umount", ["-l", fixture.mountpoint])
        }
    }

    /// Writes and syncs a file; exits with the number of the error.
    private static let sync = """
        import os, signal, sys
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
        os.write(f, b'x' * 5000)
        try:
            os.fsync(f)
        except OSError as error:
            sys.exit(error.errno)
        """
}
