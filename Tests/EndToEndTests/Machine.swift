internal import Foundation
internal import TestSupport
internal import Testing

/// Another machine: its own home, mountpoint and, once attached, state.
struct Machine {
    let fixture: Fixture
    let home: String
    let mountpoint: String

    init(_ fixture: Fixture, _ name: String) throws {
        self.fixture = fixture
        home = try fixture.scratch.folder("home-" + name)
        mountpoint = try fixture.scratch.folder("mnt-" + name)
    }

    var environment: [String: String] { ["WALRUSFS_HOME": home] }

    func run(_ arguments: String...) throws -> ToolResult {
        try Tool.run("walrusfs", arguments, environment: environment)
    }

    @discardableResult
    func walrusfs(_ arguments: String...) throws -> String {
        try Tool.succeed("walrusfs", arguments, environment: environment)
    }

    @discardableResult
    func script(_ text: String) throws -> String { try Tool.script(text, in: mountpoint) }

    /// Brings the fixture's volume here; `options` are those of attach, of whose key they decide.
    func attach(_ network: String, readOnly: Bool = false, _ options: String...) throws {
        let key = fixture.scratch.path + "/key" + (readOnly ? "-reader" : "")
        try Tool.succeed(
            "walrusfs",
            ["key", "export"] + (readOnly ? ["--read-only"] : []) + ["volume"],
            environment: fixture.environment
        )
        .write(toFile: key, atomically: true, encoding: .utf8)
        let arguments = ["attach", "--network", network, "--key-file", key] + options + ["volume"]
        let result = try Tool.run("walrusfs", arguments, environment: environment)
        #expect(result.status == 0, "\(result)")
    }

    func status() throws -> MountStatus {
        let text = try walrusfs("status", mountpoint, "--json")
        return try JSONDecoder().decode(MountStatus.self, from: Data(text.utf8))
    }
}

extension Fixture {
    func status() throws -> MountStatus {
        let text = try walrusfs("status", mountpoint, "--json")
        return try JSONDecoder().decode(MountStatus.self, from: Data(text.utf8))
    }
}

/// What `status --json` says, as far as tests look at it.
struct MountStatus: Decodable {
    struct Following: Decodable {
        let head: UInt64
    }

    let sequence: UInt64
    let stopped: String?
    let waitingFor: String?
    let lastError: String?
    let unpublishedBytes: UInt64
    let following: Following?
}

/// Waits for something that must come; only a hang reaches the bound.
func wait(for what: String, _ isThere: () throws -> Bool) throws {
    for _ in 0..<1200 {
        if try isThere() { return }
        usleep(100_000)
    }
    throw ToolFailure("waited for two minutes: \(what)")
}
