internal import Glibc
internal import Mount
internal import SystemIO

// A request that traps ends the process that serves the mount, and no code of that process can be
// trusted to go on. So another process watches it:
//
//     walrusfs mount          keeper                       server
//     starts the keeper ────► starts the server ─────────► opens the volume, mounts, says `+`
//     reads `+`, ends         waits for its end  ◄──────── traps
//                             says so in the log,
//                             starts the next ───────────► replays the log, mounts again
//
// All that completed is in the log, so the mount comes back as it was, save that files which were
// open have to be opened again. Only traps and faults are answered so: who kills the server means
// it. `Docs/Decisions/0103-a-keeper-for-the-mount.md` says why so.

/// Serves a mount through a process of its own, and replaces that when it traps.
struct MountKeeper {
    /// More traps than this, and trying again does harm.
    static let restartsMax = 5

    let volume: String
    let mountpoint: Mountpoint
    /// The command of the server, without the program's name; is given how many there were before.
    let command: (Int) -> [String]

    private static let traps: [Int32: String] = [
        SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS",
        SIGFPE: "SIGFPE", SIGSEGV: "SIGSEGV",
    ]

    private struct State {
        var server: ChildProcess?
        var isEnding = false
    }

    /// Serves until the server ends by itself; returns its exit status.
    func run(_ program: String) throws(SystemError) -> Int32 {
        // Guards which process the signals are passed on to.
        let state = Monitor(State())
        EndSignals.whenReceived {
            state.withLock { state in
                state.isEnding = true
                // If it has just ended, that is what was wanted.
                try? state.server?.send(signal: SIGTERM)
            }
        }
        for restarts in 0...Self.restartsMax {
            let streams = DaemonReadiness.streams
            let server = try ChildProcess.start(
                program,
                command(restarts),
                streams: streams
            )
            DaemonReadiness.handedOn()
            let isEnding = state.withLock { state in
                state.server = server
                return state.isEnding
            }
            if isEnding { try server.send(signal: SIGTERM) }
            let status = try server.wait()
            state.withLock { $0.server = nil }
            switch status {
            case .exited(let code): return code
            case .signalled(let signal):
                // One that never mounted has nothing to come back to.
                guard let name = Self.traps[signal], !state.withLock({ $0.isEnding }),
                    MountTable.entry(at: mountpoint.path)?.isOurs == true
                else {
                    Terminal.printError(
                        "walrusfs: the mount of '\(volume)' was ended by signal \(signal)"
                    )
                    return 128 + signal
                }
                Terminal.printError(
                    "walrusfs: the mount of '\(volume)' trapped (\(name)), which is a bug; "
                        + "mounting again, for the \(restarts + 1). time"
                )
            }
        }
        Terminal.printError("walrusfs: the mount of '\(volume)' traps again and again; giving up")
        return CommandStatus.failure.rawValue
    }
}
