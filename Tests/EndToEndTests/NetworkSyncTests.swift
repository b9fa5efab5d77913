internal import Foundation
internal import TestSupport
internal import Testing

/// `-o fsync=network`: what returned is on the network, whatever becomes of the machine.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct NetworkSyncTests {
    /// Each way to ask for durability, the machine lost right after it returned, and another that
    /// has nothing but the key.
    @Test(arguments: ["fsync", "fdatasync", "O_SYNC", "O_DSYNC", "fsync of a directory"])
    func whatReturnedIsThereWithoutTheMachine(_ way: String) throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1s")
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
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1s")
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs(
                "mount",
                "-o",
                "fsync=network,patience=3",
                "volume",
                fixture.mountpoint
            )
            try Tool.script("echo first > a; sync a", in: fixture.mountpoint)
            devnet.signal(SIGSTOP)
            defer { devnet.signal(SIGCONT) }
            // Waited for, and ended by a signal long before its patience is over.
            let (b, c) = (fixture.mountpoint + "/b", fixture.mountpoint + "/c")
            let ended = try Tool.run("python3", ["-c", Self.sync, b, "0.5"])
            #expect(ended.status == 128 + SIGALRM, "\(ended)")
            let told = try Tool.run("python3", ["-c", Self.sync, c, "0"])
            #expect(told.status == 5, "EIO is 5: \(told)")
            // Nothing else waits, and nothing is lost.
            try Tool.script(
                "[ $(cat b c | wc -c) = 10000 ]; ls > /dev/null",
                in: fixture.mountpoint
            )
            devnet.signal(SIGCONT)
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

    /// On a terminal, as a person has it, a bar never goes back and ends full.
    ///
    /// A script that calls the command is told nothing.
    @Test func aSyncShowsHowFarItIsAndEndsWhole() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            // Nothing is published before someone has looked.
            devnet.signal(SIGSTOP)
            defer { devnet.signal(SIGCONT) }
            try Tool.script("head -c 12000000 /dev/urandom > a", in: fixture.mountpoint)
            let held = devnet.processes.map { String($0.pid) }.joined(separator: ",")
            let command = [Tool.products + "/walrusfs", "sync", "--network", fixture.mountpoint]
            let watched = try Tool.run(
                "python3",
                ["-c", Self.terminal, held] + command,
                environment: fixture.environment
            )
            #expect(watched.status == 0, "\(watched)")
            let shares = watched.output.matches(of: /(\d+) %/).compactMap { Int($0.1) }
            #expect(shares.first == 0 && shares.last == 100, "\(shares)")
            #expect(shares == shares.sorted(), "\(shares)")
            let last = watched.output.split(separator: "\r").last { $0.contains("%") } ?? ""
            #expect(last.contains("[########################] 100 %  published"), "\(watched)")
            try Tool.script("echo more > b", in: fixture.mountpoint)
            let unwatched = try Tool.run("walrusfs", ["sync", fixture.mountpoint])
            #expect(unwatched.status == 0 && unwatched.errors.isEmpty, "\(unwatched)")
            #expect(unwatched.output.isEmpty, "\(unwatched)")
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    /// Runs a command on a terminal of its own and prints what it shows; processes that stand still
    /// go on as soon as that is a share.
    private static let terminal = """
        import os, pty, signal, sys
        held = [int(process) for process in sys.argv[1].split(',')]
        command, screen = pty.fork()
        if command == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execv(sys.argv[2], sys.argv[2:])
        shown = b''
        while True:
            try:
                part = os.read(screen, 65536)
            except OSError:
                break  # Its last process is gone.
            shown += part
            if b'%' in shown:
                for process in held:
                    os.kill(process, signal.SIGCONT)
                held = []
        sys.stdout.buffer.write(shown)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]))
        """

    /// Writes and syncs a file; exits with the number of the error, or is ended by a signal so many
    /// seconds after the sync began.
    private static let sync = """
        import os, signal, sys
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
        os.write(f, b'x' * 5000)
        signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
        try:
            os.fsync(f)
        except OSError as error:
            sys.exit(error.errno)
        """
}
