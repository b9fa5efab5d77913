internal import BlobModel
internal import Foundation
internal import SystemIO

/// What a state directory remembers besides the volume itself: `STATE/settings.json`.
struct VolumeSettings: Codable, Equatable, Sendable {
    static let version = 1
    private static let lengthMax = 1 << 16

    var version = Self.version
    /// The network's URL; nil for a volume that stays on this machine.
    var network: String?
    /// The hash of the network's genesis, in hex.
    var networkID: String?

    static func read(
        _ state: String,
        volume: String,
        files: any FileSystem
    ) throws(CommandFailure) -> VolumeSettings {
        let path = state + "/settings.json"
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try files.readWholeFile(path, limit: lengthMax)
        } catch {
            throw CommandFailure(error)
        }
        guard let bytes,
            let settings = ControlCoding.decode(bytes, as: VolumeSettings.self),
            settings.version == version
        else {
            throw CommandFailure(
                .damaged,
                "\(path) is missing, damaged or newer: the format of the state of '\(volume)' can "
                    + "not be read",
                advice: "restore the file, or attach the volume again with its key"
            )
        }
        return settings
    }

    func write(_ state: String, files: any FileSystem) throws(CommandFailure) {
        do throws(SystemError) {
            try files.writeFileAtomically(state + "/settings.json", ControlCoding.encode(self))
        } catch {
            throw CommandFailure(error)
        }
    }
}

/// The two secrets of a state directory, 32 bytes each, readable by their owner only.
struct VolumeSecrets: Sendable {
    static let length = 32

    /// The root of the volume's keys: the same on every machine.
    let root: [UInt8]
    /// The seed of this state directory's mount key: never the same in two.
    let mount: [UInt8]

    static func make(root: [UInt8], entropy: any Entropy) -> VolumeSecrets {
        precondition(root.count == length)
        return VolumeSecrets(root: root, mount: entropy.bytes(count: length))
    }

    static func read(
        _ state: String,
        volume: String,
        files: any FileSystem
    ) throws(CommandFailure) -> VolumeSecrets {
        func secret(_ name: String) throws(CommandFailure) -> [UInt8] {
            let bytes: [UInt8]?
            do throws(SystemError) {
                bytes = try files.readWholeFile(state + "/" + name, limit: length + 1)
            } catch {
                throw CommandFailure(error)
            }
            guard let bytes, bytes.count == length else {
                throw CommandFailure(
                    .damaged,
                    "\(state)/\(name) is missing or damaged",
                    advice: "attach the volume '\(volume)' again with its key"
                )
            }
            return bytes
        }
        return VolumeSecrets(root: try secret("root.secret"), mount: try secret("mount.key"))
    }

    func write(_ state: String, files: any FileSystem) throws(CommandFailure) {
        do throws(SystemError) {
            try files.writeFileAtomically(state + "/root.secret", root)
            try files.writeFileAtomically(state + "/mount.key", mount)
        } catch {
            throw CommandFailure(error)
        }
    }
}
