internal import Foundation
internal import Ledger
internal import LedgerService
internal import Testing

/// A ledger whose process is killed while it works has all that it acknowledged.
struct KillTests {
    /// Both processes come to the same folder by the test process's number.
    static func folder(of process: Int32) -> String {
        FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
            + "/walrusfs-test-kill-\(process)"
    }

    @Test func aKilledLedgerHasAllThatItAcknowledged() async throws {
        let folder = Self.folder(of: getpid())
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: false
        )
        defer {
            // What is left over only takes room in a temporary folder.
            try? FileManager.default.removeItem(atPath: folder)
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            try await KillTests.workUntilKilled(in: KillTests.folder(of: getppid()))
        }
        let acknowledged = try String(contentsOfFile: folder + "/acknowledged", encoding: .utf8)
            .split(separator: "\n").compactMap { UInt64($0) }
        #expect(acknowledged.count >= 20)
        let network = try TestNetwork()
        let host = try await LedgerHost.open(
            folder + "/ledger",
            network: network.genesis.networkID,
            network.options()
        )
        for number in acknowledged {
            let digest = network.transaction(number).digest
            #expect(try await host.result(of: digest)?.outcome == .succeeded([.done]))
        }
        _ = try await host.verify()
        _ = try await host.submit(network.transaction(1_000_000))
    }

    /// Writes down each number after its transaction is acknowledged, and is killed amid others.
    static func workUntilKilled(in folder: String) async throws {
        let network = try TestNetwork()
        let host = try await LedgerHost.create(
            folder + "/ledger",
            genesis: network.genesis,
            network.options()
        )
        let path = folder + "/acknowledged"
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try #require(FileHandle(forWritingAtPath: path))
        try await withThrowingTaskGroup(of: UInt64.self) { group in
            for number in UInt64(0)..<60 {
                group.addTask {
                    _ = try await host.submit(network.transaction(number))
                    return number
                }
            }
            var count = 0
            for try await number in group {
                try file.write(contentsOf: Data("\(number)\n".utf8))
                count += 1
                if count == 20 { kill(getpid(), SIGKILL) }
            }
        }
    }
}
