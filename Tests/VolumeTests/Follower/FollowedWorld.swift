import BlobModel
import SQLite
import SystemIO
import VolumeFormat

@testable import Volume

/// A writer with the plain tree beside it, and one who follows, over the network of doubles.
final class FollowedWorld {
    let run: ModelRun
    let blobs = InMemoryBlobStore()
    let ledger: InMemoryLedger
    let checkpointer: Checkpointer
    /// Of the follower's reads and questions alone.
    let plan = FaultPlan()
    private let disk = InMemoryFileSystem()
    private(set) var followed: FollowedVolume
    private(set) var follower: Follower
    private(set) var kernel: KernelModel

    var volume: Volume { run.harness.volume }

    init(deltasMax: Int = 3) async throws {
        let ledger = InMemoryLedger()
        self.ledger = ledger
        let harness = try VolumeHarness(hasRoot: false)
        run = ModelRun(harness)
        let blobs = blobs
        var settings = CheckpointSettings()
        settings.packLength = 600_000
        settings.deltasMax = deltasMax
        let environment = Self.environment(
            harness.volume,
            blobs,
            InMemoryHeadStore(
                ledger: ledger,
                mountKey: ModelWorld.mountKey,
                plan: FaultPlan(),
                blobs: blobs
            ),
            harness.disk,
            settings
        )
        harness.volume.setPlacedReader(try NetworkPlacedReader(environment))
        checkpointer = Checkpointer(environment)
        try await checkpointer.open()
        try harness.volume.makeRoot()
        (followed, follower, kernel) = try await Self.follow(disk, blobs, ledger, plan)
    }

    /// Each reader holds the volume that holds it.
    deinit {
        volume.setPlacedReader(nil)
        followed.volume.setPlacedReader(nil)
    }

    private static func environment(
        _ source: Volume,
        _ blobs: any BlobStore,
        _ heads: any HeadStore,
        _ disk: InMemoryFileSystem,
        _ settings: CheckpointSettings = CheckpointSettings()
    ) -> CheckpointEnvironment {
        CheckpointEnvironment(
            source: source,
            blobs: blobs,
            heads: heads,
            keys: ModelWorld.keys,
            volume: InMemoryLedger().volume,
            name: "photos",
            mountKey: ModelWorld.mountKey,
            files: disk,
            directory: "/state",
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            pool: BlockingPool(threads: 1),
            settings: settings
        )
    }

    private static func follow(
        _ disk: InMemoryFileSystem,
        _ blobs: InMemoryBlobStore,
        _ ledger: InMemoryLedger,
        _ plan: FaultPlan
    ) async throws -> (FollowedVolume, Follower, KernelModel) {
        let followed = try FollowedVolume(
            databasePath: "/follower.db",
            databaseFiles: FileSystemVFS(disk),
            time: LinuxTimeSource()
        )
        // One who reads can not do more, whatever it tries.
        let heads = InMemoryHeadStore(ledger: ledger, mountKey: ModelWorld.otherKey, plan: plan)
        let reads = ReadOnlyBlobs(blobs: blobs, plan: plan)
        let environment = environment(followed.volume, reads, heads, disk)
        let reader = try NetworkPlacedReader(environment)
        followed.volume.setPlacedReader(reader)
        let follower = try Follower(environment, followed, reader: reader, interval: .seconds(1))
        let kernel = KernelModel(followed)
        await follower.setCache(kernel)
        return (followed, follower, kernel)
    }

    /// Mounts again, after a kill, with another view of the ledger if one is given.
    func remount(ledger: InMemoryLedger? = nil) async throws {
        let disk = disk.kill()
        followed.volume.setPlacedReader(nil)
        (followed, follower, kernel) = try await Self.follow(
            disk,
            blobs,
            ledger ?? self.ledger,
            plan
        )
    }
}

/// The blobs as a reader has them: what stores is a failure of the test.
struct ReadOnlyBlobs: BlobStore {
    let blobs: InMemoryBlobStore
    let plan: FaultPlan

    var metadataLength: UInt64 { blobs.metadataLength }
    func encodedLength(of length: UInt64) -> UInt64? { blobs.encodedLength(of: length) }

    func store(
        _ bytes: [UInt8],
        registered: (@Sendable () -> Void)?
    ) async throws(BlobStoreError) -> StoredBlob {
        throw .invalidRequest("a follower stores nothing")
    }

    func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        if plan.strikes() { throw .unavailable("planned") }
        return try await blobs.read(blob, range: range, authentication: authentication)
    }

    func length(of blob: BlobID) async throws(BlobStoreError) -> UInt64 {
        try await blobs.length(of: blob)
    }

    func lifetime(of blob: BlobID) async throws(BlobStoreError) -> BlobLifetime? { nil }
}
