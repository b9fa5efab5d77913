internal import BlobModel
internal import Codec
internal import Foundation
internal import Glibc
internal import SystemIO
internal import Volume
internal import VolumeFormat

/// Makes the state directories of volumes, new ones and those that come from a key.
struct VolumeMaker {
    /// A key is one line; more than this is another file.
    private static let keyFileMax = 1 << 16

    let home: Home
    private let files = LinuxFileSystem()
    private let entropy = LinuxEntropy()

    init(home: Home) { self.home = home }

    /// Makes a volume; on no network, if `network` is nil.
    ///
    /// State after a throw: as before, save for an embedded network that was made.
    func create(_ name: String, network: NetworkURL?) async throws(CommandFailure) {
        let path = try home.state(of: name)
        try checkIsNew(name, path)
        let secrets = VolumeSecrets.make(
            .owner(rootSecret: entropy.bytes(count: VolumeSecrets.length)),
            entropy: entropy
        )
        var settings = VolumeSettings()
        var id = ""
        if let network {
            let registered = try await register(name, secrets, on: network)
            settings.network = network.description
            settings.networkID = Hex.encode(registered.network.bytes)
            id = Hex.encode(registered.volume.bytes)
        }
        try await make(name, path, volume: id, secrets, settings) {
            (volume) async throws(CommandFailure) in
            do throws(VolumeError) {
                try volume.makeRoot()
            } catch {
                throw CommandFailure(error, volume: name)
            }
        }
    }

    /// Refuses before anything is made elsewhere.
    func checkIsNew(_ name: String, _ path: String) throws(CommandFailure) {
        let isThere: Bool
        do throws(SystemError) {
            isThere = try files.exists(path)
        } catch {
            throw CommandFailure(error)
        }
        if isThere { throw CommandFailure(StateError.exists(path), volume: name) }
    }

    /// Makes the state directory, with `fill` for what goes into the volume; all or nothing.
    func make(
        _ name: String,
        _ path: String,
        volume: String,
        _ secrets: VolumeSecrets,
        _ settings: VolumeSettings,
        _ fill: (Volume) async throws(CommandFailure) -> Void
    ) async throws(CommandFailure) {
        try checkIsNew(name, path)
        let state: StateDirectory
        do throws(StateError) {
            state = try StateDirectory.create(path, volume: volume, disk: files)
        } catch {
            throw CommandFailure(error, volume: name)
        }
        do throws(CommandFailure) {
            try secrets.write(path, files: files)
            try settings.write(path, files: files)
            let volume = try open(state, name)
            try await fill(volume)
            do throws(VolumeError) {
                try volume.synchronize()
            } catch {
                throw CommandFailure(error, volume: name)
            }
        } catch {
            remove(path)
            throw error
        }
        state.unlock()
    }

    /// Removes a state directory that is of no use: half a volume is none.
    func remove(_ path: String) {
        // If even that can not be, what went wrong before says more.
        try? FileManager.default.removeItem(atPath: path)
    }

    private func open(_ state: StateDirectory, _ name: String) throws(CommandFailure) -> Volume {
        var configuration = VolumeConfiguration()
        configuration.rootUser = getuid()
        configuration.rootGroup = getgid()
        do throws(StateError) {
            return try Volume.open(
                state,
                configuration,
                disk: files,
                entropy: entropy,
                time: LinuxTimeSource()
            )
        } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    /// Reads a file with a recovery key.
    static func readKey(_ path: String) throws(CommandFailure) -> RecoveryKey {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try LinuxFileSystem().readWholeFile(Home.absolute(path), limit: keyFileMax)
        } catch {
            throw CommandFailure(error)
        }
        guard let bytes else {
            throw CommandFailure(.notFound, "there is no key file \(path)")
        }
        do throws(RecoveryKeyError) {
            return try RecoveryKey(text: String(decoding: bytes, as: UTF8.self))
        } catch {
            let reason =
                switch error {
                case .notARecoveryKey: "\(path) holds no recovery key"
                case .unknownVersion(let version):
                    "the recovery key in \(path) has version \(version), which this program is "
                        + "too old for"
                case .damaged:
                    "the recovery key in \(path) is damaged: something is missing or wrong"
                }
            throw CommandFailure(
                .notPermitted,
                reason,
                advice: "it is the one line that 'walrusfs key export' prints"
            )
        }
    }

    /// The key that brings a volume back, or one that only lets it be read.
    func exportKey(of name: String, isReader: Bool) throws(CommandFailure) -> RecoveryKey {
        let path = try home.state(of: name)
        let description: StateDescription
        do throws(StateError) {
            description = try StateDirectory.read(path, files)
        } catch {
            throw CommandFailure(error, volume: name)
        }
        let settings = try VolumeSettings.read(path, volume: name, files: files)
        let secrets = try VolumeSecrets.read(path, volume: name, files: files)
        if case .reader = secrets.access, !isReader {
            throw CommandFailure(
                .notPermitted,
                "'\(name)' can only be read with the key that this machine has",
                advice: "'walrusfs key export --read-only' prints that one"
            )
        }
        guard let network = settings.network, let networkID = settings.networkID else {
            throw CommandFailure(.notFound, "the volume '\(name)' has no network, and so no key")
        }
        guard let volumeBytes = try? Hex.decode(description.volume), volumeBytes.count == 32,
            let networkBytes = try? Hex.decode(networkID), networkBytes.count == 32
        else {
            throw CommandFailure(
                .damaged,
                "the format of the state of '\(name)' names no volume of the network"
            )
        }
        return RecoveryKey(
            networkHints: [network],
            network: NetworkID(bytes: networkBytes),
            volume: VolumeID(bytes: volumeBytes),
            access: isReader ? .reader(secrets.keys.reading) : secrets.access
        )
    }
}
