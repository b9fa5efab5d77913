internal import Foundation
internal import TestSupport
internal import Testing

/// A network of processes that stand still or are gone, under a real mount that is used meanwhile.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct NetworkLossTests {
    private struct Status: Decodable {
        let unpublishedBytes: UInt64
        let unpublishedAge: UInt64
        let writersWaiting: Int
        let logBytes: UInt64
        let logBytesMax: UInt64?
        let uploadRate: UInt64
        let packsInFlight: Int
        let sequence: UInt64
        let checkpointAge: UInt64?
        let lease: UInt32?
        let networkHealth: String?
        let waitingFor: String?
        let pid: Int32
    }

    private func status(_ fixture: Fixture) throws -> Status {
        let text = try fixture.walrusfs("status", "volume", "--json")
        return try JSONDecoder().decode(Status.self, from: Data(text.utf8))
    }

    /// Waits for an event, up to a bound that only a hang reaches.
    private func wait(_ what: String, until isThere: () throws -> Bool) throws {
        for _ in 0..<1200 {
            if try isThere() { return }
            usleep(50_000)
        }
        throw ToolFailure("waited for \(what) in vain")
    }

    /// Starts a program that signals reach: this process has them blocked, and children inherit
    /// that.
    private func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let unblock =
            "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); "
            + "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"
        process.arguments = ["python3", "-c", unblock, program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Writers wait at the cap and are ended by signals, all else goes on, and everything drains
    /// when the network is back.
    @Test func writersWaitForADeadNetworkAndNothingElseDoes() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs(
                "mount",
                "-o",
                "log=128,patience=3600",
                "volume",
                fixture.mountpoint
            )
            try Tool.script("echo old > old; seq 1 1000 > more", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let before = try status(fixture)
            #expect(before.networkHealth == "answers" && before.waitingFor == nil)
            #expect(before.lease != nil && before.sequence > 0 && before.checkpointAge != nil)
            devnet.signal(SIGSTOP)
            defer { devnet.signal(SIGCONT) }

            // Zeros: the log takes them as they are, the network needs few of them.
            func write(_ name: String = "big", mebibytes: Int = 300) throws -> Process {
                try start(
                    "dd",
                    [
                        "if=/dev/zero", "of=\(fixture.mountpoint)/\(name)", "bs=1M",
                        "count=\(mebibytes)", "conv=notrunc", "status=none",
                    ]
                )
            }
            // Each is slowed by itself, so many together come near the cap sooner than one.
            for filler in try (1...8).map({ try write("filler-\($0)", mebibytes: 15) }) {
                filler.waitUntilExit()
                #expect(filler.terminationStatus == 0)
            }
            for number in [SIGINT, SIGKILL] {
                let writer = try write()
                try wait("a writer at the cap") { try status(fixture).writersWaiting > 0 }
                let held = try status(fixture)
                #expect(held.logBytesMax == 128 << 20)
                #expect(held.logBytes <= 128 << 20 && held.logBytes > 120 << 20)
                #expect(held.unpublishedBytes > 60 << 20 && held.unpublishedAge > 0)
                // None of this asks for room.
                try Tool.script(
                    """
                    [ "$(cat old)" = old ]; seq 1 1000 | cmp - more; ls -l > /dev/null
                    d=d-\(number); mkdir $d; touch $d/f; mv more $d/; mv $d/more .; rm $d/f
                    truncate -s 2000 old; truncate -s 4 old; chmod 600 old; sync old
                    head -c 1000000 big | cmp - <(head -c 1000000 /dev/zero)
                    """,
                    in: fixture.mountpoint
                )
                try fixture.walrusfs("sync", "--local", fixture.mountpoint)
                #expect(kill(writer.processIdentifier, number) == 0)
                writer.waitUntilExit()
                #expect(writer.terminationReason == .uncaughtSignal)
                try wait("no writer any more") { try status(fixture).writersWaiting == 0 }
            }
            let writer = try write()
            try wait("a writer at the cap") { try status(fixture).writersWaiting > 0 }
            devnet.signal(SIGCONT)
            writer.waitUntilExit()
            #expect(writer.terminationStatus == 0)
            try fixture.walrusfs("sync", fixture.mountpoint)
            let after = try status(fixture)
            #expect(after.unpublishedBytes == 0 && after.writersWaiting == 0)
            #expect(after.waitingFor == nil)
            let memory = try String(contentsOfFile: "/proc/\(after.pid)/status", encoding: .utf8)
            print(memory.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? "")
            try Tool.script(
                "head -c 314572800 /dev/zero | cmp - big; seq 1 1000 | cmp - more",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }

    /// What is near is read, what is not waits for as long as was said, and nobody is stuck.
    @Test func readersWithoutANetworkAreAnsweredOrEnded() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture)
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            try Tool.script(
                """
                for i in 1 2 3; do head -c 3000000 /dev/urandom > far-$i; done
                seq 1 20000 > near; sha256sum far-* near > \(scratch.path)/sums
                """,
                in: fixture.mountpoint
            )
            try fixture.walrusfs("umount", "--sync", fixture.mountpoint)
            // Another machine, which has nothing of the contents.
            let key = scratch.path + "/key"
            try fixture.walrusfs("key", "export", "volume")
                .write(toFile: key, atomically: true, encoding: .utf8)
            try FileManager.default.removeItem(atPath: scratch.path + "/home")
            _ = try scratch.folder("home")
            try fixture.walrusfs("attach", "--network", devnet.network, "--key-file", key, "volume")
            try fixture.walrusfs("mount", "-o", "timeout=4", "volume", fixture.mountpoint)
            try Tool.script("cat near > /dev/null; echo mine > local", in: fixture.mountpoint)

            devnet.signal(SIGSTOP)
            let near = "seq 1 20000 | cmp - near; [ \"$(cat local)\" = mine ]; ls -l > /dev/null"
            try Tool.script(near, in: fixture.mountpoint)
            let start = ContinuousClock.now
            let failed = try Tool.run("cat", [fixture.mountpoint + "/far-1"])
            let waited = ContinuousClock.now - start
            #expect(failed.status != 0 && failed.errors.contains("Input/output error"), "\(failed)")
            #expect(waited > .seconds(3), "it waited for as long as was said: \(waited)")
            for number in [SIGINT, SIGKILL] {
                let reader = try self.start("cat", [fixture.mountpoint + "/far-2"])
                usleep(300_000)
                kill(reader.processIdentifier, number)
                reader.waitUntilExit()
                #expect(reader.terminationReason == .uncaughtSignal)
            }
            try Tool.script(near, in: fixture.mountpoint)
            // It heals by itself: a reader that waits is answered when the network is back.
            let waiting = try self.start("cat", [fixture.mountpoint + "/far-3"])
            usleep(500_000)
            devnet.signal(SIGCONT)
            waiting.waitUntilExit()
            #expect(waiting.terminationStatus == 0)
            try Tool.script("sha256sum -c --quiet \(scratch.path)/sums", in: fixture.mountpoint)

            // Gone, with readers waiting and work unpublished: the mount ends all the same.
            try Tool.script("echo more >> local", in: fixture.mountpoint)
            devnet.signal(SIGSTOP)
            let end = try fixture.walrusfs("umount", fixture.mountpoint)
            #expect(end.contains("only on this machine"), "\(end)")
            devnet.kill(fixture)
            try fixture.walrusfs("mount", "-o", "timeout=2", "volume", fixture.mountpoint)
            try Tool.script(
                "[ \"$(tail -n 1 local)\" = more ]; seq 1 20000 | cmp - near",
                in: fixture.mountpoint
            )
            try fixture.walrusfs("umount", fixture.mountpoint)
        }
    }
}
