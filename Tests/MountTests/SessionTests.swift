internal import Foundation
internal import TestSupport
internal import Testing

/// How mounts begin and end.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct SessionTests {
    private func withMountpoint(_ body: (Mounted) throws -> Void) throws {
        try Scratch.with { scratch in
            try body(
                Mounted(
                    scratch: scratch,
                    mountpoint: try scratch.folder("mnt"),
                    environment: [:]
                )
            )
        }
    }

    @Test func whatAKilledMountLeftIsCleanedUp() throws {
        try withMountpoint { mounted in
            for round in 0..<3 {
                let process = try mounted.startPlain([])
                try mounted.script("[ ! -e file ]; echo \(round) > file")
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                #expect(mounted.scratch.mounts == [mounted.mountpoint])
                #expect(try Tool.run("ls", [mounted.mountpoint]).status != 0)
            }
            _ = try mounted.startPlain([])
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }

    @Test func aBusyMountpointIsRefused() throws {
        try withMountpoint { mounted in
            _ = try mounted.startPlain([])
            let second = try Tool.run("plain-mount", [mounted.mountpoint])
            #expect(second.status == 1, "\(second)")
            #expect(second.output.contains("already a mountpoint"), "\(second)")
            try mounted.script("echo works > file; cat file")
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalUnmounts(_ signal: Int32) throws {
        try withMountpoint { mounted in
            let process = try mounted.startPlain([])
            try mounted.script("echo something > file")
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(process.terminationReason == .exit)
            #expect(mounted.scratch.mounts.isEmpty)
        }
    }

    @Test func aSignalEndsAMountThatIsInUse() throws {
        try withMountpoint { mounted in
            let process = try mounted.startPlain([])
            try mounted.script("echo something > file")
            let open = try #require(FileHandle(forReadingAtPath: mounted.mountpoint + "/file"))
            kill(process.processIdentifier, SIGTERM)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(mounted.scratch.mounts.isEmpty)
            try open.close()
        }
    }

    @Test func whoWaitsForTheNetworkCanBeInterrupted() throws {
        try withMountpoint { mounted in
            let process = try mounted.startPlain(["stuck"])
            try mounted.script("head -c 8192 /dev/zero > file")
            // Killed only if the signal does not let it go. (For reads the kernel sends no
            // INTERRUPT: they wait for a page, from which only SIGKILL frees.)
            let output = try mounted.script(
                """
                for i in 1 2 3; do timeout -s KILL 20 python3 - <<'END'
                import os, signal
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
                def wake(*_): raise InterruptedError
                signal.signal(signal.SIGALRM, wake)
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                try: os.fsync(os.open('file', os.O_RDWR))
                except InterruptedError: print('interrupted')
                END
                done
                """
            )
            #expect(output == "interrupted\ninterrupted\ninterrupted\n")
            try mounted.script("stat file; echo more > other")
            // Who still waits when the mount ends is let go too.
            let reader = Process()
            reader.executableURL = URL(filePath: "/usr/bin/env")
            reader.arguments = [
                "dd", "if=" + mounted.mountpoint + "/file", "of=/dev/null", "iflag=direct",
            ]
            reader.standardError = FileHandle.nullDevice
            try reader.run()
            mounted.scratch.owns(process: reader.processIdentifier)
            usleep(200_000)
            kill(process.processIdentifier, SIGTERM)
            process.waitUntilExit()
            reader.waitUntilExit()
            #expect(reader.terminationStatus != 0)
            #expect(process.terminationStatus == 0)
            #expect(mounted.scratch.mounts.isEmpty)
        }
    }

    /// One thread reads the device at a time, and must let another do so before it waits.
    @Test(arguments: ["spin=0", "spin=50"])
    func whoWaitsForTheDiskHoldsUpNobody(_ option: String) throws {
        try withMountpoint { mounted in
            _ = try mounted.startPlain(["slow-disk", option])
            let output = try mounted.script(
                """
                sync_one() { timeout -s KILL 60 python3 -c '
                import os, sys
                os.fsync(os.open(sys.argv[1], os.O_CREAT | os.O_RDWR))' $1 && echo synced; }
                for i in 1 2 3; do sync_one file-$i & done
                sleep 0.3
                timeout -s KILL 60 sh -c 'echo some > other; cat other; mkdir go'
                wait
                """
            )
            #expect(output == "some\nsynced\nsynced\nsynced\n")
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }

    @Test func readOnlyMountsRefuseWrites() throws {
        try withMountpoint { mounted in
            _ = try mounted.startPlain(["ro"])
            let result = try Tool.run("touch", [mounted.mountpoint + "/file"])
            #expect(result.status != 0)
            #expect(result.errors.contains("Read-only"), "\(result)")
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }

    /// Counting is checked by the plain tree itself, which traps when forgotten more than told.
    @Test func lookupCountsBalance() throws {
        try withMountpoint { mounted in
            let process = try mounted.startPlain([])
            try mounted.script(
                """
                mkdir d; for i in $(seq 1 500); do echo $i > d/file-with-a-longer-name-$i; done
                ls -l d > /dev/null; find d > /dev/null; rm -rf d
                sync; echo 2 > /proc/sys/vm/drop_caches 2> /dev/null || true
                """
            )
            #expect(process.isRunning)
            // The root alone: everything else was forgotten, and so is gone.
            let used = try mounted.script("df --output=iused . | tail -1")
            #expect(used.trimmingCharacters(in: .whitespacesAndNewlines) == "1")
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }
}
