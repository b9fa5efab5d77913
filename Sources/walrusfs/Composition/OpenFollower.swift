internal import BlobModel
internal import Glibc
internal import Mount
internal import SystemIO
internal import Telemetry
internal import Volume

// What a mount that follows stands on: the state directory, held by a lock; `follower.db` in it;
// the network, when it answers; and the follower, which asks that for newer checkpoints. What else
// is in the state directory, unpublished work of a writer say, is left alone.

/// A volume that this process shows as its newest checkpoint has it.
final class OpenFollower: ServedVolume {
    let name: String
    let directories: [String]
    let hasNetwork = true
    var networkMetrics: [MetricFamily] { get async { await late.metrics } }
    private let networkText: String
    private let state: StateDirectory
    private let followed: FollowedVolume
    private let follower: Follower
    private let late: LateNetwork
    private let working: Task<Void, Never>

    var mountable: any MountableVolume { followed }

    private init(
        name: String,
        directories: [String],
        networkText: String,
        state: StateDirectory,
        followed: FollowedVolume,
        follower: Follower,
        late: LateNetwork
    ) {
        self.name = name
        self.directories = directories
        self.networkText = networkText
        self.state = state
        self.followed = followed
        self.follower = follower
        self.late = late
        working = Task {
            // Why the network is not used at all, `status` tells.
            if await late.waitUntilFound() == nil { await follower.run() }
        }
    }

    /// Opens the volume in a state directory to follow it.
    ///
    /// The first time, the newest checkpoint's names and places are loaded, which needs the
    /// network; later ones begin with what was shown last.
    static func open(
        _ name: String,
        state path: String,
        _ options: VolumeOptions
    ) async throws(CommandFailure) -> OpenFollower {
        let files = LinuxFileSystem()
        let directories = try OpenVolume.directories(of: name, path, files)
        let settings = try VolumeSettings.read(path, volume: name, files: files)
        let secrets = try VolumeSecrets.read(path, volume: name, files: files)
        guard let text = settings.network else {
            throw CommandFailure(
                .usage,
                "'\(name)' has no network, so there is nobody to follow"
            )
        }
        let state = try await OpenVolume.hold(path, volume: name, files)
        let (url, id) = try VolumeNetwork.parse(text, id: state.description.volume, name: name)
        let identity = VolumeIdentity(
            volume: id,
            name: name,
            state: path,
            secrets: secrets,
            pool: BlockingPool(threads: 4, name: "follower", niceness: BlockingPool.giveWay)
        )
        let late = LateNetwork(url, identity)
        let isFound = try await late.connect()
        do throws(CommandFailure) {
            let (followed, follower) = try await follow(identity, late, url, options)
            try await begin(follower, late, isFound: isFound, name)
            return OpenFollower(
                name: name,
                directories: directories,
                networkText: text,
                state: state,
                followed: followed,
                follower: follower,
                late: late
            )
        } catch {
            await late.close()
            throw error
        }
    }

    private static func follow(
        _ identity: VolumeIdentity,
        _ late: LateNetwork,
        _ url: NetworkURL,
        _ options: VolumeOptions
    ) async throws(CommandFailure) -> (FollowedVolume, Follower) {
        let followed = try await identity.pool.run { () throws(CommandFailure) in
            try openDatabase(identity)
        }
        let environment = CheckpointEnvironment(
            followed.volume,
            identity,
            blobs: LateBlobStore(network: late),
            heads: LateHeadStore(network: late)
        )
        let reader = try await VolumeNetwork.setReader(
            followed.volume,
            environment,
            url,
            patience: options.timeout
        )
        do throws(CheckpointError) {
            let follower = try Follower(
                environment,
                followed,
                reader: reader,
                interval: options.followInterval
            )
            return (followed, follower)
        } catch {
            throw CommandFailure(error, volume: identity.name)
        }
    }

    /// Opens `follower.db`; one that is damaged is made anew, as all of it comes from the network.
    private static func openDatabase(
        _ identity: VolumeIdentity
    ) throws(CommandFailure) -> FollowedVolume {
        let path = identity.state + "/follower.db"
        let files = LinuxFileSystem()
        do throws(VolumeError) {
            return try FollowedVolume(databasePath: path, time: LinuxTimeSource())
        } catch {
            guard case .corrupt(let what) = error else {
                throw CommandFailure(error, volume: identity.name)
            }
            Terminal.printError("walrusfs: \(path) is damaged and made anew: \(what)")
        }
        for suffix in ["", "-wal", "-shm"] {
            // Missing is as good.
            try? files.removeFile(path + suffix)
        }
        do throws(VolumeError) {
            return try FollowedVolume(databasePath: path, time: LinuxTimeSource())
        } catch {
            throw CommandFailure(error, volume: identity.name)
        }
    }

    /// Shows the newest checkpoint, or the last one that was here when the network is out of reach.
    private static func begin(
        _ follower: Follower,
        _ late: LateNetwork,
        isFound: Bool,
        _ name: String
    ) async throws(CommandFailure) {
        let isEmpty = await follower.status().sequence == 0
        do throws(FollowerError) {
            if isFound || isEmpty { try await follower.poll() }
        } catch {
            guard isEmpty else {
                let failure = CommandFailure(error, volume: name)
                return Terminal.printError("walrusfs: \(failure.message)")
            }
            if !isFound, let failure = late.failure { throw failure }
            throw CommandFailure(error, volume: name)
        }
        if !isFound {
            Terminal.printError(
                "walrusfs: the network of '\(name)' does not answer; what was shown last is"
            )
        }
    }

    func began(_ session: MountSession) async { await follower.setCache(session) }

    func sync(
        _ scope: SyncScope,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> SyncReport {
        if scope == .network {
            do throws(FollowerError) {
                try await follower.catchUp()
            } catch {
                throw CommandFailure(error, volume: name)
            }
        }
        let status = await follower.status()
        return SyncReport(sequence: status.sequence, unpublishedBytes: 0)
    }

    func status(mountpoint: String, isReadOnly: Bool) async -> StatusReport {
        let status = await follower.status()
        // Statistics that can not be read are zero; the failure is told below.
        let statistics = try? followed.statistics()
        let answered = status.answeredAgo.map { UInt64(max(0, $0 / .milliseconds(1))) }
        var report = StatusReport(
            volume: name,
            mountpoint: mountpoint,
            pid: getpid(),
            state: "mounted",
            network: networkText,
            readOnly: true,
            bytesTotal: statistics?.bytesTotal ?? 0,
            bytesFree: statistics?.bytesFree ?? 0,
            inodes: statistics?.inodesUsed ?? 0,
            sequence: status.sequence,
            manifest: status.manifest.map { "\($0)" },
            unpublishedBytes: 0,
            unpublishedAge: 0,
            waitingFor: late.found == nil ? late.failure?.message ?? "the network" : nil,
            step: status.isLoading ? "loading a checkpoint" : nil,
            lastError: status.lastError.map { CommandFailure($0, volume: name).message },
            stopped: nil
        )
        report.following = FollowingReport(
            head: status.headSequence,
            cutAt: status.cutAt,
            answeredAgo: answered
        )
        return report
    }

    func check(
        isDeep: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> CheckReport {
        throw CommandFailure(
            .usage,
            "'\(name)' is mounted as a follower, which holds nothing of its own to check",
            advice: "check it where it is written"
        )
    }

    func collect(
        immediately: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> GarbageReport {
        throw CommandFailure(
            .usage,
            "'\(name)' is mounted as a follower, which lets go of nothing",
            advice: "ask the mount that writes it"
        )
    }

    func close() async {
        working.cancel()
        await working.value
        await late.close()
        state.unlock()
    }
}

extension CommandFailure {
    init(_ error: FollowerError, volume: String) {
        switch error {
        case .checkpoint(let error): self.init(error, volume: volume)
        case .headWentBack(let old, let new):
            self.init(
                .damaged,
                "the network says that checkpoint \(old) of '\(volume)' is the newest, and this "
                    + "mount has seen \(new)",
                advice: "its ledger was set back, or is another; what was seen stays"
            )
        case .headIsAnother(let sequence):
            self.init(
                .damaged,
                "the network has another checkpoint \(sequence) of '\(volume)' than this mount",
                advice: "its ledger was set back, or is another; what was seen stays"
            )
        }
    }
}
