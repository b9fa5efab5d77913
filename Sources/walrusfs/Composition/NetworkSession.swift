internal import BlobClient
internal import BlobModel
internal import Foundation
internal import Ledger
internal import LocalNetwork
internal import Logging
internal import SystemIO
internal import Telemetry
internal import Volume

/// A network that this process uses, and, if it is an embedded one, may host.
final class NetworkSession: Sendable {
    let access: NetworkAccess
    private let serving: Task<Void, Never>

    private init(_ access: NetworkAccess) {
        self.access = access
        serving = Task { await access.run() }
    }

    /// Connects.
    ///
    /// What nodes do wrong is logged to the error output: for a daemon that is its log; a command
    /// says by itself what concerns its user, so it is `isQuiet`. A command also waits for a ledger
    /// that is being started again; a daemon goes on without.
    static func open(
        _ url: NetworkURL,
        isQuiet: Bool
    ) async throws(CommandFailure) -> NetworkSession {
        let settings = LogSettings.standard(level: .warning, Environment.value)
        var logger = settings.logger("walrusfs") { LinuxTimeSource().nowMilliseconds }
        if isQuiet { logger.logLevel = .critical }
        let log = logger
        let limiter = EventLimiter()
        let client = ClientEnvironment(
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            compute: BlockingPool(
                threads: max(2, Processor.count),
                name: "compute",
                niceness: BlockingPool.giveWay
            ),
            spawn: { work in _ = Task { await work() } },
            notice: { notice in
                // A node that is down fails every request.
                let now = LinuxTimeSource().uptime
                guard let left = limiter.admit(notice.name, at: now) else { return }
                var metadata: Logger.Metadata = ["event": "\(notice.event)"]
                if left > 0 { metadata["suppressed"] = "\(left)" }
                log.warning("\(notice)", metadata: metadata)
            }
        )
        let variable = EmbeddedEnvironment.releaseGraceVariable
        guard let grace = EmbeddedEnvironment.releaseGrace(Environment.value(variable)) else {
            throw CommandFailure(.usage, "\(variable) is no number of seconds")
        }
        do throws(NetworkAccessError) {
            let environment = EmbeddedEnvironment(logger: log, releaseGrace: grace)
            return NetworkSession(
                try await NetworkAccess.open(
                    url,
                    environment,
                    client: client,
                    patience: isQuiet ? .seconds(10) : .zero
                )
            )
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Leaves the network; another process takes over what this one hosted.
    func close() async {
        serving.cancel()
        await serving.value
        await access.close()
    }

    /// Sends transactions of `account`; what is under way survives a crash in `journal`.
    func sender(account: SigningKey, journal: any TransactionJournal) -> TransactionSender {
        TransactionSender(
            ledger: access.ledger,
            account: account,
            journal: journal,
            time: LinuxTimeSource(),
            entropy: LinuxEntropy()
        )
    }
}

extension CommandFailure {
    init(_ error: NetworkAccessError) {
        let status: CommandStatus =
            switch error {
            case .url, .fingerprintNeeded: .usage
            case .embedded(.missing): .notFound
            case .embedded(.exists): .exists
            case .embedded(.foreign), .embedded(.damaged): .damaged
            case .embedded(.disk): .inputOutput
            case .embedded: .unavailable
            case .ledger(let error): error.isTransient ? .unavailable : .failure
            }
        self.init(status, "\(error)")
    }

    init(_ error: CheckpointError, volume: String) {
        switch error {
        case .volume(let error):
            self.init(error, volume: volume)
        case .blobs(let error):
            self.init(
                error.isTransient ? .unavailable : .failure,
                "the network does not take or give the blobs of '\(volume)': \(error)",
                advice: error.isTransient
                    ? "nothing is lost; it goes on when the nodes answer" : nil
            )
        case .heads(let error):
            self.init(
                error.isTransient ? .unavailable : .failure,
                "the ledger does not answer for '\(volume)' as it should: \(error)",
                advice: error.isTransient
                    ? "nothing is lost; it goes on when the ledger answers" : nil
            )
        case .format(let error):
            self.init(error, volume: volume)
        case .system(let error):
            self.init(error)
        case .damagedState(let what):
            self.init(.damaged, "the state of '\(volume)' is damaged: \(what)")
        case .leaseLost:
            self.init(
                .busy,
                "another mount may write '\(volume)' now; this one is read-only and keeps what "
                    + "it has not published",
                advice: "'walrusfs rescue' copies that out; unmount the other one to write here, "
                    + "or, if it is gone for good, use 'walrusfs mount --take-over'"
            )
        case .patienceNotOver(let until):
            let date = Date(timeIntervalSince1970: Double(until) / 1000).formatted(.iso8601)
            self.init(
                .busy,
                "the network's patience with the mount that may write '\(volume)' is not over "
                    + "until \(date)",
                advice: "try again then"
            )
        case .noNetwork(let reason):
            self.init(
                .notFound,
                "nothing of '\(volume)' can be published: \(reason)",
                advice: "what is not published is kept; 'walrusfs rescue' copies it out"
            )
        case .stranded:
            self.init(
                .damaged,
                "the network has a newer checkpoint of '\(volume)' that this state does not "
                    + "continue; what it has not published is kept",
                advice:
                    "'walrusfs rescue' copies that out, or makes a volume of it; attach the volume "
                    + "under another name to go on with it"
            )
        case .neverPublished:
            self.init(
                .notFound,
                "'\(volume)' has nothing on the network yet",
                advice: "run 'walrusfs sync' where it is mounted"
            )
        case .cancelled:
            self.init(.failure, "cancelled")
        }
    }

    init(_ error: BlobStoreError, volume: String) {
        self.init(
            error.isTransient ? .unavailable : .failure,
            "the network refused for '\(volume)': \(error)"
        )
    }
}
