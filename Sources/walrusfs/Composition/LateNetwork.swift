// A network that a mount reaches when it answers, which may be long after the mount began: until
// then everything that is asked of it is out of reach, and the volume lives on what is here.

internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import Synchronization
internal import SystemIO
internal import Telemetry
internal import Volume
internal import VolumeFormat

/// What a volume stands on, on its network.
struct VolumeOnNetwork: Sendable {
    let session: NetworkSession
    let blobs: NativeBlobStore
    let heads: LedgerHeadStore
}

/// Who a volume is, for its network.
struct VolumeIdentity: Sendable {
    let volume: VolumeID
    let name: String
    let state: String
    let secrets: VolumeSecrets
    /// Threads on which disks are waited for.
    let pool: BlockingPool

    var keys: VolumeKeys { secrets.keys }
    var mountKey: PublicKey { SigningKey(seed: secrets.mount).publicKey }

    /// Finds the volume on a network.
    func find(on session: NetworkSession) async throws(CommandFailure) -> VolumeOnNetwork {
        let transactions = state + "/transactions"
        let files = LinuxFileSystem()
        do throws(SystemError) {
            try await pool.run { () throws(SystemError) in try files.makeDirectories(transactions) }
        } catch {
            throw CommandFailure(error)
        }
        let journal = FileTransactionJournal(directory: transactions, files: files, pool: pool)
        // Who only reads asks, and signs nothing.
        let account = keys.payingAccount ?? SigningKey(seed: secrets.mount)
        let sender = session.sender(account: account, journal: journal)
        let found: ObjectID?
        do throws(BlobStoreError) {
            found = try await VolumeRegistrar(sender: sender).find(volume)?.pool
        } catch {
            throw CommandFailure(error, volume: name)
        }
        guard let found else {
            throw CommandFailure(
                .notFound,
                "the network does not know the volume of this key ('\(name)', \(volume))",
                advice: "check that it is the right network"
            )
        }
        return VolumeOnNetwork(
            session: session,
            blobs: NativeBlobStore(client: session.access.client, pool: found, sender: sender),
            heads: LedgerHeadStore(
                volume: volume,
                mount: mountKey,
                sender: sender,
                patience: .milliseconds(
                    Int64(clamping: session.access.genesis.rules.patienceMilliseconds)
                )
            )
        )
    }
}

extension CheckpointEnvironment {
    /// What the checkpoints of a volume stand on.
    init(
        _ volume: Volume,
        _ identity: VolumeIdentity,
        blobs: any BlobStore,
        heads: any HeadStore
    ) {
        self.init(
            source: volume,
            blobs: blobs,
            heads: heads,
            keys: identity.keys,
            volume: identity.volume,
            name: identity.name,
            mountKey: identity.mountKey,
            files: LinuxFileSystem(),
            directory: identity.state,
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            pool: identity.pool
        )
    }
}

extension CommandFailure {
    /// Whether what a network, or the disk on the way to it, answered may be otherwise later.
    ///
    /// So may a `failure`: what answered is not the ledger, and that is anybody on the way to it,
    /// such as the portal of a hotel. The right network's own word does not pass.
    fileprivate var mayPass: Bool {
        switch status {
        case .unavailable, .inputOutput, .busy, .failure: true
        case .success, .usage, .notFound, .exists, .damaged, .notPermitted, .configuration: false
        }
    }
}

/// The way to a volume's network.
final class LateNetwork: Sendable {
    /// Pauses between attempts grow up to this.
    private static let pauseMax = Duration.seconds(5)

    private struct State {
        var found: VolumeOnNetwork?
        var failure: CommandFailure?
    }

    private let url: NetworkURL
    private let identity: VolumeIdentity
    // Guards what was found, which requests on many threads use.
    private let state = Mutex(State())

    init(_ url: NetworkURL, _ identity: VolumeIdentity) {
        self.url = url
        self.identity = identity
    }

    /// The network, once it was reached.
    var found: VolumeOnNetwork? { state.withLock { $0.found } }

    /// Why it was not reached at the last attempt; nil when it was.
    var failure: CommandFailure? { state.withLock { $0.failure } }

    /// What the client tells of itself, and the network if it is in this process; nothing until
    /// it was reached.
    var metrics: [MetricFamily] {
        get async {
            guard let access = found?.session.access else { return [] }
            return access.client.metrics + (await access.embedded?.metrics() ?? [])
        }
    }

    /// Connects, and finds the volume.
    ///
    /// - Returns: false when nothing answers yet, for a reason that may pass.
    func connect() async throws(CommandFailure) -> Bool {
        do throws(CommandFailure) {
            let session = try await NetworkSession.open(url, isQuiet: false)
            do throws(CommandFailure) {
                let found = try await identity.find(on: session)
                state.withLock { $0 = State(found: found, failure: nil) }
                return true
            } catch {
                await session.close()
                throw error
            }
        } catch {
            state.withLock { $0.failure = error }
            // What is on this machine's own disk does not come by waiting.
            guard error.status == .unavailable, case .remote = url else { throw error }
            return false
        }
    }

    /// Returns when the network was reached, or the task is cancelled.
    ///
    /// - Returns: Why it is not worth waiting for any longer.
    func waitUntilFound() async -> CommandFailure? {
        let time = LinuxTimeSource()
        var pause = Duration.seconds(1)
        while found == nil, !Task.isCancelled {
            // A failure that may pass is kept, for `status` to tell.
            do throws(CommandFailure) {
                if try await connect() { return nil }
            } catch {
                if !Task.isCancelled, !error.mayPass { return error }
            }
            // Only cancellation ends a sleep early, and the loop sees that.
            try? await time.sleep(for: pause)
            pause = min(pause * 2, Self.pauseMax)
        }
        return nil
    }

    func close() async { await found?.session.close() }

    fileprivate func reachedBlobs() throws(BlobStoreError) -> NativeBlobStore {
        guard let found else { throw .unavailable("The network was not reached yet.") }
        return found.blobs
    }

    fileprivate func reachedHeads() throws(HeadStoreError) -> LedgerHeadStore {
        guard let found else { throw .unavailable("The network was not reached yet.") }
        return found.heads
    }
}

/// The blobs of a volume, out of reach until its network is.
struct LateBlobStore: BlobStore {
    let network: LateNetwork

    func encodedLength(of length: UInt64) -> UInt64? {
        network.found?.blobs.encodedLength(of: length)
    }

    var metadataLength: UInt64 { network.found?.blobs.metadataLength ?? 0 }

    func store(
        _ bytes: [UInt8],
        registered: (@Sendable () -> Void)?
    ) async throws(BlobStoreError) -> StoredBlob {
        try await network.reachedBlobs().store(bytes, registered: registered)
    }

    func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        try await network.reachedBlobs().read(blob, range: range, authentication: authentication)
    }

    func length(of blob: BlobID) async throws(BlobStoreError) -> UInt64 {
        try await network.reachedBlobs().length(of: blob)
    }

    func lifetime(of blob: BlobID) async throws(BlobStoreError) -> BlobLifetime? {
        try await network.reachedBlobs().lifetime(of: blob)
    }
}

/// The head and lease of a volume, out of reach until its network is.
struct LateHeadStore: HeadStore {
    let network: LateNetwork

    var patience: Duration? { network.found?.heads.patience }

    func record() async throws(HeadStoreError) -> VolumeRecord {
        try await network.reachedHeads().record()
    }

    func acquireLease() async throws(HeadStoreError) -> Lease {
        try await network.reachedHeads().acquireLease()
    }

    func takeOverLease() async throws(HeadStoreError) -> Lease {
        try await network.reachedHeads().takeOverLease()
    }

    func keepLease(token: UInt32) async throws(HeadStoreError) -> Lease {
        try await network.reachedHeads().keepLease(token: token)
    }

    func releaseLease(token: UInt32) async throws(HeadStoreError) {
        try await network.reachedHeads().releaseLease(token: token)
    }

    func publish(
        manifest: BlobID,
        expected: UInt64,
        token: UInt32,
        pins: [UInt64]
    ) async throws(HeadStoreError) -> Head {
        try await network.reachedHeads().publish(
            manifest: manifest,
            expected: expected,
            token: token,
            pins: pins
        )
    }

    func retire(
        _ blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    ) async throws(HeadStoreError) {
        try await network.reachedHeads().retire(
            blobs,
            sequence: sequence,
            token: token,
            immediately: immediately
        )
    }

    func retired() async throws(HeadStoreError) -> [RetiredBlob] {
        try await network.reachedHeads().retired()
    }

    func deleteRetired(_ blobs: [BlobID], token: UInt32) async throws(HeadStoreError) {
        try await network.reachedHeads().deleteRetired(blobs, token: token)
    }
}
