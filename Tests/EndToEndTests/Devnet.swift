internal import Foundation
internal import Glibc
internal import TestSupport
internal import Testing

/// A network whose parts are processes of their own.
struct Devnet {
    struct Member: Decodable {
        let role: String
        let pid: Int32
        let url: String
        let directory: String
    }

    private struct Report: Decodable {
        let processes: [Member]
        let network: String
    }

    let processes: [Member]
    let network: String
    private let supervisor: Process

    /// Starts one, or goes on with the one in `folder`; returns when all of it answers.
    static func start(_ fixture: Fixture, in folder: String) throws -> Devnet {
        try start(fixture, in: folder, nodes: 10, [])
    }

    /// Four nodes of ten shards together, as most tests want them; started again, it goes on.
    static func startSmall(_ fixture: Fixture, leasePatience: String? = nil) throws -> Devnet {
        try start(
            fixture,
            in: fixture.scratch.path + "/devnet",
            nodes: 4,
            ["--n-shards", "10"] + (leasePatience.map { ["--lease-patience", $0] } ?? [])
        )
    }

    private static func start(
        _ fixture: Fixture,
        in folder: String,
        nodes: Int,
        _ options: [String]
    ) throws -> Devnet {
        let devnet = Process()
        devnet.executableURL = URL(filePath: Tool.products + "/walrus")
        devnet.arguments = ["devnet", "--dir", folder, "--nodes", String(nodes)] + options
        devnet.standardOutput = FileHandle.nullDevice
        devnet.standardError = FileHandle.nullDevice
        try devnet.run()
        fixture.scratch.owns(process: devnet.processIdentifier)
        let file = folder + "/devnet.json"
        // It ends by itself when its parts do not answer.
        while devnet.isRunning, !FileManager.default.fileExists(atPath: file) { usleep(20_000) }
        let data = try #require(FileManager.default.contents(atPath: file), "devnet started")
        let report = try JSONDecoder().decode(Report.self, from: data)
        for member in report.processes { fixture.scratch.owns(process: member.pid) }
        return Devnet(
            processes: report.processes,
            network: report.network,
            supervisor: devnet
        )
    }

    /// Sends a signal to the ledger.
    func signalLedger(_ number: Int32) {
        for member in processes where member.role == "ledger" {
            #expect(Glibc.kill(member.pid, number) == 0)
        }
    }

    /// Sends a signal to the ledger and all nodes: SIGSTOP makes a network that does not answer.
    func signal(_ number: Int32) {
        for member in processes { #expect(Glibc.kill(member.pid, number) == 0) }
    }

    /// Kills all of it, whether it stands still or not.
    func kill(_ fixture: Fixture) {
        for member in processes { _ = Glibc.kill(member.pid, SIGKILL) }
        _ = Glibc.kill(supervisor.processIdentifier, SIGKILL)
        supervisor.waitUntilExit()
        fixture.scratch.disowns(process: supervisor.processIdentifier)
        for member in processes { fixture.scratch.disowns(process: member.pid) }
    }

    /// Ends all of it; what it has stored stays.
    func stop(_ fixture: Fixture) {
        supervisor.terminate()
        supervisor.waitUntilExit()
        fixture.scratch.disowns(process: supervisor.processIdentifier)
        for member in processes { fixture.scratch.disowns(process: member.pid) }
    }
}
