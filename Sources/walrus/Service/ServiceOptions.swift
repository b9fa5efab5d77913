internal import ArgumentParser
internal import Glibc
internal import Logging
internal import SystemIO
internal import Transport

/// What ledgers and nodes have in common on their command lines.
struct ServiceOptions: ParsableArguments {
    @Option(
        help: """
            The service's own directory. [WALRUS_DIR]
            """,
        completion: .directory
    )
    var dir: String = Environment.value("WALRUS_DIR") ?? ""

    @Option(
        help: """
            The file with the service's key, from `walrus key new`; outside the directory, because \
            a service outlives its disk. [WALRUS_KEY]
            """,
        completion: .file()
    )
    var key: String = Environment.value("WALRUS_KEY") ?? ""

    @Option(
        help: """
            Where to listen: HOST:PORT, or unix:PATH; port 0 takes a free one. [WALRUS_LISTEN]
            """
    )
    var listen: String = Environment.value("WALRUS_LISTEN") ?? "127.0.0.1:0"

    @Option(
        name: .customLong("log-level"),
        help: "trace, debug, info, notice, warning, error or critical. [WALRUS_LOG_LEVEL]"
    )
    var logLevel: String = Environment.value("WALRUS_LOG_LEVEL") ?? "notice"

    @OptionGroup var limits: LimitOptions

    /// For services that a devnet starts, so that killing it leaves nothing behind.
    @Flag(name: .customLong("stop-with-parent"), help: .hidden)
    var stopsWithParent = false

    func validate() throws {
        guard !dir.isEmpty else { throw ValidationError("Name the directory with --dir.") }
        guard !key.isEmpty else { throw ValidationError("Name the key file with --key.") }
        guard Endpoint(text: listen) != nil else {
            throw ValidationError("\(listen) is no address to listen at.")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("\(logLevel) is no log level.")
        }
    }

    func endpoint() throws -> Endpoint {
        guard let endpoint = Endpoint(text: listen) else {
            throw ValidationError("\(listen) is no address to listen at.")
        }
        return endpoint
    }

    /// Log lines go to standard error, where systemd and devnet pick them up.
    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .notice
        return logger
    }
}

/// Runs a service, and tells whoever waits for it why it could not start.
enum ServiceRunner {
    static func run(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch {
            DaemonReadiness.failed("\(error)")
            throw CommandFailure.failed.report("\(error)")
        }
    }

    /// Says that the service is up, to people, to systemd and to a devnet.
    static func announce(_ line: String) {
        print(line)
        flushOutput()
        DaemonReadiness.ready()
        ServiceManager.notify("STATUS=\(line)")
    }

    /// Waits until the service is to end.
    static func untilStopped(_ options: ServiceOptions, _ logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await ShutdownSignal.wait() }
            if options.stopsWithParent { group.addTask { await untilOrphaned() } }
            await group.next()
            group.cancelAll()
        }
        ServiceManager.notify("STOPPING=1")
        logger.notice("stopping")
    }

    /// Waits until the process that started this one is gone.
    private static func untilOrphaned() async {
        let parent = getppid()
        let time = LinuxTimeSource()
        while getppid() == parent {
            // Cancelled when a signal came first.
            guard (try? await time.sleep(for: .milliseconds(500))) != nil else { return }
        }
    }
}
