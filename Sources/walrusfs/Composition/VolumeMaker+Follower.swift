internal import BlobModel
internal import Codec
internal import SystemIO
internal import Volume

/// State directories that only ever follow.
extension VolumeMaker {
    /// Brings a volume to this machine, to be read as others publish it.
    ///
    /// State after a throw: as before.
    func attachFollower(
        _ name: String,
        key: RecoveryKey,
        network: NetworkURL?
    ) async throws(CommandFailure) {
        let path = try home.state(of: name)
        try checkIsNew(name, path)
        let url = if let network { network } else { try hint(of: key) }
        let session = try await NetworkSession.open(url, isQuiet: true)
        var settings: VolumeSettings
        do throws(CommandFailure) {
            settings = try Self.settings(of: session, url, for: key)
        } catch {
            await session.close()
            throw error
        }
        await session.close()
        settings.follows = true
        let files = LinuxFileSystem()
        let state: StateDirectory
        do throws(StateError) {
            let id = Hex.encode(key.volume.bytes)
            state = try StateDirectory.create(path, volume: id, disk: files)
        } catch {
            throw CommandFailure(error, volume: name)
        }
        do throws(CommandFailure) {
            try VolumeSecrets.make(key.access, entropy: LinuxEntropy()).write(path, files: files)
            try settings.write(path, files: files)
            state.unlock()
            try await load(name, path)
        } catch {
            state.unlock()
            remove(path)
            throw error
        }
    }

    /// Loads the newest checkpoint; a ledger that goes away meanwhile is waited for.
    private func load(_ name: String, _ path: String) async throws(CommandFailure) {
        let time = LinuxTimeSource()
        let end = time.uptime + .seconds(10)
        while true {
            do throws(CommandFailure) {
                return try await OpenFollower.open(name, state: path, VolumeOptions()).close()
            } catch {
                guard error.status == .unavailable, time.uptime < end else { throw error }
            }
            // Cancelled or not, the next try says how it is.
            try? await time.sleep(for: .milliseconds(500))
        }
    }

    /// Makes a state directory that was copied from another machine one that follows, for good: its
    /// original holds the lease, and the copy gets a mount key of its own.
    func adoptFollower(_ name: String) throws(CommandFailure) {
        let path = try home.state(of: name)
        let files = LinuxFileSystem()
        var settings = try VolumeSettings.read(path, volume: name, files: files)
        let secrets = try VolumeSecrets.read(path, volume: name, files: files)
        settings.follows = true
        let following = settings
        do throws(StateError) {
            try StateDirectory.adopt(path, disk: files) { (_) throws(StateError) in
                do throws(CommandFailure) {
                    try following.write(path, files: files)
                    try VolumeSecrets.make(secrets.access, entropy: LinuxEntropy())
                        .write(path, files: files)
                } catch {
                    throw .disk(error.message)
                }
            }
            return
        } catch {
            guard error == .notCopied else { throw CommandFailure(error, volume: name) }
        }
        throw CommandFailure(
            .exists,
            "'\(name)' is no copy",
            advice: "'walrusfs mount --follow \(name)' follows from it, as often as you like"
        )
    }
}
