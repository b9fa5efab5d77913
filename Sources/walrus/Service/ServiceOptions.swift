internal import ArgumentParser
internal import Glibc
internal import Logging
internal import SystemIO
internal import Telemetry
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
        help: """
            Where to serve metrics for Prometheus, at /metrics, in plain HTTP: HOST:PORT, or \
            unix:PATH; none unless given. They are for those who run the service: keep to an \
            address that only they reach. [WALRUS_METRICS]
            """
    )
    var metrics: String = Environment.value("WALRUS_METRICS") ?? ""

    @Option(
        name: .customLong("log-level"),
        help: """
            trace, debug, info, notice, warning, error or critical. [WALRUS_LOG, WALRUS_LOG_LEVEL]
            """
    )
    var logLevel: String = LogSettings.standard(Environment.value).level.rawValue

    @Option(
        name: .customLong("log-format"),
        help: """
            text (key=value), json, or journal, which is the default where journald listens. \
            [WALRUS_LOG_FORMAT]
            """
    )
    var logFormat: String = LogSettings.standard(Environment.value).format.rawValue

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
        guard metrics.isEmpty || Endpoint(text: metrics) != nil else {
            throw ValidationError("\(metrics) is no address to serve metrics at.")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("\(logLevel) is no log level.")
        }
        guard LogFormat(rawValue: logFormat) != nil else {
            throw ValidationError("\(logFormat) is no log format; there are text, json, journal.")
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
        LogSettings(
            level: Logger.Level(rawValue: logLevel) ?? .notice,
            format: LogFormat(rawValue: logFormat) ?? .text
        ).logger(label) { LinuxTimeSource().nowMilliseconds }
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

    /// Turns what goes wrong with a command that is no service into a message and an exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch {
            throw CommandFailure.failed.report("\(error)")
        }
    }

    /// Says that the service is up, to people, to systemd and to a devnet.
    static func announce(_ line: String) {
        ShutdownSignal.arm()
        print(line)
        flushOutput()
        DaemonReadiness.ready()
        ServiceManager.notify("STATUS=\(line)")
    }

    /// Serves the metrics, if that was asked for, for as long as `body` runs.
    static func servingMetrics(
        _ options: ServiceOptions,
        _ registry: MetricsRegistry,
        _ logger: Logger,
        _ body: () async throws -> Void
    ) async throws {
        guard let endpoint = Endpoint(text: options.metrics) else { return try await body() }
        registry.add { [ProcessMetrics.build, ProcessMetrics.residentBytes].compactMap(\.self) }
        try await HTTPServer.serve(
            MetricsPage.router(registry),
            at: endpoint,
            limits: .metrics,
            logger: logger
        ) { address in
            print("metrics at \(address)")
            flushOutput()
            try await body()
        }
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

extension ServerLimits {
    /// Of a daemon that is to end: slivers that are on their way arrive.
    static let service: ServerLimits = {
        var limits = ServerLimits()
        limits.shutdownGrace = .seconds(10)
        return limits
    }()
}
