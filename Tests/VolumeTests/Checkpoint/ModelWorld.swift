import BlobModel
import Synchronization
import SystemIO
import Testing
import Volume
import VolumeFormat

/// A model volume, its checkpointer, and the network around them.
struct ModelWorld {
    static let keys = VolumeKeys(rootSecret: [UInt8](repeating: 5, count: 32))
    static let mountKey = PublicKey(bytes: [UInt8](repeating: 6, count: 32))
    static let otherKey = PublicKey(bytes: [UInt8](repeating: 7, count: 32))

    var source: ModelSource
    var files: InMemoryFileSystem
    var plan: FaultPlan
    let blobs: InMemoryBlobStore
    let ledger: InMemoryLedger
    var settings = CheckpointSettings()
    var time: any TimeSource = LinuxTimeSource()

    init() {
        plan = FaultPlan()
        source = ModelSource(plan: plan)
        files = InMemoryFileSystem()
        blobs = InMemoryBlobStore(plan: plan)
        ledger = InMemoryLedger()
        settings.retryFirst = .milliseconds(1)
        settings.retryLongest = .milliseconds(2)
        // Small packs, so that little data makes several.
        settings.packLength = 1 << 20
    }

    func environment(
        source: ModelSource? = nil,
        files: InMemoryFileSystem? = nil,
        mountKey: PublicKey = Self.mountKey
    ) -> CheckpointEnvironment {
        CheckpointEnvironment(
            source: source ?? self.source,
            blobs: blobs,
            heads: InMemoryHeadStore(ledger: ledger, mountKey: mountKey, plan: plan),
            keys: Self.keys,
            volume: ledger.volume,
            name: "photos",
            mountKey: mountKey,
            files: files ?? self.files,
            directory: "/state",
            time: time,
            entropy: LinuxEntropy(),
            pool: BlockingPool(threads: 2),
            settings: settings
        )
    }

    func open() async throws -> Checkpointer {
        let checkpointer = Checkpointer(environment())
        try await checkpointer.open()
        return checkpointer
    }

    /// The process dies and comes again, with what was acknowledged.
    mutating func restart() {
        plan.clear()
        files = files.kill()
        source = source.crashed(plan: plan)
    }

    /// Attaches elsewhere, from the network alone, and compares rows and all bytes.
    func verifyAttach(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let other = ModelSource()
        let elsewhere = environment(source: other, files: InMemoryFileSystem())
        let report = try await Attachment(elsewhere).run()
        #expect(report.sequence == ledger.head?.sequence, sourceLocation: sourceLocation)
        #expect(report.name == "photos", sourceLocation: sourceLocation)
        let equal = other.versionedRows == source.versionedRows
        #expect(equal, "rows differ", sourceLocation: sourceLocation)
        let reader = try NetworkPlacedReader(elsewhere)
        for extent in other.extents {
            let bytes = try await reader.read(
                extent.row.slice,
                offset: extent.row.start,
                length: extent.row.length
            )
            let original = source.state.withLock { $0.slices[extent.row.slice] }
            if let original {
                let equal = bytes == original
                #expect(equal, "bytes of slice differ", sourceLocation: sourceLocation)
            }
        }
    }
}

/// Bytes that do not compress.
func noise(_ count: Int, seed: UInt64) -> [UInt8] { SeededEntropy(seed: seed).bytes(count: count) }
