internal import BlobModel
internal import Foundation
internal import Glibc
internal import Mount
internal import Synchronization
internal import SystemIO
internal import Telemetry
internal import Volume

// What one mount stands on, from the bottom up: the state directory, held by a lock; the volume in
// it; a thread that syncs and commits; the network, if the volume has one, and the checkpointer
// that carries the volume there. It is let go of from the top down.

/// A volume that this process has opened.
final class OpenVolume: ServedVolume {
    /// A process that was killed holds its lock until the kernel has taken it apart.
    private static let lockPatience = Duration.seconds(10)

    let name: String
    let settings: VolumeSettings
    let volume: Volume
    /// What a mountpoint may not cover.
    let directories: [String]
    private let state: StateDirectory
    private let background: VolumeBackground
    private let network: VolumeNetwork?
    /// That the database was made anew when the volume was opened, and why.
    private let rebuilt: String?

    var hasNetwork: Bool { network != nil }
    var networkMetrics: [MetricFamily] {
        get async { await network?.networkMetrics ?? [] }
    }
    var mountable: any MountableVolume { volume }

    private init(
        name: String,
        settings: VolumeSettings,
        volume: Volume,
        directories: [String],
        state: StateDirectory,
        network: VolumeNetwork?,
        rebuilt: String?
    ) {
        self.name = name
        self.settings = settings
        self.volume = volume
        self.directories = directories
        self.state = state
        self.network = network
        self.rebuilt = rebuilt
        background = VolumeBackground(volume)
    }

    /// The directories of a volume and of an embedded network, without opening anything.
    ///
    /// - Throws: When there is no such volume, or its state is damaged or newer.
    static func directories(
        of name: String,
        _ state: String,
        _ files: any FileSystem
    ) throws(CommandFailure) -> [String] {
        do throws(StateError) {
            _ = try StateDirectory.read(state, files)
        } catch {
            throw CommandFailure(error, volume: name)
        }
        let settings = try VolumeSettings.read(state, volume: name, files: files)
        guard let text = settings.network,
            case .embedded(let directory, _)? = try? NetworkURL(text: text)
        else { return [state] }
        return [state, directory]
    }

    /// Opens a volume and everything that it stands on.
    ///
    /// Unless it `needsNetwork`, one that can not be used is told, and what is here is all there
    /// is.
    static func open(
        _ name: String,
        state path: String,
        readOnly: Bool,
        _ options: VolumeOptions,
        needsNetwork: Bool = true
    ) async throws(CommandFailure) -> OpenVolume {
        let files = LinuxFileSystem()
        let directories = try directories(of: name, path, files)
        let settings = try VolumeSettings.read(path, volume: name, files: files)
        let secrets = try VolumeSecrets.read(path, volume: name, files: files)
        if settings.follows == true { throw CommandFailure(followerOnly: name) }
        let state = try await hold(path, volume: name, files)
        var configuration = VolumeConfiguration()
        configuration.readOnly = readOnly
        configuration.syncAge = options.commit
        configuration.patience = options.patience
        if settings.network != nil {
            configuration.logCap = options.log
            // Until the checkpointer has the lease, nothing is written.
            configuration.token = nil
        } else {
            // The log is where it all stays: there is as much room as on the disk.
            configuration.logCap = .max
        }
        let (volume, rebuilt) = try await open(name, state, configuration, settings)
        try VolumeMender(name: name, path: path).require(volume, settings)
        var network: VolumeNetwork?
        do throws(CommandFailure) {
            network = try await VolumeNetwork.connect(
                volume,
                id: state.description.volume,
                name: name,
                state: path,
                settings,
                secrets,
                readOnly: readOnly,
                options
            )
        } catch {
            guard !needsNetwork else { throw error }
            Terminal.printError("walrusfs: without the network: \(error.message)")
        }
        return OpenVolume(
            name: name,
            settings: settings,
            volume: volume,
            directories: directories,
            state: state,
            network: network,
            rebuilt: rebuilt
        )
    }

    /// Opens the volume of a state, and makes its database anew before if it must and may.
    private static func open(
        _ name: String,
        _ state: StateDirectory,
        _ configuration: VolumeConfiguration,
        _ settings: VolumeSettings
    ) async throws(CommandFailure) -> (volume: Volume, rebuilt: String?) {
        func open() throws(StateError) -> Volume {
            try Volume.open(
                state,
                configuration,
                disk: LinuxFileSystem(),
                entropy: LinuxEntropy(),
                time: LinuxTimeSource()
            )
        }
        let failure: StateError
        do throws(StateError) { return (try open(), nil) } catch { failure = error }
        guard case .volume(.corrupt(let damage)) = failure, !configuration.readOnly else {
            throw CommandFailure(failure, volume: name)
        }
        let mender = VolumeMender(name: name, path: state.path)
        do throws(CommandFailure) {
            let text = try await mender.rebuildForMount(state, settings, damage: damage)
            do throws(StateError) { return (try open(), text) } catch {
                throw CommandFailure(error, volume: name)
            }
        } catch {
            state.unlock()
            throw error
        }
    }

    static func hold(
        _ path: String,
        volume: String,
        _ files: any FileSystem
    ) async throws(CommandFailure) -> StateDirectory {
        let clock = LinuxTimeSource()
        let deadline = clock.uptime + lockPatience
        while true {
            do throws(StateError) {
                return try StateDirectory.open(path, disk: files)
            } catch .locked(let path) {
                if clock.uptime > deadline || Task.isCancelled {
                    throw CommandFailure(StateError.locked(path), volume: volume)
                }
                // Only cancellation ends a sleep early, and the loop sees that.
                try? await clock.sleep(for: .milliseconds(50))
            } catch {
                throw CommandFailure(error, volume: volume)
            }
        }
    }

    func began(_ session: MountSession) async {}

    /// Makes everything written so far safe.
    func sync(
        _ scope: SyncScope,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> SyncReport {
        try await syncLocally()
        guard scope == .network else {
            return await report()
        }
        guard let network else {
            throw CommandFailure(
                .unavailable,
                "the volume '\(name)' has no network",
                advice: "it stays on this machine; 'walrusfs sync --local' is all there is"
            )
        }
        let sequence = try await network.sync(progress)
        var report = await report()
        report.sequence = sequence
        return report
    }

    /// Checks the volume as it is now; with `isDeep` every byte is read back.
    func check(
        isDeep: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> CheckReport {
        let volume = volume
        do throws(CheckpointError) {
            guard isDeep else {
                let report = try await background.pool.run { () throws(CheckpointError) in
                    do throws(VolumeError) { return try volume.check() } catch {
                        throw .volume(error)
                    }
                }
                return CheckReport(report)
            }
            let check = DeepCheck(volume, network?.reader, pool: background.pool)
            let report = try await check.run { done, total in
                await progress(Progress(step: "reading back", done: done, total: total))
            }
            return CheckReport(report, isDeep: true)
        } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    func collect(
        immediately: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> GarbageReport {
        guard let network else {
            throw CommandFailure(
                .unavailable,
                "the volume '\(name)' has no network",
                advice: "its files take no room but on this machine"
            )
        }
        let volume = volume
        do throws(VolumeError) {
            // Removed files that wait for their removal are no waste before that.
            try await background.pool.run { () throws(VolumeError) in
                while try volume.tick() {}
            }
        } catch {
            throw CommandFailure(error, volume: name)
        }
        return try await network.collect(immediately: immediately, progress)
    }

    /// How far the network is.
    private func report() async -> SyncReport {
        let status = await network?.status()
        return SyncReport(
            sequence: status?.sequence ?? 0,
            unpublishedBytes: status?.unpublishedBytes ?? 0,
            holdsLease: status?.holdsLease,
            stopped: status?.stopped
        )
    }

    private func syncLocally() async throws(CommandFailure) {
        let volume = volume
        do throws(VolumeError) {
            try await background.pool.run { () throws(VolumeError) in try volume.synchronize() }
        } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    func status(mountpoint: String, isReadOnly: Bool) async -> StatusReport {
        let network = await network?.status()
        // Statistics of a failed volume are zero; the failure is told below.
        let statistics = try? volume.statistics()
        let log = volume.logStatus()
        let unpublished = network?.unpublishedBytes ?? 0
        return StatusReport(
            volume: name,
            mountpoint: mountpoint,
            pid: getpid(),
            state: "mounted",
            network: settings.network ?? "none",
            readOnly: isReadOnly || network?.stopped != nil,
            bytesTotal: statistics?.bytesTotal ?? 0,
            bytesFree: statistics?.bytesFree ?? 0,
            inodes: statistics?.inodesUsed ?? 0,
            sequence: network?.sequence ?? 0,
            manifest: network?.manifest,
            unpublishedBytes: unpublished,
            unpublishedAge: hasNetwork ? volume.unpublished().age : 0,
            uploadRate: log.uploadRate,
            uploadSeconds: log.uploadRate > 0 ? unpublished / log.uploadRate : nil,
            packsInFlight: network?.packsInFlight ?? 0,
            bytesInFlight: network?.bytesInFlight ?? 0,
            logBytes: log.used,
            logBytesMax: hasNetwork ? log.cap : nil,
            writersWaiting: log.writersWaiting,
            checkpointAge: network?.checkpointAge,
            lease: network?.lease,
            networkHealth: network?.health,
            waitingFor: log.isDiskFull ? "room on the local disk" : network?.waitingFor,
            step: network?.step,
            lastError: network?.lastError ?? background.failure,
            stopped: network?.stopped,
            advice: network?.advice,
            rebuilt: rebuilt,
            garbage: network?.garbage
        )
    }

    /// Makes everything durable locally and lets go, from the top down.
    func close() async {
        await network?.close()
        await background.stop()
        state.unlock()
    }
}

extension CommandFailure {
    /// A state directory that was attached to follow is not written.
    init(followerOnly name: String) {
        self.init(
            .notPermitted,
            "'\(name)' was attached to follow, and is not written from here",
            advice: "attach it under another name, with the key of its owner, to write it"
        )
    }
}
