internal import Foundation
internal import TestSupport

/// Waits for what comes by itself, up to a bound that only a hang reaches.
enum Wait {
    private static let bound = 120.0

    static func until(
        _ complaint: String,
        detail: () throws -> String = { "" },
        _ condition: () throws -> Bool
    ) throws {
        let start = ProcessInfo.processInfo.systemUptime
        while try !condition() {
            guard ProcessInfo.processInfo.systemUptime - start < bound else {
                throw ToolFailure("\(complaint) after \(bound) s \(try detail())")
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }
}

/// The value of a sample on a page of metrics; nil when it is not there.
func metric(_ sample: String, in page: String) -> Double? {
    MetricsReader.value(sample, in: page)
}

/// One daemon of a network, started and ended by a test.
final class Service {
    let log: String
    private let process = Process()
    private let scratch: Scratch

    /// Starts `walrus` with these arguments, and waits until it says that it is ready.
    init(
        _ name: String,
        _ arguments: [String],
        in scratch: Scratch,
        environment: [String: String] = [:]
    ) throws {
        self.scratch = scratch
        log = scratch.path + "/\(name)-\(UUID().uuidString.prefix(8)).log"
        try Data().write(to: URL(filePath: log))
        process.executableURL = URL(filePath: Tool.products + "/walrus")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output = FileHandle(forWritingAtPath: log)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        scratch.owns(process: process.processIdentifier)
        try Wait.until("\(name) does not start") {
            let text = try text()
            guard process.isRunning else {
                // Its last line says why; where only lines of failures are kept, it is the first.
                let reason = text.split(separator: "\n").last ?? ""
                throw ToolFailure("\(name) ended: \(reason)\n\(text)")
            }
            return text.contains(" ready at ")
        }
    }

    func text() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }

    /// Sends a signal, and goes on.
    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Sends a signal and waits for the end; the exit status, or 128 and the signal's number.
    @discardableResult
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        send(signal)
        return wait()
    }

    /// Waits for the end, which was asked for already; as ``end(_:)``.
    func wait() -> Int32 {
        process.waitUntilExit()
        scratch.disowns(process: process.processIdentifier)
        let isSignalled = process.terminationReason == .uncaughtSignal
        return process.terminationStatus + (isSignalled ? 128 : 0)
    }

    /// The page of metrics, as Prometheus would read it.
    func metrics() throws -> String { try MetricsReader.page(log: log) }
}

/// The daemons of a devnet's directory, each started by hand.
final class Services {
    let directory: String
    let network: String
    private let scratch: Scratch
    private let addresses: [String: String]
    private(set) var ledger: Service?
    private(set) var nodes: [String: Service] = [:]

    /// Makes a network with a devnet, which does not run any more afterwards.
    init(in scratch: Scratch, nodes: Int = 4, shards: Int? = nil) throws {
        self.scratch = scratch
        let devnet = try Devnet(in: scratch, nodes: nodes, shards: shards)
        directory = devnet.directory
        network = devnet.report.network
        addresses = Dictionary(
            uniqueKeysWithValues: devnet.report.processes.map {
                ($0.name, String($0.url.dropFirst("https://".count)))
            }
        )
        guard devnet.stop() == 0 else { throw ToolFailure("the devnet did not stop") }
    }

    /// Makes a network that runs and is well.
    static func running(in scratch: Scratch, nodes: Int = 4) throws -> Services {
        let net = try Services(in: scratch, nodes: nodes)
        try net.startLedger()
        try net.startNodes()
        try net.waitForHealth(0)
        return net
    }

    /// HOST:PORT of one of the parts.
    func address(of name: String) -> String? { addresses[name] }

    var names: [String] { addresses.keys.filter { $0 != "ledger" }.sorted() }

    var client: NetworkClient {
        NetworkClient(
            environment: ["WALRUS_NETWORK": network, "WALRUS_HOME": scratch.path + "/home"]
        )
    }

    var ledgerDirectory: String { directory + "/ledger" }

    /// What every command about the ledger's directory needs.
    var ledgerArguments: [String] {
        [
            "--dir", ledgerDirectory, "--key", directory + "/keys/ledger.key", "--genesis",
            directory + "/genesis.bcs",
        ]
    }

    private static let common = ["--metrics", "127.0.0.1:0", "--log-level", "info"]

    @discardableResult
    func startLedger(_ more: String...) throws -> Service {
        let service = try Service(
            "ledger",
            ["ledger"] + ledgerArguments + ["--listen", addresses["ledger"] ?? ""] + Self.common
                + more,
            in: scratch
        )
        ledger = service
        return service
    }

    @discardableResult
    func startNode(_ name: String, _ more: String...) throws -> Service {
        let service = try Service(
            name,
            [
                "node", "--dir", directory + "/" + name, "--key", directory + "/keys/\(name).key",
                "--genesis", directory + "/genesis.bcs", "--network", network, "--listen",
                addresses[name] ?? "",
            ] + Self.common + more,
            in: scratch
        )
        nodes[name] = service
        return service
    }

    func startNodes() throws { for name in names { try startNode(name) } }

    /// Waits until `walrus health` ends with this status; what it printed then.
    @discardableResult
    func waitForHealth(_ status: Int32, _ arguments: String...) throws -> ToolResult {
        var result: ToolResult?
        try Wait.until("health is not \(status)", detail: { result.map { "\($0)" } ?? "" }) {
            result = try Tool.run(
                "walrus",
                ["health"] + arguments,
                environment: client.environment
            )
            return result?.status == status
        }
        guard let result else { throw ToolFailure("nobody asked") }
        return result
    }

    /// Ends everything in order; each must end well.
    func stop() -> Bool {
        let statuses = nodes.values.map { $0.end() } + [ledger?.end() ?? 0]
        (nodes, ledger) = ([:], nil)
        return statuses.allSatisfy { $0 == 0 }
    }

    func stopNodes() -> Bool {
        let statuses = nodes.values.map { $0.end() }
        nodes = [:]
        return statuses.allSatisfy { $0 == 0 }
    }
}
