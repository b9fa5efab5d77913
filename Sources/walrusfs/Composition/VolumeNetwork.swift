internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Telemetry
internal import Volume
internal import VolumeFormat

// How a volume is bound to its network: the account derived from its secret signs for its pool and
// its head; the mount key of this state directory holds the lease. A network that does not answer
// when the mount begins is waited for behind its back
// (`Docs/Decisions/0123-mounting-without-a-ledger.md`).

/// A volume's connection to its network, while it is mounted.
final class VolumeNetwork: Sendable {
    /// What `status` tells.
    struct Report: Sendable {
        var sequence: UInt64 = 0
        var manifest: String?
        var unpublishedBytes: UInt64 = 0
        var waitingFor: String?
        var step: String?
        var lastError: String?
        var stopped: String?
        /// What to do about that.
        var advice: String?
        var packsInFlight = 0
        var bytesInFlight = 0
        /// Milliseconds since the newest checkpoint was cut.
        var checkpointAge: UInt64?
        /// The token of the lease that this mount has.
        var lease: UInt32?
        var health = "answers"
        /// Whether nobody else can write the volume.
        var holdsLease = false
        var garbage: GarbageReport?
    }

    private let name: String
    private let late: LateNetwork
    private let checkpointer: Checkpointer
    /// Reads what is published.
    let reader: HeadReader
    /// Reaches the network, publishes when it is due and answers claims; nil in a mount that only
    /// reads and has reached it.
    private let working: Task<Void, Never>?
    private let publishes: Bool

    private init(
        name: String,
        late: LateNetwork,
        checkpointer: Checkpointer,
        reader: HeadReader,
        publishes: Bool
    ) {
        self.name = name
        self.late = late
        self.checkpointer = checkpointer
        self.reader = reader
        self.publishes = publishes
        working =
            publishes || late.found == nil
            ? Task {
                let failure = await late.waitUntilFound()
                guard publishes else { return }
                if let failure { return await checkpointer.giveUp(failure.message) }
                await Self.work(checkpointer, name)
            } : nil
    }

    /// Publishes and keeps the lease, until the task is cancelled or that is over for good.
    private static func work(_ checkpointer: Checkpointer, _ name: String) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await checkpointer.watchLease() }
            group.addTask { await checkpointer.run() }
            // Whichever hears of it first; the other may be waiting for the network.
            await group.next()
            guard let reason = await checkpointer.status().stopped else { return }
            let what = CommandFailure(reason, volume: name)
            Terminal.printError("walrusfs: '\(name)' is read-only now: \(what)")
        }
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
            if options.fsync == .local, !options.takesOver { return nil }
            let wish = options.takesOver ? "--take-over" : "fsync=network"
            throw CommandFailure(.usage, "'\(name)' has no network for \(wish)")
        }
        let (url, id) = try parse(text, id: id, name: name)
        let identity = VolumeIdentity(
            volume: id,
            name: name,
            state: state,
            secrets: secrets,
            pool: BlockingPool(
                threads: 4,
                name: "checkpoint",
                niceness: BlockingPool.giveWay
            )
        )
        let late = LateNetwork(url, identity)
        let isFound = try await late.connect()
        if !isFound, options.takesOver, let failure = late.failure { throw failure }
        do throws(CommandFailure) {
            var environment = CheckpointEnvironment(
                volume,
                identity,
                blobs: LateBlobStore(network: late),
                heads: LateHeadStore(network: late)
            )
            environment.near = try await setReader(
                volume,
                environment,
                url,
                patience: options.timeout
            )
            let checkpointer = Checkpointer(environment)
            if !readOnly {
                try await open(checkpointer, volume, name, options, isFound: isFound)
            }
            return VolumeNetwork(
                name: name,
                late: late,
                checkpointer: checkpointer,
                reader: HeadReader(environment),
                publishes: !readOnly
            )
        } catch {
            await late.close()
            throw error
        }
    }

    /// Takes the lease, or begins without it when the ledger does not answer.
    private static func open(
        _ checkpointer: Checkpointer,
        _ volume: Volume,
        _ name: String,
        _ options: VolumeOptions,
        isFound: Bool
    ) async throws(CommandFailure) {
        do throws(CheckpointError) {
            var isOpen = false
            if isFound {
                do throws(CheckpointError) {
                    try await checkpointer.open(takingOver: options.takesOver)
                    isOpen = true
                } catch {
                    guard error.isTransient, !options.takesOver else { throw error }
                }
            }
            if !isOpen {
                let isWritable = try await checkpointer.beginUnconnected()
                Terminal.printError(
                    "walrusfs: the network of '\(name)' does not answer; the volume is mounted "
                        + (isWritable ? "with what is on this machine" : "read-only until it does")
                )
            }
        } catch {
            throw CommandFailure(error, volume: name)
        }
        volume.setHasUploader(true)
        guard options.fsync == .network else { return }
        volume.setNetworkSync { () throws(VolumeError) in
            do throws(CheckpointError) {
                try await checkpointer.sync(patience: options.patience)
            } catch {
                throw error.asVolumeError
            }
        }
    }

    static func parse(
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

    /// Has bytes that are not on this machine read from the network.
    @discardableResult
    static func setReader(
        _ volume: Volume,
        _ environment: CheckpointEnvironment,
        _ url: NetworkURL,
        patience: Duration
    ) async throws(CommandFailure) -> NetworkPlacedReader {
        var settings = PlacedReaderSettings()
        settings.patience = patience
        // A copy on the same disk as the nodes saves nothing.
        if case .embedded = url { settings.diskBytesMax = 0 }
        let chosen = settings
        do throws(SystemError) {
            let reader = try await environment.pool.run { () throws(SystemError) in
                try NetworkPlacedReader(environment, settings: chosen)
            }
            volume.setPlacedReader(reader)
            return reader
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Returns when everything written before is certified and published; the newest sequence.
    func sync(
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> UInt64 {
        try await publishing(progress) { (checkpointer) async throws(CheckpointError) in
            try await checkpointer.sync()
        }
        return await checkpointer.status().sequence
    }

    /// Publishes, and lets go of what nothing needs.
    func collect(
        immediately: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> GarbageReport {
        try await publishing(progress) { (checkpointer) async throws(CheckpointError) in
            _ = try await checkpointer.collect(immediately: immediately)
        }
        return GarbageReport(await checkpointer.wasteReport())
    }

    /// Runs `body`, telling how far it is.
    private func publishing(
        _ progress: @escaping @Sendable (Progress) async -> Void,
        _ body: (Checkpointer) async throws(CheckpointError) -> Void
    ) async throws(CommandFailure) {
        guard publishes else {
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
                        step: now.step ?? (now.isOpen ? "waiting" : "waiting for the network"),
                        done: now.bytesStored - start.bytesStored,
                        total: start.unpublishedBytes
                    )
                )
            }
        }
        defer { reporting.cancel() }
        do throws(CheckpointError) { try await body(checkpointer) } catch {
            throw CommandFailure(error, volume: name)
        }
    }

    var networkMetrics: [MetricFamily] { get async { await late.metrics } }

    func status() async -> Report {
        let status = await checkpointer.status()
        var waitingFor: String?
        if late.found == nil, status.stopped == nil {
            waitingFor = late.failure?.message ?? "the network"
        } else if publishes, !status.isOpen, status.stopped == nil {
            waitingFor = "the ledger, for the lease"
        } else if let error = status.lastError, error.isTransient, status.stopped == nil {
            waitingFor = "the network: \(CommandFailure(error, volume: name).message)"
        }
        let now = LinuxTimeSource().nowMilliseconds
        let health =
            late.found == nil
            ? "does not answer"
            : status.lastError.map { CommandFailure($0, volume: name).message } ?? "answers"
        return Report(
            sequence: status.sequence,
            manifest: status.manifest.map { "\($0)" },
            unpublishedBytes: status.unpublishedBytes,
            waitingFor: waitingFor,
            step: status.step,
            lastError: status.lastError.map { "\($0)" },
            stopped: status.stopped.map { CommandFailure($0, volume: name).message },
            advice: status.stopped.flatMap { CommandFailure($0, volume: name).advice },
            packsInFlight: status.packsInFlight,
            bytesInFlight: status.bytesInFlight,
            checkpointAge: status.cutAt.map { now > $0 ? now - $0 : 0 },
            lease: status.stopped == nil ? status.token : nil,
            health: health,
            holdsLease: status.token != nil && status.stopped == nil,
            garbage: GarbageReport(await checkpointer.wasteReport())
        )
    }

    /// Stops publishing and leaves the network.
    ///
    /// The lease goes back only if everything is published: with it another machine could publish
    /// first, and what is only here would be stranded.
    func close() async {
        working?.cancel()
        await working?.value
        let status = await checkpointer.status()
        if publishes, status.isOpen, status.unpublishedBytes == 0 {
            do throws(CheckpointError) {
                try await checkpointer.close()
            } catch {
                // The same mount key gets its lease again at the next mount.
                Terminal.printError("walrusfs: the lease is kept: \(error)")
            }
        }
        await late.close()
    }
}
