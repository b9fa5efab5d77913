internal import BlobModel
internal import Foundation
internal import Glibc
internal import Ledger
internal import Synchronization
internal import SystemIO

/// The processes of a devnet, from their start to their end.
///
/// They are sessions of their own, so that Control-C reaches the devnet alone, which then ends them
/// in order: nodes first, which still follow the ledger, and the ledger last.
final class DevnetProcesses: Sendable {
    let layout: DevnetLayout
    let genesis: Genesis
    let ledgerPort: UInt16
    let isNew: Bool
    let logLevel: String
    let servesMetrics: Bool

    private struct Running {
        let name: String
        let process: ChildProcess
    }

    // Guards the list, which starting and stopping both touch.
    private let running = Mutex<[Running]>([])

    /// How long a process may take until it answers, on a machine that is busy with others.
    private static let startTimeout = Duration.seconds(120)
    private static let stopTimeout = Duration.seconds(15)

    init(
        layout: DevnetLayout,
        genesis: Genesis,
        ledgerPort: UInt16,
        isNew: Bool,
        logLevel: String,
        servesMetrics: Bool
    ) {
        self.layout = layout
        self.genesis = genesis
        self.ledgerPort = ledgerPort
        self.isNew = isNew
        self.logLevel = logLevel
        self.servesMetrics = servesMetrics
    }

    private var network: String {
        "walrus://127.0.0.1:\(ledgerPort)/?genesis=\(genesis.networkID)"
    }

    /// This program's own file.
    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path

    /// Starts everything, and returns once everything answers.
    func start(_ pool: BlockingPool) async throws -> DevnetReport {
        try CommandFiles.files.makeDirectories(layout.directory + "/logs")
        // Nodes first: a ledger that was lost is restored from them.
        let nodes = try await withThrowingTaskGroup(
            of: (Int, DevnetReport.Process?).self
        ) { group in
            for index in layout.nodeNames.indices {
                group.addTask { (index, try await self.startNode(index, pool)) }
            }
            var started: [(Int, DevnetReport.Process)] = []
            for try await (index, process) in group {
                if let process { started.append((index, process)) }
            }
            return started.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let ledger = try await startLedger(pool)
        if isNew {
            try CommandFiles.files.writeFileAtomically(layout.directory + "/founded", [])
        }
        return DevnetReport(network: network, pid: getpid(), processes: [ledger] + nodes)
    }

    private func startLedger(_ pool: BlockingPool) async throws -> DevnetReport.Process {
        let name = DevnetLayout.ledgerName
        let pid = try await start(
            name,
            [
                "ledger", "--dir", layout.ledgerDirectory, "--key", layout.key(of: name),
                "--genesis", layout.genesis, "--listen", "127.0.0.1:\(ledgerPort)",
                "--log-level", logLevel, isNew ? "--create" : "--restore",
            ],
            pool
        )
        return DevnetReport.Process(
            role: "ledger",
            name: name,
            pid: pid,
            url: "https://127.0.0.1:\(ledgerPort)",
            directory: layout.ledgerDirectory
        )
    }

    /// Starts a node; nil when its directory is missing, which means that the node is down.
    private func startNode(
        _ index: Int,
        _ pool: BlockingPool
    ) async throws -> DevnetReport.Process? {
        let name = DevnetLayout.nodeName(index)
        let directory = layout.nodeDirectory(index)
        if !isNew, try !CommandFiles.files.exists(directory + "/node.json") {
            Terminal.writeError(
                "walrus: \(directory) is missing; the network goes on without \(name)\n"
            )
            return nil
        }
        let address = genesis.nodes[index].address
        let listen = String(address.dropFirst("https://".count))
        let pid = try await start(
            name,
            [
                "node", "--dir", directory, "--key", layout.key(of: name), "--genesis",
                layout.genesis, "--network", network, "--listen", listen, "--log-level",
                logLevel,
            ] + (isNew ? ["--create"] : []),
            pool
        )
        return DevnetReport.Process(
            role: "node",
            name: name,
            pid: pid,
            url: address,
            directory: directory
        )
    }

    private func start(
        _ name: String,
        _ arguments: [String],
        _ pool: BlockingPool
    ) async throws -> Int32 {
        let log = layout.log(of: name)
        // Said in either case: one address of the environment would not do for all of them.
        let own = ["--metrics", servesMetrics ? "127.0.0.1:0" : "", "--stop-with-parent"]
        do throws(DaemonError) {
            let process = try await pool.run { () throws(DaemonError) in
                try Daemon.start(
                    Self.program,
                    arguments + own,
                    log: log,
                    timeout: Self.startTimeout
                )
            }
            running.withLock { $0.append(Running(name: name, process: process)) }
            return process.id
        } catch {
            throw ServiceFailure("\(name) did not start: \(Self.describe(error, log: log))")
        }
    }

    private static func describe(_ error: DaemonError, log: String) -> String {
        switch error {
        case .system(let error): "\(error)"
        case .refused(let why): why
        case .died: "it ended without a word; see \(log)"
        case .timedOut: "it does not answer yet; see \(log)"
        }
    }

    /// Ends everything that was started: by signal, and by force what does not heed it.
    func stop(_ pool: BlockingPool) async {
        let all = running.withLock { running in
            defer { running = [] }
            return running
        }
        let ledger = all.filter { $0.name == DevnetLayout.ledgerName }
        let nodes = all.filter { $0.name != DevnetLayout.ledgerName }
        for processes in [nodes, ledger] {
            await pool.run { Self.end(processes.map(\.process)) }
        }
    }

    private static func end(_ processes: [ChildProcess]) {
        // A process that was killed already is where it should be.
        for process in processes { try? process.send(signal: SIGTERM) }
        let time = LinuxTimeSource()
        let deadline = time.uptime + stopTimeout
        var rest = processes
        while !rest.isEmpty, time.uptime < deadline {
            rest.removeAll { hasEnded($0) }
            if !rest.isEmpty { usleep(20_000) }
        }
        for process in rest {
            try? process.send(signal: SIGKILL)
            // Its status matters to nobody; that it is no zombie does.
            _ = try? process.wait()
        }
    }

    private static func hasEnded(_ process: ChildProcess) -> Bool {
        do {
            return try process.poll() != nil
        } catch {
            // There is nothing left to wait for.
            return true
        }
    }
}
