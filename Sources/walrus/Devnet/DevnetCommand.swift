internal import ArgumentParser
internal import BlobModel
internal import Foundation
internal import Glibc
internal import Ledger
internal import Logging
internal import SystemIO
internal import Transport

/// `walrus devnet`.
struct DevnetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devnet",
        abstract: "Run a whole network on this machine, each part a process of its own.",
        discussion: """
            Starts a ledger and storage nodes on free loopback ports, each with its own directory \
            (DIR/ledger, DIR/node-00 …), and writes DIR/devnet.json once all of them answer: the \
            role, pid, URL and directory of each, and the network's URL. SIGTERM or Control-C \
            stops all of it. On a directory that it has used before it goes on with that network.

              walrus devnet --dir /tmp/net &
              walrus store notes.txt --network "$(jq -r .network /tmp/net/devnet.json)"
              kill -9 PID_OF_A_NODE       # up to a third of the shards may be gone

            Exit codes: 0 stopped by a signal; 1 it could not start; 64 used wrongly.
            """
    )

    @Option(help: "The network's directory; made if missing.", completion: .directory)
    var dir: String

    @Option(help: "How many storage nodes a new network gets.")
    var nodes = 10

    @Option(
        name: .customLong("n-shards"),
        help: "How many shards a new network gets; as many as nodes unless given."
    )
    var shardCount: Int?

    @Option(
        name: .customLong("lease-patience"),
        help: "How long a mount of a new network has to answer for its lease: 500ms, 30s, 10m."
    )
    var leasePatience = Patience(duration: .seconds(30))

    @Option(
        name: .customLong("epoch-duration"),
        help: """
            How long an epoch of a new network lasts: 90s, 30m. Unless given, epochs end when \
            `walrus epoch advance` says so.
            """
    )
    var epochDuration: Patience?

    @Option(name: .customLong("log-level"), help: "The log level of the processes.")
    var logLevel = "notice"

    @Flag(help: "Have each process serve metrics at a free port, which its log names.")
    var metrics = false

    func validate() throws {
        guard (1...200).contains(nodes) else {
            throw ValidationError("A devnet has 1 to 200 nodes.")
        }
        guard (max(4, nodes)...1000).contains(shardCount ?? nodes) else {
            throw ValidationError(
                "There must be a shard for each node, at least 4 and at most 1000; use --n-shards."
            )
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("\(logLevel) is no log level.")
        }
    }

    func run() async throws {
        try await ServiceRunner.run { try await serve() }
    }

    private func serve() async throws {
        let path = URL(filePath: dir).standardizedFileURL.path
        let files = CommandFiles.files
        try files.makeDirectories(path)
        guard let lock = try files.lock(path + "/lock") else {
            throw ServiceFailure("another process runs a network in \(path)")
        }
        defer { lock.unlock() }
        let (layout, genesis, isNew) = try await prepare(path)
        // A report of an earlier run names processes that are others' by now.
        if try files.exists(layout.report) { try files.removeFile(layout.report) }
        let processes = DevnetProcesses(
            layout: layout,
            genesis: genesis,
            ledgerPort: try DevnetFounding.ledgerPort(of: layout),
            isNew: isNew,
            logLevel: logLevel,
            servesMetrics: metrics
        )
        let pool = BlockingPool(threads: 16, name: "devnet")
        do {
            let report = try await processes.start(pool)
            ShutdownSignal.arm()
            try write(report, to: layout.report)
            ServiceRunner.announce(
                """
                devnet ready: \(report.processes.count - 1) nodes and a ledger, \(layout.report)
                network \(report.network)
                """
            )
            await ShutdownSignal.wait()
        } catch {
            await processes.stop(pool)
            throw error
        }
        ServiceManager.notify("STOPPING=1")
        // Gone, or never there: nobody shall trust its pids.
        try? files.removeFile(layout.report)
        await processes.stop(pool)
    }

    /// Reads the network that is in the directory, or founds one.
    private func prepare(_ path: String) async throws -> (DevnetLayout, Genesis, isNew: Bool) {
        let files = CommandFiles.files
        if try files.exists(path + "/genesis.bcs") {
            let genesis = try GenesisFile.load(path + "/genesis.bcs")
            let layout = DevnetLayout(directory: path, nodeCount: genesis.nodes.count)
            guard try files.exists(layout.key(of: DevnetLayout.ledgerName)) else {
                throw ServiceFailure("\(path) holds a network that is no devnet")
            }
            // Until every directory was made once, making them is still part of the founding.
            let isNew = try !files.exists(path + "/founded")
            return (layout, genesis, isNew)
        }
        let layout = DevnetLayout(directory: path, nodeCount: nodes)
        try files.makeDirectories(path + "/keys")
        let genesis = try DevnetFounding(
            layout: layout,
            shardCount: shardCount ?? nodes,
            ports: try await FreePorts.onThisMachine().find(nodes + 1),
            patience: leasePatience.duration,
            epoch: epochDuration?.duration ?? .zero
        ).found()
        return (layout, genesis, true)
    }

    private func write(_ report: DevnetReport, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try CommandFiles.files.writeFileAtomically(
            path,
            Array(try encoder.encode(report)) + [0x0A]
        )
    }
}
