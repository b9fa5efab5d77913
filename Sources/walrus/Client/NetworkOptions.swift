internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Transport

/// Which network a command is about, and how it answers.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: """
            The network: walrus://HOST:PORT/?genesis=…, or embedded:DIR. [WALRUS_NETWORK]
            """
    )
    var network: String = Environment.value("WALRUS_NETWORK") ?? ""

    @Flag(
        name: .customLong("trust-new"),
        help: "Take whatever network answers, when the URL does not name one."
    )
    var isNewTrusted = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard !network.isEmpty else {
            throw ValidationError("Name the network with --network, or in WALRUS_NETWORK.")
        }
    }

    /// Connects, and turns what goes wrong into a message and an exit code.
    func run(_ body: (CommandNetwork) async throws -> Void) async throws {
        do {
            try await CommandNetwork.with(network, isNewTrusted: isNewTrusted, body)
        } catch let code as ExitCode {
            throw code
        } catch let failure as ServiceFailure {
            throw CommandFailure.failed.report("\(failure)")
        } catch let error as BlobStoreError {
            throw report(error)
        } catch let error as LedgerError {
            throw CommandFailure.failed.report("the ledger at \(network): \(error)")
        }
    }

    private func report(_ error: BlobStoreError) -> ExitCode {
        switch error {
        case .notFound(let blob):
            CommandFailure.failed.report("the network has no blob \(blob)")
        case .inconsistent(let blob):
            CommandFailure.damaged.report(
                "blob \(blob) was encoded inconsistently by whoever stored it: it has no contents, "
                    + "and nobody can read it"
            )
        case .corrupt(let blob, let why):
            CommandFailure.damaged.report("blob \(blob) cannot be read: \(why)")
        case .unavailable(let why):
            CommandFailure.failed.report(
                "\(why); try again, or see `walrus info committee` for who is missing"
            )
        case .notFunded(let why): CommandFailure.failed.report("not enough funds: \(why)")
        case .invalidRequest(let why), .rejected(let why):
            CommandFailure.failed.report(why)
        case .cancelled: CommandFailure.failed.report("cancelled")
        }
    }
}

/// The file with the account that pays, and what was signed and not settled yet.
struct AccountOptions: ParsableArguments {
    @Option(
        help: """
            The key file of the account that pays; made on first use. [WALRUS_ACCOUNT, else \
            account.key in WALRUS_HOME or ~/.local/share/walrus]
            """,
        completion: .file()
    )
    var account: String?

    private var path: String {
        if let account = account ?? Environment.value("WALRUS_ACCOUNT") { return account }
        return Self.home + "/account.key"
    }

    static var home: String {
        if let home = Environment.value("WALRUS_HOME") { return home }
        if let data = Environment.value("XDG_DATA_HOME") { return data + "/walrus" }
        return (Environment.value("HOME") ?? ".") + "/.local/share/walrus"
    }

    /// Sends transactions of the account; they are written down before they are sent.
    func sender(_ network: CommandNetwork) throws -> TransactionSender {
        let keys = try KeyFile.loadIfPresent(path) ?? KeyFile.create(path)
        let journal = directory(of: path) + "/transactions"
        do {
            try CommandFiles.files.makeDirectories(journal)
        } catch {
            throw ServiceFailure("cannot make \(journal): \(error)")
        }
        return TransactionSender(
            ledger: network.access.ledger,
            account: keys.account,
            journal: FileTransactionJournal(
                directory: journal,
                files: CommandFiles.files,
                pool: network.environment.compute
            ),
            time: network.environment.time,
            entropy: network.environment.entropy
        )
    }
}
