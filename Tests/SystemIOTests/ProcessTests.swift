internal import SystemIO
internal import TestSupport
internal import Testing

@Suite struct ProcessTests {
    @Test func processesEndAsTheySay() throws {
        let seven = try ChildProcess.start("sh", ["-c", "exit 7"])
        #expect(try seven.wait() == .exited(7))
        let sleeper = try ChildProcess.start("sleep", ["100"], newSession: true)
        #expect(try sleeper.poll() == nil)
        try sleeper.send(signal: 15)
        #expect(try sleeper.wait() == .signalled(15))
        expect(\.isNotFound) { () throws(SystemError) in
            _ = try ChildProcess.start("/no/such/program", [])
        }
    }

    @Test func streamsEnvironmentAndFolderAreAsAsked() throws {
        try Scratch.with { scratch in
            let log = scratch.path + "/log"
            let child = try ChildProcess.start(
                "sh",
                ["-c", "cat; pwd; echo $ONE >&2"],
                environment: ["ONE=1", "PATH=/usr/bin:/bin"],
                streams: [.null, .appending(log), .appending(log)],
                directory: scratch.path
            )
            #expect(try child.wait() == .exited(0))
            let text = try #require(try LinuxFileSystem().readWholeFile(log))
            #expect(String(decoding: text, as: UTF8.self) == scratch.path + "\n1\n")
        }
    }

    @Test(
        arguments: [
            ("printf + >&3; exec 3>&-; exec sleep 100", nil),
            ("printf -- '-no room' >&3; exit 1", .refused("no room")),
            ("exit 0", .died),
        ] as [(String, DaemonError?)]
    )
    func aDaemonIsUpOrSaysWhyNot(script: String, failure: DaemonError?) throws {
        try Scratch.with { scratch in
            do {
                let child = try Daemon.start(
                    "sh",
                    ["-c", script],
                    log: scratch.path + "/log",
                    timeout: .seconds(60)
                )
                scratch.owns(process: child.id)
                #expect(failure == nil)
                try child.send(signal: 9)
                #expect(try child.wait() == .signalled(9))
            } catch {
                #expect(error as? DaemonError == failure)
            }
        }
    }

    @Test func aDaemonThatSaysNothingIsNotWaitedForForEver() throws {
        try Scratch.with { scratch in
            let pidFile = scratch.path + "/pid"
            #expect(throws: DaemonError.timedOut) {
                try Daemon.start(
                    "sh",
                    ["-c", "echo $$ > \(pidFile); exec sleep 100"],
                    log: scratch.path + "/log",
                    timeout: .milliseconds(300)
                )
            }
            // On a busy machine the shell may come to it only now.
            let files = LinuxFileSystem()
            var pid: Int32?
            while pid == nil {
                let text = String(decoding: try files.readWholeFile(pidFile) ?? [], as: UTF8.self)
                pid = text.hasSuffix("\n") ? Int32(text.dropLast()) : nil
            }
            if let pid { scratch.owns(process: pid) }
        }
    }

    @Test func aMissingManagerIsNoError() {
        #expect(ServiceManager.notify("READY=1", socket: "/no/such/socket") == false)
        #expect(ServiceManager.notify("READY=1", socket: "") == false)
    }
}
