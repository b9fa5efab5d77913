import BlobModel
import SQLite
import SystemIO
import VolumeFormat

@testable import Volume

/// A volume with its state, database and all, on a disk that forgets, and its checkpointer over the
/// network of doubles.
final class CheckpointWorld {
    let disk: InMemoryFileSystem
    let blobs: InMemoryBlobStore
    let ledger: InMemoryLedger
    let volume: Volume
    let checkpointer: Checkpointer
    let environment: CheckpointEnvironment
    /// Kept for as long as the volume is open.
    private let state: StateDirectory

    /// How a state directory comes to be there.
    enum Origin { case new, left, attached }

    init(
        _ disk: InMemoryFileSystem,
        _ origin: Origin,
        blobs: InMemoryBlobStore,
        ledger: InMemoryLedger,
        mountKey: PublicKey = ModelWorld.mountKey,
        takesOver: Bool = false,
        checkpointsKept: UInt64 = 3,
        usesCache: Bool = false,
        faultPlan: (@Sendable (FaultPoint) -> Void)? = nil
    ) async throws {
        self.disk = disk
        self.blobs = blobs
        self.ledger = ledger
        state =
            origin == .left
            ? try StateDirectory.open("/state", disk: disk)
            : try StateDirectory.create(
                "/state",
                volume: ledger.volume.description,
                disk: disk
            )
        var configuration = VolumeConfiguration()
        configuration.token = nil
        configuration.hasUploader = true
        volume = try Volume.open(
            state,
            configuration,
            disk: disk,
            entropy: LinuxEntropy(),
            time: LinuxTimeSource(),
            databaseFiles: FileSystemVFS(disk),
            segmentSize: Self.segmentSize
        )
        var settings = CheckpointSettings()
        settings.retryFirst = .milliseconds(1)
        settings.retryLongest = .milliseconds(2)
        settings.packLength = 600_000
        settings.deltasMax = 2
        settings.checkpointsKept = checkpointsKept
        var environment = CheckpointEnvironment(
            source: volume,
            blobs: blobs,
            heads: InMemoryHeadStore(
                ledger: ledger,
                mountKey: mountKey,
                plan: blobs.plan,
                blobs: blobs
            ),
            keys: ModelWorld.keys,
            volume: ledger.volume,
            name: "photos",
            mountKey: mountKey,
            files: disk,
            directory: "/state",
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            pool: BlockingPool(threads: 1),
            settings: settings
        )
        environment.faultPlan = faultPlan
        if origin == .attached { _ = try await Attachment(environment).run() }
        let reader = try NetworkPlacedReader(environment)
        volume.setPlacedReader(reader)
        if usesCache { environment.near = reader }
        self.environment = environment
        checkpointer = Checkpointer(environment)
        try await checkpointer.open(takingOver: takesOver)
        if origin == .new { try volume.makeRoot() }
    }

    /// The reader holds the volume that holds it, and with it all that any crash test ever had.
    deinit { volume.setPlacedReader(nil) }

    /// All that can be seen of a tree, contents too.
    func describe(_ inode: InodeNumber = .root, _ path: String = "") async throws -> [String] {
        var lines: [String] = []
        for entry in try volume.list(inode) {
            let name = path + "/" + String(decoding: entry.name, as: UTF8.self)
            let found = try volume.lookup(inode, entry.name)
            var line = TreeLine(path: name, found)
            for attribute in try volume.extendedAttributeNames(of: found.inode) {
                let value = try volume.extendedAttribute(of: found.inode, attribute)
                line.add(attribute, value)
            }
            switch found.kind {
            case .regular: line.contents = try await read(found.inode)
            case .symlink: line.contents = try volume.readSymlink(found.inode)
            case .directory: lines += try await describe(found.inode, name)
            default: break
            }
            lines.append(line.text)
        }
        return lines.sorted()
    }

    private func read(_ inode: InodeNumber) async throws -> [UInt8] {
        let size = Int(try volume.attributes(of: inode).size)
        let handle = try volume.open(inode, flags: [.read], context: someone)
        defer { volume.release(handle) }
        var bytes = [UInt8](repeating: 0xEE, count: size)
        let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
            try unsafe volume.read(handle, offset: 0, into: buffer)
        }
        switch outcome {
        case .bytes(let count): return Array(bytes.prefix(count))
        case .pending(let fetch): return try await fetch()
        }
    }

    /// Makes the view of a state directory anew that nobody has open.
    static func rebuild(
        _ disk: InMemoryFileSystem,
        blobs: InMemoryBlobStore,
        ledger: InMemoryLedger,
        isConnected: Bool = true,
        acceptsLoss: Bool = false
    ) async throws -> RebuildReport {
        let pool = BlockingPool(threads: 1)
        let heads = InMemoryHeadStore(
            ledger: ledger,
            mountKey: ModelWorld.mountKey,
            plan: blobs.plan
        )
        let reader = HeadReader(
            volume: ledger.volume,
            keys: ModelWorld.keys,
            blobs: blobs,
            heads: heads,
            pool: pool
        )
        let state = try StateDirectory.open("/state", disk: disk)
        defer { state.unlock() }
        return try await ViewRebuild(
            state,
            reader: isConnected ? reader : nil,
            disk: disk,
            entropy: SeededEntropy(seed: 1),
            time: ManualTimeSource(),
            pool: pool,
            databaseFiles: FileSystemVFS(disk),
            segmentSize: segmentSize
        ).run(acceptsLoss ? .accepted : .reported)
    }

    static let segmentSize = 128 << 10
}
