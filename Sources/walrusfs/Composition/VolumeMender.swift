internal import BlobModel
internal import Codec
internal import LocalNetwork
internal import SystemIO
internal import Volume
internal import VolumeFormat

/// Checks, repairs and rebuilds the state of a volume that nobody has mounted.
struct VolumeMender {
    let name: String
    let path: String
    private let disk = LinuxFileSystem()
    private let pool = BlockingPool(threads: 4, name: "fsck")

    init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    /// Locks the state, unless it is one that only follows: it has no view of its own, and opening
    /// it would make one.
    private func hold() throws(CommandFailure) -> (StateDirectory, VolumeSettings) {
        let state: StateDirectory
        do throws(StateError) {
            state = try StateDirectory.open(path, disk: disk)
        } catch {
            throw CommandFailure(error, volume: name)
        }
        do throws(CommandFailure) {
            let settings = try VolumeSettings.read(path, volume: name, files: disk)
            if settings.follows == true { throw CommandFailure(followerOnly: name) }
            return (state, settings)
        } catch {
            state.unlock()
            throw error
        }
    }

    private func open(_ state: StateDirectory) throws(StateError) -> Volume {
        var configuration = VolumeConfiguration()
        // Without a lease's token nothing of the volume changes.
        configuration.token = nil
        return try Volume.open(
            state,
            configuration,
            disk: disk,
            entropy: LinuxEntropy(),
            time: LinuxTimeSource()
        )
    }

    /// Checks, and repairs what is certain if asked to.
    func check(
        repairs: Bool,
        isDeep: Bool,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws(CommandFailure) -> CheckReport {
        let (state, settings) = try hold()
        defer { state.unlock() }
        let volume: Volume
        do throws(StateError) {
            volume = try open(state)
        } catch .volume(.corrupt(let what)) {
            throw CommandFailure(
                .damaged,
                "the database or the log of '\(name)' is damaged: \(what)",
                advice: "'walrusfs fsck --rebuild \(name)' makes the database anew"
            )
        } catch {
            throw CommandFailure(error, volume: name)
        }
        try require(volume, settings)
        if repairs {
            let report = try repair(volume, hasNetwork: settings.network != nil)
            // What is read back is what the repair left.
            guard isDeep, report.exitCode & FsckReport.errorsLeft == 0 else {
                return CheckReport(report)
            }
        }
        guard isDeep else {
            return CheckReport(try call { () throws(VolumeError) in try volume.check() })
        }
        return try await withReader(state, settings) { (reader) async throws(CommandFailure) in
            try await deepCheck(volume, reader, progress)
        }
    }

    /// Refuses a state whose database and log are both gone: SQLite and the log have just begun new
    /// ones, which would pass for those of an empty volume.
    func require(_ volume: Volume, _ settings: VolumeSettings) throws(CommandFailure) {
        guard try call({ () throws(VolumeError) in try volume.isBlank() }) else { return }
        throw CommandFailure(
            .damaged,
            "the database and the log of '\(name)' are gone from this machine (\(path)), and with "
                + "them whatever was not published",
            advice: settings.network == nil
                ? "it has no network, so only a backup has its files"
                : "what was published is on the network: 'walrusfs fsck --rebuild --accept-loss "
                    + "\(name)' brings it back from there"
        )
    }

    private func deepCheck(
        _ volume: Volume,
        _ reader: HeadReader?,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws(CommandFailure) -> CheckReport {
        do throws(CheckpointError) {
            let report = try await DeepCheck(volume, reader, pool: pool).run { done, total in
                progress(Progress(step: "reading back", done: done, total: total))
            }
            return CheckReport(report, isDeep: true)
        } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    private func repair(
        _ volume: Volume,
        hasNetwork: Bool
    ) throws(CommandFailure) -> FsckReport {
        try call { () throws(VolumeError) in
            if !hasNetwork {
                try volume.setLeaseToken(VolumeConfiguration().token)
            } else if try !volume.takeLastToken() {
                let report = try volume.check()
                // Nothing was ever written under this state, so nothing of it is repaired here.
                guard report.isClean else { throw .readOnly }
                return report
            }
            return try volume.repair()
        }
    }

    private func call<Result>(
        _ body: () throws(VolumeError) -> Result
    ) throws(CommandFailure) -> Result {
        do throws(VolumeError) { return try body() } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    /// Makes the database anew, unless it is whole.
    func rebuild(acceptsLoss: Bool) async throws(CommandFailure) -> CheckReport {
        let (state, settings) = try hold()
        defer { state.unlock() }
        if let volume = try? open(state) {
            // Without a network there is nothing to make it anew from.
            if settings.network == nil { try require(volume, settings) }
            if let report = soundReport(volume) { return report }
        }
        return CheckReport(try await rebuild(state, settings, acceptsLoss ? .accepted : .reported))
    }

    /// Makes the database of a state anew that this process holds.
    func rebuild(
        _ state: StateDirectory,
        _ settings: VolumeSettings,
        _ loss: RebuildLoss
    ) async throws(CommandFailure) -> RebuildReport {
        try await withReader(state, settings) { (reader) async throws(CommandFailure) in
            let rebuild = ViewRebuild(
                state,
                reader: reader,
                disk: disk,
                entropy: LinuxEntropy(),
                time: LinuxTimeSource(),
                pool: pool
            )
            do throws(RebuildError) {
                return try await rebuild.run(loss)
            } catch {
                throw CommandFailure(error, volume: name)
            }
        }
    }

    /// What a check says of a database that needs not be made anew; nil for one that does.
    private func soundReport(_ volume: Volume) -> CheckReport? {
        guard (try? volume.isBlank()) == false, let report = try? volume.check(), report.isClean
        else { return nil }
        return CheckReport(report)
    }

    /// Runs `body` with what reads the volume's checkpoints; nil where it has no network.
    private func withReader<Report>(
        _ state: StateDirectory,
        _ settings: VolumeSettings,
        _ body: (HeadReader?) async throws(CommandFailure) -> Report
    ) async throws(CommandFailure) -> Report {
        guard let text = settings.network else { return try await body(nil) }
        let (url, id) = try VolumeNetwork.parse(text, id: state.description.volume, name: name)
        let identity = VolumeIdentity(
            volume: id,
            name: name,
            state: path,
            secrets: try VolumeSecrets.read(path, volume: name, files: disk),
            pool: pool
        )
        let session = try await NetworkSession.open(url, isQuiet: true)
        do throws(CommandFailure) {
            let found = try await identity.find(on: session)
            let reader = HeadReader(
                volume: id,
                keys: identity.keys,
                blobs: found.blobs,
                heads: found.heads,
                pool: pool
            )
            let report = try await body(reader)
            await session.close()
            return report
        } catch {
            await session.close()
            throw error
        }
    }
}

extension CommandFailure {
    init(_ error: RebuildError, volume: String) {
        switch error {
        case .incomplete(let what):
            self.init(
                .damaged,
                "'\(volume)' can not be made anew for certain: \(what)",
                advice: "nothing was changed; --accept-loss goes on without what is missing"
            )
        case .stranded(let head):
            self.init(
                .damaged,
                "checkpoint \(head.sequence) of '\(volume)' was published by another mount, and "
                    + "the log here goes on from an older one",
                advice: "nothing was changed; the log has what was not published"
            )
        case .checkpoint(let error): self.init(error, volume: volume)
        case .volume(let error): self.init(error, volume: volume)
        }
    }
}
