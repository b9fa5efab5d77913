internal import BlobModel
internal import SystemIO
internal import Volume

/// Saves what a state directory has.
struct VolumeRescuer {
    let home: Home
    let volume: String

    /// Copies into a directory what is not published, or `all`.
    func rescue(into directory: String, all: Bool) async throws(CommandFailure) -> RescueSummary {
        try prepare(directory)
        return try await withSource(needsNetwork: false) { (source) async throws(CommandFailure) in
            try await copy(
                source,
                to: DirectoryTarget(directory),
                scope: all ? .everything : .unpublished
            )
        }
    }

    /// The directory, made if it is missing.
    private func prepare(_ directory: String) throws(CommandFailure) {
        let files = LinuxFileSystem()
        do throws(SystemError) {
            try files.makeDirectories(directory)
            guard try files.list(directory).isEmpty else {
                throw SystemError.notEmpty(directory)
            }
        } catch {
            if error.isDirectoryNotEmpty {
                throw CommandFailure(
                    .exists,
                    "\(directory) is not empty",
                    advice: "what is rescued goes into a directory of its own"
                )
            }
            throw CommandFailure(error)
        }
    }

    /// Makes a new volume of the whole tree, and publishes it.
    ///
    /// State after a throw: as before, save for what a network that fails in the middle keeps of a
    /// volume that nobody will use.
    func rescue(asVolume new: String) async throws(CommandFailure) -> RescueSummary {
        let path = try home.state(of: new)
        let maker = VolumeMaker(home: home)
        try maker.checkIsNew(new, path)
        let state = try home.state(of: volume)
        let settings = try VolumeSettings.read(state, volume: volume, files: LinuxFileSystem())
        guard let text = settings.network, let network = try NetworkChoice.parse(text) else {
            throw CommandFailure(.usage, "'\(volume)' has no network to make a volume on")
        }
        return try await withSource(needsNetwork: true) { (source) async throws(CommandFailure) in
            try await maker.create(new, network: network)
            do throws(CommandFailure) {
                return try await publish(source, as: new, path)
            } catch {
                maker.remove(path)
                throw error
            }
        }
    }

    private func publish(
        _ source: OpenVolume,
        as new: String,
        _ path: String
    ) async throws(CommandFailure) -> RescueSummary {
        let target = try await OpenVolume.open(
            new,
            state: path,
            readOnly: false,
            VolumeOptions()
        )
        do throws(CommandFailure) {
            let summary = try await copy(
                source,
                to: VolumeTarget(target.volume),
                scope: .everything
            )
            _ = try await target.sync(.network) { _ in }
            await target.close()
            return summary
        } catch {
            await target.close()
            throw error
        }
    }

    private func withSource<Result: Sendable>(
        needsNetwork: Bool,
        _ body: (OpenVolume) async throws(CommandFailure) -> Result
    ) async throws(CommandFailure) -> Result {
        let source = try await OpenVolume.open(
            volume,
            state: try home.state(of: volume),
            readOnly: true,
            VolumeOptions(),
            needsNetwork: needsNetwork
        )
        do throws(CommandFailure) {
            let result = try await body(source)
            await source.close()
            return result
        } catch {
            await source.close()
            throw error
        }
    }

    private func copy<Target: RescueTarget>(
        _ source: OpenVolume,
        to target: Target,
        scope: Rescue<Target>.Scope
    ) async throws(CommandFailure) -> RescueSummary {
        do throws(RescueError) {
            return RescueSummary(
                try await Rescue(source.volume, to: target, scope: scope).run()
            )
        } catch {
            throw CommandFailure(error, volume: volume)
        }
    }
}

extension CommandFailure {
    init(_ error: RescueError, volume: String) {
        switch error {
        case .source(let error): self.init(error, volume: volume)
        case .target(let what, let isFull):
            self.init(
                isFull ? .inputOutput : .failure,
                "the copy is not complete: \(what)",
                advice: "nothing of '\(volume)' was changed; try again with more room, or elsewhere"
            )
        case .cancelled: self.init(.failure, "cancelled")
        }
    }
}
