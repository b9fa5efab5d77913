internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Volume
internal import VolumeFormat

// How a volume is bound to its network: the account derived from its secret signs for its pool and
// its head; the mount key of this state directory holds the lease.

extension CheckpointEnvironment {
    /// What the checkpoints of a volume in the state directory `state` stand on.
    static func make(
        _ volume: Volume,
        id: VolumeID,
        name: String,
        state: String,
        _ secrets: VolumeSecrets,
        _ session: NetworkSession
    ) async throws(CommandFailure) -> CheckpointEnvironment {
        let files = LinuxFileSystem()
        let pool = BlockingPool(threads: 4, name: "checkpoint")
        let keys = VolumeKeys(rootSecret: secrets.root)
        let transactions = state + "/transactions"
        do throws(SystemError) {
            try await pool.run { () throws(SystemError) in try files.makeDirectories(transactions) }
        } catch {
            throw CommandFailure(error)
        }
        let journal = FileTransactionJournal(
            directory: transactions,
            files: files,
            pool: pool
        )
        let sender = session.sender(account: keys.payingAccount, journal: journal)
        let found: ObjectID?
        do throws(BlobStoreError) {
            found = try await VolumeRegistrar(sender: sender).find(id)?.pool
        } catch {
            throw CommandFailure(error, volume: name)
        }
        guard let found else {
            throw CommandFailure(
                .notFound,
                "the network does not know the volume of this key ('\(name)', \(id))",
                advice: "check that it is the right network"
            )
        }
        let mountKey = SigningKey(seed: secrets.mount).publicKey
        return CheckpointEnvironment(
            source: volume,
            blobs: NativeBlobStore(client: session.access.client, pool: found, sender: sender),
            heads: LedgerHeadStore(volume: id, mount: mountKey, sender: sender),
            keys: keys,
            volume: id,
            name: name,
            mountKey: mountKey,
            files: files,
            directory: state,
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            pool: pool
        )
    }
}

/// A volume's connection to its network, while it is mounted.
final class VolumeNetwork: Sendable {
    /// What `status` tells.
    struct Report: Sendable {
        var sequence: UInt64 = 0
        var manifest: String?
        var step: String?
        var lastError: String?
        var stopped: String?
    }

    private let name: String
    private let volume: Volume
    private let session: NetworkSession
    private let checkpointer: Checkpointer
    /// Publishes when it is due; nil in a mount that only reads.
    private let publishing: Task<Void, Never>?

    private init(
        name: String,
        volume: Volume,
        session: NetworkSession,
        checkpointer: Checkpointer,
        publishes: Bool
    ) {
        self.name = name
        self.volume = volume
        self.session = session
        self.checkpointer = checkpointer
        publishing = publishes ? Task { await checkpointer.run() } : nil
    }

    /// Connects a volume: reads go to the network from now on, and checkpoints of it too.
    ///
    /// - Returns: nil for a volume that has no network.
    static func connect(
        _ volume: Volume,
        id: String,
        name: String,
        state: String,
        _ settings: VolumeSettings,
        _ secrets: VolumeSecrets,
        readOnly: Bool,
        _ options: VolumeOptions
    ) async throws(CommandFailure) -> VolumeNetwork? {
        guard let text = settings.network else {
            if options.fsync == .local { return nil }
            throw CommandFailure(.usage, "'\(name)' has no network for fsync=network")
        }
        let (url, id) = try parse(text, id: id, name: name)
        let session = try await NetworkSession.open(url, isQuiet: false)
        do throws(CommandFailure) {
            let environment = try await CheckpointEnvironment.make(
                volume,
                id: id,
                name: name,
                state: state,
                secrets,
                session
            )
            try await setReader(volume, environment, isNear: session.access.embedded != nil)
            let checkpointer = Checkpointer(environment)
            if !readOnly {
                do throws(CheckpointError) {
                    try await checkpointer.open()
                } catch {
                    throw CommandFailure(error, volume: name)
                }
                volume.setHasUploader(true)
                if options.fsync == .network {
                    volume.setNetworkSync { () throws(VolumeError) in
                        do throws(CheckpointError) {
                            try await checkpointer.sync(patience: options.patience)
                        } catch {
                            throw error.asVolumeError
                        }
                    }
                }
            }
            return VolumeNetwork(
                name: name,
                volume: volume,
                session: session,
                checkpointer: checkpointer,
                publishes: !readOnly
            )
        } catch {
            await session.close()
            throw error
        }
    }

    private static func parse(
        _ text: String,
        id: String,
        name: String
    ) throws(CommandFailure) -> (NetworkURL, VolumeID) {
        let url: NetworkURL
        do throws(NetworkURLError) {
            url = try NetworkURL(text: text)
        } catch {
            throw CommandFailure(error)
        }
        guard let bytes = try? Hex.decode(id), bytes.count == 32 else {
            throw CommandFailure(
                .damaged,
                "the format of the state of '\(name)' names no volume of the network"
            )
        }
        return (url, VolumeID(bytes: bytes))
    }

    private static func setReader(
        _ volume: Volume,
        _ environment: CheckpointEnvironment,
        isNear: Bool
    ) async throws(CommandFailure) {
        var settings = PlacedReaderSettings()
        // A copy on the same disk as the nodes saves nothing.
        if isNear { settings.diskBytesMax = 0 }
        let chosen = settings
        do throws(SystemError) {
            let reader = try await environment.pool.run { () throws(SystemError) in
                try NetworkPlacedReader(environment, settings: chosen)
            }
            volume.setPlacedReader(reader)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Returns when everything written before is certified and published; the newest sequence.
    func sync(
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> UInt64 {
        guard publishing != nil else {
            throw CommandFailure(.notPermitted, "'\(name)' is mounted read-only")
        }
        let checkpointer = checkpointer
        let reporting = Task {
            let start = await checkpointer.status()
            // Ends with the task that waits for it.
            while (try? await LinuxTimeSource().sleep(for: .milliseconds(250))) != nil {
                let now = await checkpointer.status()
                await progress(
                    Progress(
                        step: now.step ?? "waiting",
                        done: now.bytesStored - start.bytesStored,
                        total: start.unpublishedBytes
                    )
                )
            }
        }
        defer { reporting.cancel() }
        do throws(CheckpointError) {
            try await checkpointer.sync()
        } catch {
            throw CommandFailure(error, volume: name)
        }
        return await checkpointer.status().sequence
    }

    func status() async -> Report {
        let status = await checkpointer.status()
        return Report(
            sequence: status.sequence,
            manifest: status.manifest.map { "\($0)" },
            step: status.step,
            lastError: status.lastError.map { "\($0)" },
            stopped: status.stopped.map { CommandFailure($0, volume: name).message }
        )
    }

    /// Stops publishing and leaves the network.
    ///
    /// The lease goes back only if nothing is unpublished: with it another machine could publish
    /// first, and what is only here would be stranded.
    func close() async {
        publishing?.cancel()
        await publishing?.value
        if publishing != nil, volume.unpublished().bytes == 0 {
            do throws(CheckpointError) {
                try await checkpointer.close()
            } catch {
                // The same mount key gets its lease again at the next mount.
                Terminal.printError("walrusfs: the lease is kept: \(error)")
            }
        }
        await session.close()
    }
}
