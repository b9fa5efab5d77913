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
    static func start(
        _ fixture: Fixture,
        in folder: String,
        nodes: Int = 10,
        _ options: String...
    ) throws -> Devnet {
        try start(fixture, in: folder, nodes: nodes, options)
    }

    static func start(
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
