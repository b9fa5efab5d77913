internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Logging
internal import SystemIO
internal import Transport

/// `walrus ledger`: the daemon.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Run a network's ledger.",
        discussion: """
            Serves until SIGTERM. Prints one line when it answers, and tells systemd (Type=notify).

              walrus ledger --create --genesis genesis.bcs --key ledger.key --dir /srv/ledger \\
                --listen 0.0.0.0:9180
              walrus ledger --genesis genesis.bcs --key ledger.key --dir /srv/ledger

            A directory that was lost is never made anew by itself: the nodes hold every block, \
            and --restore gets them back.

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

    func validate() throws {
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
        guard opened.blockKey == keys.voice.publicKey,
            opened.ledgerNetworkKey == keys.network.publicKey
        else {
            throw ServiceFailure("\(service.key) is not the key of this network's ledger")
        }
        let time = LinuxTimeSource()
        let host = try await LedgerOpening(
            directory: service.dir,
            genesis: opened,
            creates: create,
            restores: restore,
            options: LedgerHostOptions(
                key: keys.voice,
                files: CommandFiles.files,
                time: time,
                sink: nil
            ),
            logger: logger
        ).open()
        let endpoint = try service.endpoint()
        try await HTTPServer.serve(
            Router(LedgerAPI(host).routes),
            at: endpoint,
            identity: Self.identity(for: endpoint, keys),
            limits: service.limits.serverLimits(logger),
            logger: logger
        ) { address in
            ServiceRunner.announce(
                "ledger ready at \(address), network \(Self.url(of: address, opened))"
            )
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await Self.advanceEpochs(host, time, logger) }
                await ServiceRunner.untilStopped(service, logger)
                group.cancelAll()
            }
        }
    }

    /// A Unix socket is guarded by the file system, and speaks without TLS.
    static func identity(for endpoint: Endpoint, _ keys: ServiceKeys) throws -> TLSIdentity? {
        if case .unix = endpoint { nil } else { try TLSIdentity(key: keys.network) }
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
}
