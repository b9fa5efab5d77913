internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Logging
internal import SystemIO
internal import Telemetry
internal import Transport

/// `walrus ledger`: the daemon, and what is done about its directory.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Run a network's ledger, restore it from the nodes, or verify it.",
        subcommands: [
            LedgerRunCommand.self, LedgerRestoreCommand.self, LedgerVerifyCommand.self,
        ],
        defaultSubcommand: LedgerRunCommand.self
    )

    /// A Unix socket is guarded by the file system, and speaks without TLS.
    static func identity(for endpoint: Endpoint, _ keys: ServiceKeys) throws -> TLSIdentity? {
        if case .unix = endpoint { nil } else { try TLSIdentity(key: keys.network) }
    }
}

/// `walrus ledger`, or `walrus ledger run`.
struct LedgerRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a network's ledger.",
        discussion: """
            Serves until SIGTERM. Prints one line when it answers, and tells systemd (Type=notify).

              walrus ledger --create --genesis genesis.bcs --key ledger.key --dir /srv/ledger \\
                --listen 0.0.0.0:9180
              walrus ledger --genesis genesis.bcs --key ledger.key --dir /srv/ledger

            A directory that was lost is never made anew by itself: the nodes hold every block, \
            and --restore gets them back. One that was put back from an old backup takes the \
            blocks that it lacks from the nodes by itself.

            A transaction is acknowledged once its block is in the logs of so many nodes that the \
            ledger's directory may be lost; see --keep.

            Exit codes: 0 stopped by a signal; 1 it could not start, or failed; 64 used wrongly.
            """
    )

    @OptionGroup var service: ServiceOptions

    @Option(
        help: "The file with the network's genesis. [WALRUS_GENESIS]",
        completion: .file()
    )
    var genesis: String = Environment.value("WALRUS_GENESIS") ?? ""

    @Flag(help: "Make the directory of a new network first, unless it is there.")
    var create = false

    @Flag(help: "If the directory is missing or damaged, rebuild it from the nodes' blocks.")
    var restore = false

    @Option(
        help: """
            How many nodes must have a block before its transactions are acknowledged; f + 1 \
            unless given, 0 for none. When fewer follow, it goes on without, and says so.
            """
    )
    var keep: Int?

    func validate() throws {
        guard keep.map({ (0...Committee.shardsMax).contains($0) }) ?? true else {
            throw ValidationError("--keep may be 0 to \(Committee.shardsMax).")
        }
        guard !genesis.isEmpty else {
            throw ValidationError("Name the network's genesis with --genesis.")
        }
    }

    func run() async throws {
        try await ServiceRunner.run { try await serve() }
    }

    private func serve() async throws {
        let logger = service.logger("walrus.ledger")
        let keys = try KeyFile.load(service.key)
        let opened = try GenesisFile.load(genesis)
        try GenesisFile.check(keys, service.key, of: opened)
        let time = LinuxTimeSource()
        let needed = try keep ?? opened.committee().logsNeeded
        let followers = LedgerFollowers(needed: needed, time: time)
        let opening = LedgerOpening(
            directory: service.dir,
            genesis: opened,
            creates: create,
            restores: restore,
            options: LedgerHostOptions(
                key: keys.voice,
                files: CommandFiles.files,
                time: time,
                sink: needed > 0 ? followers : nil,
                followers: followers
            ),
            logger: logger
        )
        let host = try await opening.open()
        var router = Router(LedgerAPI(host).routes)
        let requests = HTTPServerMetrics()
        router.metrics = requests
        let registry = MetricsRegistry()
        registry.add { requests.families + (await host.metrics()) }
        try await ServiceRunner.servingMetrics(service, registry, logger) {
            try await serve(host, router, keys, opened, opening.watch(host, followers))
        }
        await host.close()
    }

    /// Serves until told to end; `watch` goes on meanwhile.
    private func serve(
        _ host: LedgerHost,
        _ router: Router,
        _ keys: ServiceKeys,
        _ genesis: Genesis,
        _ watch: LedgerWatch
    ) async throws {
        let logger = watch.logger
        let endpoint = try service.endpoint()
        try await HTTPServer.serve(
            router,
            at: endpoint,
            identity: LedgerCommand.identity(for: endpoint, keys),
            limits: service.limits.serverLimits(logger),
            logger: logger
        ) { address in
            ServiceRunner.announce(
                "ledger ready at \(address), network \(Self.url(of: address, genesis))"
            )
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await Self.advanceEpochs(host, LinuxTimeSource(), logger) }
                group.addTask { await watch.run(LinuxTimeSource()) }
                await ServiceRunner.untilStopped(service, logger)
                group.cancelAll()
            }
            // They would wait for as long as the requests in progress may take.
            host.endPolls()
        }
    }

    static func url(of address: Endpoint, _ genesis: Genesis) -> String {
        "walrus://\(address)/?genesis=\(genesis.networkID)"
    }

    /// Ends epochs in networks whose epochs have a duration.
    private static func advanceEpochs(
        _ host: LedgerHost,
        _ time: LinuxTimeSource,
        _ logger: Logger
    ) async {
        while !Task.isCancelled {
            do {
                if try await host.advanceEpochIfDue(entropy: LinuxEntropy()) {
                    logger.notice("the epoch has ended")
                }
                try await time.sleep(for: .seconds(5))
            } catch {
                if Task.isCancelled { return }
                logger.warning("the epoch could not be ended: \(error)")
                // Cancelled or not, the loop looks again.
                try? await time.sleep(for: .seconds(5))
            }
        }
    }
}

/// A genesis in a file, BCS.
enum GenesisFile {
    static func load(_ path: String) throws -> Genesis {
        let bytes: [UInt8]?
        do {
            bytes = try CommandFiles.files.readWholeFile(path, limit: LedgerWire.genesisMax)
        } catch {
            throw ServiceFailure("cannot read the genesis \(path): \(error)")
        }
        guard let bytes else { throw ServiceFailure("there is no genesis \(path)") }
        do {
            return try Genesis(bcsBytes: bytes)
        } catch {
            throw ServiceFailure("\(path) is no genesis, or is damaged: \(error)")
        }
    }

    /// Throws unless `keys`, of the file `path`, are those of the network's ledger.
    static func check(_ keys: ServiceKeys, _ path: String, of genesis: Genesis) throws {
        guard genesis.blockKey == keys.voice.publicKey,
            genesis.ledgerNetworkKey == keys.network.publicKey
        else { throw ServiceFailure("\(path) is not the key of this network's ledger") }
    }
}
