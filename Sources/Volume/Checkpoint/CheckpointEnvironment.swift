package import BlobModel
internal import Synchronization
package import SystemIO
package import VolumeFormat

/// All that a volume's checkpoints stand on, handed over by the composition root.
package struct CheckpointEnvironment: Sendable {
    package let source: any CheckpointSource
    package let blobs: any BlobStore
    package let heads: any HeadStore
    package let keys: VolumeKeys
    package let volume: VolumeID
    /// The volume's clear name, which travels inside the manifest.
    package let name: String
    /// Who holds the lease when this mount does.
    package let mountKey: PublicKey
    package let files: any FileSystem
    /// The state directory of the volume.
    package let directory: String
    package let time: any TimeSource
    package let entropy: any Entropy
    /// Threads on which the volume and the disk are waited for.
    package let pool: BlockingPool
    package var settings: CheckpointSettings
    /// Where bytes of packs are found on this machine; nil: nowhere.
    package var near: (any NearPacks)?
    /// Told of each fault point that is passed; only tests have one.
    package var faultPlan: (@Sendable (FaultPoint) -> Void)?

    package init(
        source: any CheckpointSource,
        blobs: any BlobStore,
        heads: any HeadStore,
        keys: VolumeKeys,
        volume: VolumeID,
        name: String,
        mountKey: PublicKey,
        files: any FileSystem,
        directory: String,
        time: any TimeSource,
        entropy: any Entropy,
        pool: BlockingPool,
        settings: CheckpointSettings = CheckpointSettings()
    ) {
        self.source = source
        self.blobs = blobs
        self.heads = heads
        self.keys = keys
        self.volume = volume
        self.name = name
        self.mountKey = mountKey
        self.files = files
        self.directory = directory
        self.time = time
        self.entropy = entropy
        self.pool = pool
        self.settings = settings
    }

    var checkpointFiles: CheckpointFiles { CheckpointFiles(files: files, directory: directory) }

    /// Runs blocking work on the pool.
    func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws(CheckpointError) -> Result
    ) async throws(CheckpointError) -> Result {
        try await pool.run(body)
    }
}

/// Bytes of packs that are on this machine.
package protocol NearPacks: Sendable {
    /// Bytes of a pack of contents, or nil when not all of them are here.
    ///
    /// They are as they were stored, and no more trusted than what comes from the network.
    /// Blocking, local disk at most.
    func nearBytes(ofPack id: UInt64, _ range: Range<UInt64>) -> [UInt8]?
}

/// The numbers of packs under one lease token.
final class PackNumbers: Sendable {
    private let token: UInt32
    /// Guards the next counter.
    private let counter = Mutex<UInt64>(0)

    /// - Precondition: No other has this token.
    init(token: UInt32) { self.token = token }

    func next() -> UInt64 {
        counter.withLock { counter in
            defer { counter += 1 }
            return SliceNumber.make(token: token, counter: counter)
        }
    }
}
