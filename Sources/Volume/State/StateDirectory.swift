// The directory that one mount of a volume owns, `Docs/Formats/volume-state.md`:
//
//     STATE/format.json  STATE/lock  STATE/log/  STATE/volume.db  STATE/packs/  STATE/cache/
//
// Two mounts that work on copies of one state would publish checkpoints that exclude each other,
// so the description names the machine and the directory itself, and a copy is refused.

internal import Foundation
package import SystemIO

/// What `format.json` says.
package struct StateDescription: Codable, Equatable, Sendable {
    package var kind = "volume"
    package var version = 1
    package var minReader = 1
    /// The volume's name on the ledger, in hex; empty for one that has none.
    package var volume: String
    /// Contents of /etc/machine-id, or empty.
    package var machine: String
    package var device: UInt64
    package var inode: UInt64
}

/// Where a state directory is.
struct StateIdentity: Equatable {
    var machine: String
    var device: UInt64
    var inode: UInt64
}

extension StateDescription {
    var identity: StateIdentity {
        get { StateIdentity(machine: machine, device: device, inode: inode) }
        set { (machine, device, inode) = (newValue.machine, newValue.device, newValue.inode) }
    }
}

/// A state directory that this process holds.
package final class StateDirectory: Sendable {
    static let version = 1

    package let path: String
    package let description: StateDescription
    private let lock: any FileLock

    package var logPath: String { path + "/log" }
    package var databasePath: String { path + "/volume.db" }
    package var packsPath: String { path + "/packs" }
    package var cachePath: String { path + "/cache" }

    private init(path: String, description: StateDescription, lock: any FileLock) {
        self.path = path
        self.description = description
        self.lock = lock
    }

    /// Gives the directory back; also done when this object goes.
    package func unlock() { lock.unlock() }

    /// Makes a state directory; its description comes last, so that half of one is none.
    package static func create(
        _ path: String,
        volume: String,
        disk: any FileSystem
    ) throws(StateError) -> StateDirectory {
        let isThere = try onDisk { () throws(SystemError) in
            try disk.makeDirectories(path)
            return try disk.exists(path + "/format.json")
        }
        guard !isThere else { throw .exists(path) }
        let lock = try hold(path, disk)
        let identity = try identity(of: path, disk)
        let description = StateDescription(
            volume: volume,
            machine: identity.machine,
            device: identity.device,
            inode: identity.inode
        )
        try onDisk { () throws(SystemError) in
            for name in ["log", "packs", "cache"] { try disk.makeDirectories(path + "/" + name) }
        }
        try write(description, path, disk)
        return StateDirectory(path: path, description: description, lock: lock)
    }

    /// Opens a state directory.
    package static func open(
        _ path: String,
        disk: any FileSystem
    ) throws(StateError) -> StateDirectory {
        let description = try read(path, disk)
        let lock = try hold(path, disk)
        guard description.identity == (try identity(of: path, disk)) else { throw .copied }
        return StateDirectory(path: path, description: description, lock: lock)
    }

    /// Takes a copy for a state of its own, on this machine and in this place.
    ///
    /// `prepare` makes it one that shares nothing with the original that may be used once only;
    /// until that is done and durable it stays a copy.
    ///
    /// - Throws: `notCopied` when the directory is where it was made.
    package static func adopt(
        _ path: String,
        disk: any FileSystem,
        _ prepare: (StateDirectory) throws(StateError) -> Void
    ) throws(StateError) {
        var description = try read(path, disk)
        let lock = try hold(path, disk)
        defer { lock.unlock() }
        let identity = try identity(of: path, disk)
        guard description.identity != identity else { throw .notCopied }
        try prepare(StateDirectory(path: path, description: description, lock: lock))
        description.identity = identity
        try write(description, path, disk)
    }

    /// Reads a state directory's description without opening it.
    package static func read(
        _ path: String,
        _ disk: any FileSystem
    ) throws(StateError) -> StateDescription {
        let bytes = try onDisk { () throws(SystemError) in
            try disk.readWholeFile(path + "/format.json", limit: 1 << 16)
        }
        guard let bytes else { throw .missing(path) }
        struct Kind: Decodable {
            let kind: String
            let minReader: Int
        }
        do {
            let kind = try JSONDecoder().decode(Kind.self, from: Data(bytes))
            guard kind.kind == "volume" else { throw StateError.foreign(kind.kind) }
            guard kind.minReader <= version else { throw StateError.newer(kind.minReader) }
            return try JSONDecoder().decode(StateDescription.self, from: Data(bytes))
        } catch let error as StateError {
            throw error
        } catch {
            throw .damaged("\(path)/format.json")
        }
    }

    private static func write(
        _ description: StateDescription,
        _ path: String,
        _ disk: any FileSystem
    ) throws(StateError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let data: Data
        do {
            data = try encoder.encode(description)
        } catch {
            preconditionFailure("a plain structure can be written as JSON: \(error)")
        }
        try onDisk { () throws(SystemError) in
            try disk.writeFileAtomically(path + "/format.json", [UInt8](data) + [0x0A])
        }
    }

    private static func hold(
        _ path: String,
        _ disk: any FileSystem
    ) throws(StateError) -> any FileLock {
        let lock = try onDisk { () throws(SystemError) in try disk.lock(path + "/lock") }
        guard let lock else { throw .locked(path) }
        return lock
    }

    private static func identity(
        of path: String,
        _ disk: any FileSystem
    ) throws(StateError) -> StateIdentity {
        let (machine, status) = try onDisk { () throws(SystemError) in
            (
                try disk.readWholeFile("/etc/machine-id", limit: 4096),
                try disk.status(path)
            )
        }
        guard let status else { throw .missing(path) }
        let text = String(decoding: machine ?? [], as: UTF8.self)
        return StateIdentity(
            machine: text.trimmingCharacters(in: .whitespacesAndNewlines),
            device: status.device,
            inode: status.inode
        )
    }

    private static func onDisk<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(StateError) -> Result {
        do throws(SystemError) { return try body() } catch { throw .disk("\(error)") }
    }
}
