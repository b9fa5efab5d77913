internal import BlobModel
internal import SystemIO
internal import VolumeFormat

/// The secrets of a state directory, readable by their owner only.
struct VolumeSecrets: Sendable {
    static let length = 32

    /// What this machine may do: the same on every machine that has the same key.
    let access: RecoveryKey.Access
    /// The seed of this state directory's mount key: never the same in two.
    let mount: [UInt8]

    var keys: VolumeKeys {
        switch access {
        case .owner(let root): VolumeKeys(rootSecret: root)
        case .reader(let keys): VolumeKeys(reading: keys)
        }
    }

    static func make(_ access: RecoveryKey.Access, entropy: any Entropy) -> VolumeSecrets {
        VolumeSecrets(access: access, mount: entropy.bytes(count: length))
    }

    static func read(
        _ state: String,
        volume: String,
        files: any FileSystem
    ) throws(CommandFailure) -> VolumeSecrets {
        func secret(_ name: String, _ length: Int) throws(CommandFailure) -> [UInt8]? {
            do throws(SystemError) {
                let bytes = try files.readWholeFile(state + "/" + name, limit: length + 1)
                return bytes?.count == length ? bytes : nil
            } catch {
                throw CommandFailure(error)
            }
        }
        func missing(_ name: String) -> CommandFailure {
            CommandFailure(
                .damaged,
                "\(state)/\(name) is missing or damaged",
                advice: "attach the volume '\(volume)' again with its key"
            )
        }
        guard let mount = try secret("mount.key", length) else { throw missing("mount.key") }
        if let root = try secret("root.secret", length) {
            return VolumeSecrets(access: .owner(rootSecret: root), mount: mount)
        }
        if let keys = try secret("reading.keys", ReadingKeys.length) {
            return VolumeSecrets(access: .reader(ReadingKeys(bytes: keys)), mount: mount)
        }
        throw missing("root.secret")
    }

    func write(_ state: String, files: any FileSystem) throws(CommandFailure) {
        do throws(SystemError) {
            switch access {
            case .owner(let root): try files.writeFileAtomically(state + "/root.secret", root)
            case .reader(let keys):
                try files.writeFileAtomically(state + "/reading.keys", keys.bytes)
            }
            try files.writeFileAtomically(state + "/mount.key", mount)
        } catch {
            throw CommandFailure(error)
        }
    }
}
