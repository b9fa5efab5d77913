internal import ArgumentParser
internal import Foundation
internal import Mount
internal import SystemIO
internal import Volume

/// `walrusfs mount`.
struct MountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a volume on a directory.",
        discussion: """
            Returns when the volume is mounted; a process in the background serves it, and logs to
            'mount.log' in the volume's state directory. Should that process trap, another says so
            there and mounts again. With a mountpoint alone, the volume
            'default' is mounted, and made first if there is none, on a network of its own.

              walrusfs mount photos /mnt/photos
              walrusfs mount ~/walrus
              walrusfs mount -f -o ro,allow_other photos /mnt/photos

            A volume is written by one mount at a time, which holds its lease. --take-over takes the
            lease from a mount that is gone for good: it is asked first, and loses the lease if it
            does not answer for as long as the network is patient (30 seconds, unless the network
            was made otherwise), which the command waits for. A mount that lives
            answers, and must be unmounted instead. One that was cut off turns read-only when it
            comes back, and keeps what it has not published.

            If the network does not answer, the volume is mounted with what is on this machine, and
            publishes when the network is back; 'walrusfs status' says what it waits for.

            With --follow the mount is read-only and shows the newest checkpoint that another has
            published, within seconds: files that are open keep what they have, and the next
            open(2) finds the new contents. It needs no lease, so any number may follow. What this
            machine has not published is left as it is, and not shown. When the network is gone,
            the last checkpoint stays. 'walrusfs sync' waits for the newest.

            Options of -o: ro, allow_other, noatime, nodev/dev, nosuid/suid, noexec/exec;
            writeback_cache (the kernel holds small writes back: faster, but what is not synced
            dies with the process);
            fsync=local (the default: stable on this disk) or fsync=network (certified and
            published); commit=SECONDS, after which unsynced work is synced (1);
            follow or follow=SECONDS (as --follow; how often the network is asked, 1);
            log=MIB, which may wait on this disk for the network (4096): from 60 % of it on writers
            are slowed down, and at all of it they wait;
            patience=SECONDS, for which a write waits for room in a full log (300);
            timeout=SECONDS, for which a read waits for a network that does not answer (30);
            metrics=HOST:PORT or metrics=unix:PATH, where Prometheus finds /metrics (off); and
            spin=MICROSECONDS, for which the next request of a busy program is looked for before
            the processor may rest (50; 0 to 1000).
            """
    )

    /// How long the process in the background may take: a long log is replayed at start.
    private static let patience = Duration.seconds(600)
    /// A lease is taken over when the network's patience is over, which that process knows: it ends
    /// by itself soon after.
    private static let takeOverPatience = Duration.seconds(1 << 32)

    @Flag(name: .short, help: "Stay in the foreground, until unmounted or told to end.")
    var foreground = false

    @Flag(name: .customLong("take-over"), help: "Take the lease of a mount that does not answer.")
    var takesOver = false

    @Flag(help: "Show what another mount publishes, read-only.")
    var follow = false

    @Flag(help: .hidden)
    var keep = false

    @Option(help: .hidden)
    var restarts = 0

    @Option(name: .short, help: "Mount options, separated by commas.")
    var options: [String] = []

    @Argument(help: "The volume, if not 'default', and the mountpoint.")
    var arguments: [String]

    func validate() throws {
        guard (1...2).contains(arguments.count) else {
            throw ValidationError("give a volume and a mountpoint, or a mountpoint alone")
        }
        let options = try parsedOptions()
        if takesOver, options.mount.isReadOnly || options.volume.follows {
            throw ValidationError("a read-only mount needs no lease, so it takes none over")
        }
    }

    private var volume: String { arguments.count == 2 ? arguments[0] : Home.defaultVolume }

    private func parsedOptions() throws -> (mount: MountOptions, volume: VolumeOptions) {
        var mount = MountOptions()
        var volume = VolumeOptions()
        volume.takesOver = takesOver
        volume.follows = follow
        for option in options.flatMap({ $0.split(separator: ",") }).map(String.init) {
            guard mount.apply(option) || volume.apply(option) else {
                throw ValidationError("unknown mount option '\(option)'")
            }
        }
        return (mount, volume)
    }

    func run() async throws {
        let home = Home()
        let state = try home.state(of: volume)
        let mountpoint = Mountpoint(Home.absolute(arguments[arguments.count - 1]))
        do {
            if arguments.count == 1 { try await makeDefaultVolume(state, home) }
            let own = try OpenVolume.directories(of: volume, state, LinuxFileSystem())
            do throws(MountError) {
                try mountpoint.prepare(ownDirectories: own)
            } catch {
                throw CommandFailure(error)
            }
            if keep { return try keepMounted(mountpoint) }
            guard foreground else { return try startDaemon(state, mountpoint) }
            var options = try parsedOptions()
            let settings = try VolumeSettings.read(state, volume: volume, files: LinuxFileSystem())
            if settings.follows == true {
                guard !takesOver else { throw CommandFailure(followerOnly: volume) }
                options.volume.follows = true
            }
            try await MountHost(
                volume: volume,
                state: state,
                mountpoint: mountpoint,
                restarts: restarts
            ).run(options.mount, options.volume)
        } catch let failure as CommandFailure {
            if foreground || keep { DaemonReadiness.failed(failure.encoded) }
            throw failure
        }
    }

    private func makeDefaultVolume(_ state: String, _ home: Home) async throws {
        guard try !LinuxFileSystem().exists(state + "/format.json") else { return }
        Terminal.printError("making the volume '\(volume)' on a network of its own …")
        try await VolumeMaker(home: home).create(volume, network: home.defaultNetwork)
    }

    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path

    /// The part of the command that goes from process to process.
    private func rest(_ mountpoint: Mountpoint, restarts: Int = 0) -> [String] {
        // A lease that was taken over needs no second time.
        (takesOver && restarts == 0 ? ["--take-over"] : []) + (follow ? ["--follow"] : [])
            + options.flatMap { ["-o", $0] } + ["--", volume, mountpoint.path]
    }

    private func keepMounted(_ mountpoint: Mountpoint) throws {
        let keeper = MountKeeper(volume: volume, mountpoint: mountpoint) { restarts in
            ["mount", "-f", "--restarts", "\(restarts)"] + rest(mountpoint, restarts: restarts)
        }
        let status: Int32
        do throws(SystemError) {
            status = try keeper.run(Self.program)
        } catch {
            throw CommandFailure(error)
        }
        Foundation.exit(status)
    }

    private func startDaemon(_ state: String, _ mountpoint: Mountpoint) throws(CommandFailure) {
        let patience = takesOver ? Self.takeOverPatience : Self.patience
        if takesOver {
            Terminal.printError("asking the mount that has '\(volume)' now for an answer …")
        }
        let command = ["mount", "--keep"] + rest(mountpoint)
        do throws(DaemonError) {
            _ = try Daemon.start(
                Self.program,
                command,
                log: state + "/mount.log",
                timeout: patience
            )
        } catch {
            switch error {
            case .system(let error): throw CommandFailure(error)
            case .refused(let text): throw CommandFailure(encoded: text)
            case .died:
                throw CommandFailure(
                    .failure,
                    "the process that was to mount '\(volume)' ended without a word",
                    advice: "see \(state)/mount.log"
                )
            case .timedOut:
                throw CommandFailure(
                    .unavailable,
                    "'\(volume)' is not mounted after \(patience.components.seconds) seconds; "
                        + "the process goes on",
                    advice: "see \(state)/mount.log"
                )
            }
        }
    }
}
