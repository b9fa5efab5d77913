import BlobModel
import Codec
import SQLite
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// What a newer program has published, and this one does not know (`Docs/Formats/manifest.md`).
@Suite struct FeatureTests {
    private static let unknown = FeatureFlags(
        compatible: 1 << 3,
        readOnlyCompatible: 1 << 5,
        incompatible: 0
    )

    private static let unreadable = FeatureFlags(
        compatible: 0,
        readOnlyCompatible: 0,
        incompatible: 1 << 9
    )

    /// A volume with a checkpoint of this program.
    private func published() async throws -> (ModelWorld, Checkpointer, PublishedHead) {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        try await checkpointer.sync()
        let (head, manifest) = try #require(
            try await HeadReader(world.environment()).head()
        )
        return (world, checkpointer, PublishedHead(manifestBlob: head.manifest, manifest: manifest))
    }

    /// Has a newer program publish one more checkpoint, with other features.
    private func publish(_ features: FeatureFlags, _ world: ModelWorld) async throws {
        let (head, manifest) = try #require(
            try await HeadReader(world.environment()).head()
        )
        var next = manifest
        next.features = features
        next.sequence += 1
        next.parent = head.manifest
        let pack = next.sealed(
            id: 1 << 50,
            salt: [UInt8](repeating: 1, count: 32),
            keys: ModelWorld.keys
        )
        world.ledger.publishForeign(try await world.blobs.store(pack.bytes).blob)
    }

    @Test func whatCanBeReadAndNotWrittenIsNotAttachedToGoOn() async throws {
        let (world, checkpointer, _) = try await published()
        try await checkpointer.close()
        try await publish(Self.unknown, world)
        var other = world
        other.source = ModelSource(plan: world.plan)
        other.files = InMemoryFileSystem()
        await #expect(throws: CheckpointError.format(.readOnlyFeatures([5]))) {
            _ = try await Attachment(other.environment()).run()
        }
        #expect(other.source.versionedRows.isEmpty)
        // Who only reads is let in.
        let head = try await HeadReader(world.environment()).head()
        #expect(head?.manifest.features == Self.unknown)
    }

    /// A state that a newer program has published from is not written by an older one.
    @Test func aNewerProgramsStateIsNotWritten() async throws {
        var (world, checkpointer, head) = try await published()
        try await checkpointer.close()
        head.manifest.features = Self.unknown
        try world.source.setLocalValue(PublishedHead.localName, head.bcsBytes)
        let again = Checkpointer(world.environment())
        await #expect(throws: CheckpointError.format(.readOnlyFeatures([5]))) {
            try await again.open()
        }
        head.manifest.features = Self.unreadable
        try world.source.setLocalValue(PublishedHead.localName, head.bcsBytes)
        let last = Checkpointer(world.environment())
        await #expect(throws: CheckpointError.format(.unsupportedFeatures([9]))) {
            try await last.open()
        }
        // Also when that checkpoint is still on its way to be the head.
        head.manifest.features = .none
        try world.source.setLocalValue(PublishedHead.localName, head.bcsBytes)
        var next = head
        next.manifest.features = Self.unknown
        let progress = CheckpointProgress.published(generation: 1, next)
        try world.source.setLocalValue(CheckpointProgress.localName, progress.bcsBytes)
        let other = Checkpointer(world.environment())
        await #expect(throws: CheckpointError.format(.readOnlyFeatures([5]))) {
            try await other.open()
        }
        let idle = CheckpointProgress.idle
        try world.source.setLocalValue(CheckpointProgress.localName, idle.bcsBytes)
        // The lease is given back each time.
        head.manifest.features = .none
        try world.source.setLocalValue(PublishedHead.localName, head.bcsBytes)
        try await world.open().close()
    }

    /// Nor is what a newer program has loaded shown by an older one that follows.
    @Test func whatANewerProgramHasLoadedIsNotShown() async throws {
        var (_, _, head) = try await published()
        let disk = InMemoryFileSystem()
        let loader = try CheckpointLoader("/follower.db", files: FileSystemVFS(disk))
        for (features, isShown) in [(Self.unknown, true), (Self.unreadable, false)] {
            head.manifest.features = features
            try loader.begin(isAnythingKept: false)
            _ = try loader.finish(head)
            if isShown {
                #expect(try loader.head() == head)
            } else {
                #expect(throws: CheckpointError.format(.unsupportedFeatures([9]))) {
                    try loader.head()
                }
            }
        }
    }

    /// What may be ignored is not forgotten: a newer program finds it where it left it.
    @Test func bitsStayOnceTheyAreSet() async throws {
        var (world, checkpointer, head) = try await published()
        try await checkpointer.close()
        head.manifest.features = FeatureFlags(
            compatible: 1 << 3,
            readOnlyCompatible: 0,
            incompatible: FeatureFlags.departures.incompatible
        )
        try world.source.setLocalValue(PublishedHead.localName, head.bcsBytes)
        let again = try await world.open()
        world.source.write([4])
        try await again.sync()
        let next = try await HeadReader(world.environment()).head()
        #expect(next?.manifest.features == head.manifest.features)
        try await again.close()
    }
}
