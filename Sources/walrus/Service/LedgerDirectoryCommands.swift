internal import ArgumentParser
internal import BlobModel
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Telemetry

/// The directory and key of a ledger that does not run now.
struct LedgerDirectoryOptions: ParsableArguments {
    @Option(help: "The ledger's directory. [WALRUS_DIR]", completion: .directory)
    var dir: String = Environment.value("WALRUS_DIR") ?? ""

    @Option(help: "The ledger's key file. [WALRUS_KEY]", completion: .file())
    var key: String = Environment.value("WALRUS_KEY") ?? ""

    @Option(
        help: "The file with the network's genesis. [WALRUS_GENESIS]",
        completion: .file()
    )
    var genesis: String = Environment.value("WALRUS_GENESIS") ?? ""

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard !dir.isEmpty else { throw ValidationError("Name the directory with --dir.") }
        guard !key.isEmpty else { throw ValidationError("Name the key file with --key.") }
        guard !genesis.isEmpty else {
            throw ValidationError("Name the network's genesis with --genesis.")
        }
    }

    func opening(replaces: Bool = false) throws -> LedgerOpening {
        let keys = try KeyFile.load(key)
        let genesis = try GenesisFile.load(genesis)
        try GenesisFile.check(keys, key, of: genesis)
        return LedgerOpening(
            directory: dir,
            genesis: genesis,
            creates: false,
            restores: true,
            replaces: replaces,
            options: LedgerHostOptions(key: keys.voice, files: CommandFiles.files),
            logger: LogSettings.standard(Environment.value).logger("walrus.ledger") {
                LinuxTimeSource().nowMilliseconds
            }
        )
    }
}

/// `walrus ledger restore`.
struct LedgerRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Get a ledger's blocks back from the nodes.",
        discussion: """
              walrus ledger restore --from-nodes --genesis genesis.bcs --key ledger.key \
                --dir /srv/ledger

            Makes a directory that is missing or damaged anew, and gives one that is too old the \
            blocks that it lacks. The longest chain that is valid is taken. When two valid chains \
            have different blocks, that of nodes with a quorum of shards is; without a quorum, \
            nothing. A directory whose own blocks differ from the nodes' is left alone, unless \
            --replace says that the nodes are right. So many nodes must answer that none of the \
            blocks that were acknowledged can be missed. What was in the directory is renamed to \
            DIR.old-N. The ledger must not run.

            Exit codes: 0 the directory has all that the nodes have; 1 not; 64 used wrongly.
            """
    )

    @OptionGroup var options: LedgerDirectoryOptions

    @Flag(
        name: .customLong("from-nodes"),
        help: "Say that the blocks come from the nodes: there is no other source yet."
    )
    var isFromNodes = false

    @Flag(help: "Take the nodes' chain also where the directory has other blocks.")
    var replace = false

    func validate() throws {
        guard isFromNodes else { throw ValidationError("Say --from-nodes.") }
    }

    private struct Report: Encodable {
        let directory: String
        let height: UInt64
    }

    func run() async throws {
        try await ServiceRunner.reporting {
            let host = try await options.opening(replaces: replace).open(
                needsAnswers: true
            )
            let height = try await host.info().head.height
            await host.close()
            if options.json {
                try Output.printJSON(Report(directory: options.dir, height: height))
            } else {
                print("the ledger in \(options.dir) has \(height) blocks")
            }
        }
    }
}

/// `walrus ledger verify`.
struct LedgerVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Execute a ledger's whole chain anew, and compare it and the nodes' with it.",
        discussion: """
              walrus ledger verify --genesis genesis.bcs --key ledger.key --dir /srv/ledger

            The ledger must not run. Nodes that answer are asked for their chain: it has to be the \
            same one. Exit codes: 0 every row is what the blocks come to, and no node has other \
            blocks; 1 it could not be looked at; 64 used wrongly; 65 something differs.
            """
    )

    @OptionGroup var options: LedgerDirectoryOptions

    private struct Report: Encodable {
        let height: UInt64
        let blockHash: String
        let transactions: Int
        let rows: Int
        /// Nodes whose chain was compared.
        let nodesCompared: Int
        /// Blocks that they have and the ledger has not.
        let blocksMissing: Int
    }

    func run() async throws {
        try await ServiceRunner.reporting {
            let opening = try options.opening()
            do {
                let host = try await LedgerHost.open(
                    opening.directory,
                    network: opening.genesis.networkID,
                    opening.options
                )
                let report = try await host.verify()
                let nodes = try await host.compare(with: try opening.sources())
                await host.close()
                let tip = report.tip.reference
                if options.json {
                    return try Output.printJSON(
                        Report(
                            height: tip.height,
                            blockHash: tip.hash.description,
                            transactions: report.transactions,
                            rows: report.rows,
                            nodesCompared: nodes.answers,
                            blocksMissing: nodes.blocksMissing
                        )
                    )
                }
                print(
                    "\(tip.height) blocks with \(report.transactions) transactions come to the "
                        + "\(report.rows) rows that are here"
                )
                print(nodes.text)
            } catch let error as LedgerStoreError {
                let message = opening.describe(error)
                switch error {
                case .damaged, .invalidChain, .diverged:
                    throw CommandFailure.damaged.report(message)
                default: throw ServiceFailure(message)
                }
            }
        }
    }
}

extension ChainComparison {
    /// One sentence for people.
    fileprivate var text: String {
        let asked = "\(answers) of \(sources) nodes answered"
        if answers == 0 { return asked + ": the chain was not compared with theirs" }
        return blocksMissing == 0
            ? asked + ", and have no other blocks"
            : asked + ", and have \(blocksMissing) blocks that are missing here: restore them"
    }
}
