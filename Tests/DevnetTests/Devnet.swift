internal import Foundation
internal import TestSupport
internal import Testing

@testable internal import walrus

/// A running `walrus devnet`, below a test's scratch folder.
final class Devnet {
    struct Report: Decodable {
        struct Process: Decodable {
            let role: String
            let name: String
            let pid: Int32
            let url: String
            let directory: String
        }

        let network: String
        let pid: Int32
        let processes: [Process]
    }

    let directory: String
    private let scratch: Scratch
    private let process = Process()
    private(set) var report: Report

    /// Starts a devnet and waits until all of it answers.
    init(in scratch: Scratch, nodes: Int = 10, shards: Int? = nil) throws {
        self.scratch = scratch
        directory = scratch.path + "/net"
        process.executableURL = URL(filePath: Tool.products + "/walrus")
        process.arguments =
            ["devnet", "--dir", directory, "--nodes", String(nodes)]
            + (shards.map { ["--n-shards", String($0)] } ?? [])
        process.standardInput = FileHandle.nullDevice
        let log = scratch.path + "/devnet.log"
        try Data().write(to: URL(filePath: log))
        let output = FileHandle(forWritingAtPath: log)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        scratch.owns(process: process.processIdentifier)
        while true {
            // A devnet that was killed has left its report, which names another process.
            if let report = Self.report(in: directory), report.pid == process.processIdentifier {
                self.report = report
                break
            }
            guard process.isRunning else {
                let text = try String(contentsOfFile: log, encoding: .utf8)
                throw ToolFailure("devnet ended: \(text)")
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        for process in report.processes { scratch.owns(process: process.pid) }
    }

    private static func report(in directory: String) -> Report? {
        guard let data = FileManager.default.contents(atPath: directory + "/devnet.json") else {
            return nil
        }
        return try? JSONDecoder().decode(Report.self, from: data)
    }

    /// Ends one of the processes by force.
    func killNow(_ name: String) throws {
        guard let process = report.processes.first(where: { $0.name == name }) else {
            throw ToolFailure("there is no \(name)")
        }
        try Killing.now(process.pid)
    }

    /// Ends the devnet itself by force, and waits until what it started has noticed.
    func killItself() throws {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        for part in report.processes {
            while kill(part.pid, 0) == 0 { Thread.sleep(forTimeInterval: 0.05) }
        }
    }

    /// Ends the devnet as systemd would; returns its exit status.
    func stop() -> Int32 {
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Runs `walrus` with this network.
    func walrus(_ arguments: String...) throws -> ToolResult {
        try Tool.run("walrus", arguments, environment: environment)
    }

    /// The key file of one of the parts; the ledger's account is the administrator.
    func key(of name: String) -> String { directory + "/keys/\(name).key" }

    /// Registers and starts a node that is no part of the devnet's own.
    func join(_ name: String) async throws {
        let path = scratch.path + "/" + name
        let key = path + ".key"
        _ = try Tool.succeed("walrus", ["key", "new", key])
        let ports = try await FreePorts.onThisMachine().find(1)
        let address = "127.0.0.1:\(try #require(ports.first))"
        let registered = try walrus(
            "node",
            "register",
            "--key",
            key,
            "--name",
            name,
            "--address",
            "https://" + address,
            "--administrator",
            self.key(of: "ledger")
        )
        guard registered.status == 0 else { throw ToolFailure("\(registered)") }
        try run(
            name,
            ["node", "--create", "--key", key, "--dir", path, "--listen", address]
        )
    }

    /// Starts one of the devnet's own nodes again, which was ended.
    func start(_ name: String, at url: String) throws {
        let address = url.replacing("https://", with: "")
        try run(
            name,
            [
                "node", "--key", key(of: name), "--dir", directory + "/" + name, "--listen",
                address, "--genesis", directory + "/genesis.bcs",
            ]
        )
    }

    /// Runs a node on this network, and returns when it answers.
    private func run(_ name: String, _ arguments: [String]) throws {
        let node = Process()
        node.executableURL = URL(filePath: Tool.products + "/walrus")
        node.arguments = arguments + ["--network", report.network]
        node.standardInput = FileHandle.nullDevice
        let log = scratch.path + "/" + name + ".log"
        try Data().write(to: URL(filePath: log))
        let output = FileHandle(forWritingAtPath: log)
        node.standardOutput = output
        node.standardError = output
        try node.run()
        scratch.owns(process: node.processIdentifier)
        while true {
            let text = try String(contentsOfFile: log, encoding: .utf8)
            if text.contains("ready at") { return }
            guard node.isRunning else { throw ToolFailure("\(name) ended: \(text)") }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    /// Begins the next epoch, as soon as the shards of this one have come to their nodes.
    func advanceEpoch() throws {
        // Ends with the epoch; a hang is the test runner's to notice.
        while true {
            let result = try walrus("epoch", "advance", "--administrator", key(of: "ledger"))
            if result.status == 0 { return }
            guard result.errors.contains("epochChangeUnderWay") else {
                throw ToolFailure("\(result)")
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    var environment: [String: String] {
        ["WALRUS_NETWORK": report.network, "WALRUS_HOME": scratch.path + "/home"]
    }

    /// Runs `walrus` with this network, from any thread.
    var client: NetworkClient { NetworkClient(environment: environment) }

    func store(_ file: String) throws -> String { try client.store(file) }

    func reads(_ blob: String, as file: String) throws -> Bool {
        try client.reads(blob, as: file)
    }
}

/// Stores and reads with the `walrus` program.
struct NetworkClient: Sendable {
    let environment: [String: String]

    func walrus(_ arguments: String...) throws -> ToolResult {
        try Tool.run("walrus", arguments, environment: environment)
    }

    /// Stores a file and returns the blob's id.
    func store(_ file: String, epochs: Int = 1) throws -> String {
        let result = try walrus("store", "--json", "--epochs", String(epochs), file)
        guard result.status == 0 else { throw ToolFailure("\(result)") }
        struct Stored: Decodable {
            struct Result: Decodable {
                struct New: Decodable {
                    struct Object: Decodable { let blobId: String }
                    let blobObject: Object
                }
                struct Known: Decodable { let blobId: String }
                let newlyCreated: New?
                let alreadyCertified: Known?
            }
            let blobStoreResult: Result
        }
        let all = try JSONDecoder().decode([Stored].self, from: Data(result.output.utf8))
        guard let stored = all.first?.blobStoreResult,
            let id = stored.newlyCreated?.blobObject.blobId ?? stored.alreadyCertified?.blobId
        else { throw ToolFailure("\(result)") }
        return id
    }

    /// Reads a blob into a file, and says whether it is the same as another.
    func reads(_ blob: String, as file: String) throws -> Bool {
        let copy = file + ".copy"
        let result = try walrus("read", blob, "--out", copy)
        guard result.status == 0 else { throw ToolFailure("\(result)") }
        return try Data(contentsOf: URL(filePath: copy))
            == Data(contentsOf: URL(filePath: file))
    }
}

/// A file of so many bytes that do not repeat, the same at each run.
func makeFile(_ path: String, count: Int) throws -> String {
    var state: UInt64 = UInt64(count) &+ 0x9E37_79B9_7F4A_7C15
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for _ in 0..<count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(UInt8(truncatingIfNeeded: state >> 33))
    }
    try Data(bytes).write(to: URL(filePath: path))
    return path
}
