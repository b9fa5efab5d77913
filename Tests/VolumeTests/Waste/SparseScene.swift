import BlobModel
import Codec
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// A volume with a pack of which a fifth is needed, and no kept checkpoint that needs more.
final class SparseScene {
    let blobs = InMemoryBlobStore()
    let ledger = InMemoryLedger()
    let disk = InMemoryFileSystem()
    let world: CheckpointWorld
    /// What is needed of it, and what was in it besides.
    let keep = noise(100_000, seed: 71)
    let goes = noise(400_000, seed: 72)
    /// The pack, and its blob.
    let pack: UInt64
    let blob: BlobID
    /// The tree of each checkpoint.
    var trees: [UInt64: [String]] = [:]
    private var made = 0

    init(
        usesCache: Bool = false,
        faultPlan: (@Sendable (FaultPoint) -> Void)? = nil
    ) async throws {
        world = try await CheckpointWorld(
            disk,
            .new,
            blobs: blobs,
            ledger: ledger,
            usesCache: usesCache,
            faultPlan: faultPlan
        )
        try world.volume.makeFile("keep", keep)
        try world.volume.makeFile("goes", goes)
        try await world.checkpointer.sync()
        pack = try #require(try Self.packs(of: "keep", world).first)
        try #require(try Self.packs(of: "keep", world) == Self.packs(of: "goes", world))
        blob = try #require(try PlacementRows.pack(pack, in: world.volume)?.blob)
        trees[1] = try await world.describe()
        try world.volume.unlink(.root, world.volume.name("goes"), context: someone)
        for _ in 0..<2 { try await publish { try await $0.sync() } }
    }

    /// Makes a change that has no bytes, and publishes it.
    func publish(_ body: (Checkpointer) async throws -> Void) async throws {
        try Self.change(world, made)
        made += 1
        let tree = try await world.describe()
        try await body(world.checkpointer)
        trees[ledger.head?.sequence ?? 0] = tree
    }

    static func change(_ world: CheckpointWorld, _ number: Int) throws {
        _ = try world.volume.makeDirectory(
            in: .root,
            world.volume.name("folder-\(number)"),
            permissions: 0o755,
            context: someone
        )
    }

    func collect() async throws { try await publish { _ = try await $0.collect() } }

    /// What the newest checkpoint says that its readers must know.
    func features() async throws -> FeatureFlags {
        try await Attachment.manifest(
            of: ledger.volume,
            keys: ModelWorld.keys,
            blobs: blobs,
            heads: InMemoryHeadStore(
                ledger: ledger,
                mountKey: ModelWorld.mountKey,
                plan: FaultPlan()
            )
        ).manifest.features
    }

    /// The packs that a file's chunks lie in.
    static func packs(of name: String, _ world: CheckpointWorld) throws -> Set<UInt64> {
        let volume = world.volume
        let inode = try volume.lookup(.root, volume.name(name)).inode.rawValue
        func rows(_ table: RowTable, _ key: [UInt8]) throws -> [RowImage] {
            try volume.rows(of: table, from: key, to: nil, limit: 10_000)
                .filter { $0.key.starts(with: key) }
        }
        var packs: Set<UInt64> = []
        for extent in try rows(.extents, RowKey.number(inode)) {
            let slice = try ExtentRow(bcsBytes: extent.value ?? []).slice
            for stretch in try rows(.sliceChunks, RowKey.number(slice)) {
                let chunk = try SliceChunkRow(bcsBytes: stretch.value ?? []).chunk
                packs.insert(try #require(try PlacementRows.chunk(chunk, in: volume)).pack)
            }
        }
        return packs
    }

    /// The newest three checkpoints, each on a machine that has never seen the volume.
    func checkKept(_ what: String) async throws {
        let head = try #require(ledger.head?.sequence)
        for number in (head > 2 ? head - 2 : 1)...head {
            let elsewhere = try await WasteOracle.attach(number, blobs: blobs, ledger: ledger)
            #expect(try await elsewhere.describe() == trees[number], "\(number), \(what)")
            let report = try elsewhere.volume.check()
            #expect(report.isClean, "\(number), \(what): \(report.problems)")
        }
    }
}
