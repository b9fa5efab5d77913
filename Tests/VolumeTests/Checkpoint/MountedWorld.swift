import BlobModel
import SystemIO
import TestSupport
import VolumeFormat

@testable import Volume

/// A real volume in a real directory, with its checkpointer, over the network of doubles.
final class MountedWorld {
    let path: String
    let blobs: InMemoryBlobStore
    let ledger: InMemoryLedger
    let plan: FaultPlan
    let volume: Volume
    let checkpointer: Checkpointer
    let environment: CheckpointEnvironment
    private let state: StateDirectory
    private let time: any TimeSource

    /// Opens, makes or attaches the volume whose state is at `path`.
    init(
        _ path: String,
        isNew: Bool,
        attaches: Bool = false,
        opens: Bool = true,
        blobs: InMemoryBlobStore = InMemoryBlobStore(),
        ledger: InMemoryLedger = InMemoryLedger(),
        time: any TimeSource = LinuxTimeSource()
    ) async throws {
        self.path = path
        self.time = time
        self.blobs = blobs
        self.ledger = ledger
        plan = blobs.plan
        let disk = LinuxFileSystem()
        let volumeName = ledger.volume.description
        state =
            isNew || attaches
            ? try StateDirectory.create(path, volume: volumeName, disk: disk)
            : try StateDirectory.open(path, disk: disk)
        var configuration = VolumeConfiguration()
        configuration.token = nil
        configuration.hasUploader = true
        volume = try Volume.open(
            state,
            configuration,
            disk: disk,
            entropy: LinuxEntropy(),
            time: time
        )
        var settings = CheckpointSettings()
        settings.retryFirst = .milliseconds(1)
        settings.retryLongest = .milliseconds(2)
        environment = CheckpointEnvironment(
            source: volume,
            blobs: blobs,
            heads: InMemoryHeadStore(
                ledger: ledger,
                mountKey: ModelWorld.mountKey,
                plan: plan
            ),
            keys: ModelWorld.keys,
            volume: ledger.volume,
            name: "photos",
            mountKey: ModelWorld.mountKey,
            files: disk,
            directory: path,
            time: time,
            entropy: LinuxEntropy(),
            pool: BlockingPool(threads: 2),
            settings: settings
        )
        if attaches { _ = try await Attachment(environment).run() }
        volume.setPlacedReader(try NetworkPlacedReader(environment))
        checkpointer = Checkpointer(environment)
        if opens { try await checkpointer.open() }
        if isNew { try volume.makeRoot() }
    }

    /// The reader holds the volume that holds it.
    deinit { volume.setPlacedReader(nil) }

    /// The volume's state as a process that was killed leaves it, opened again.
    func reopened() async throws -> MountedWorld {
        plan.clear()
        state.unlock()
        return try await MountedWorld(
            path,
            isNew: false,
            blobs: blobs,
            ledger: ledger,
            time: time
        )
    }

    /// Likewise, while nothing on the network answers: the checkpointer is not open.
    func reopenedWithoutNetwork() async throws -> MountedWorld {
        plan.fail(at: 1, forEver: true)
        state.unlock()
        return try await MountedWorld(
            path,
            isNew: false,
            opens: false,
            blobs: blobs,
            ledger: ledger,
            time: time
        )
    }

    /// The volume on a machine that has never seen it.
    func attached(at path: String, opens: Bool = true) async throws -> MountedWorld {
        try await MountedWorld(
            path,
            isNew: false,
            attaches: true,
            opens: opens,
            blobs: blobs,
            ledger: ledger,
            time: time
        )
    }

    func read(_ inode: InodeNumber) async throws -> [UInt8] {
        let size = Int(try volume.attributes(of: inode).size)
        let handle = try volume.open(inode, flags: [.read], context: someone)
        defer { volume.release(handle) }
        var whole: [UInt8] = []
        // As the kernel asks: in pieces.
        for offset in stride(from: 0, to: size, by: 200_000) {
            var bytes = [UInt8](repeating: 0xEE, count: min(200_000, size - offset))
            let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
                try unsafe volume.read(handle, offset: UInt64(offset), into: buffer)
            }
            switch outcome {
            case .bytes(let count): whole += bytes.prefix(count)
            case .pending(let fetch): whole += try await fetch()
            }
        }
        return whole
    }

    /// All that can be seen of a tree, contents too, save access times: looking changes them.
    func describe(_ inode: InodeNumber = .root, _ path: String = "") async throws -> [String] {
        var lines: [String] = []
        for entry in try volume.list(inode) {
            let name = path + "/" + String(decoding: entry.name, as: UTF8.self)
            var found = try volume.lookup(inode, entry.name)
            found.accessed = found.modified
            var line = "\(name) \(found)"
            for name in try volume.extendedAttributeNames(of: found.inode) {
                line += " \(name)=\(try volume.extendedAttribute(of: found.inode, name))"
            }
            switch found.kind {
            case .regular: line += " \(CRC32C.checksum(try await read(found.inode)))"
            case .symlink: line += " \(try volume.readSymlink(found.inode))"
            case .directory: lines += try await describe(found.inode, name)
            default: break
            }
            lines.append(line)
        }
        return lines.sorted()
    }
}
