internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Testing

/// Directories that are not what they should be.
struct LedgerDirectoryTests {
    private func made(
        in folder: String,
        _ network: TestNetwork,
        blocks: Int = 2
    ) async throws -> String {
        let path = folder + "/ledger"
        let host = try await LedgerHost.create(
            path,
            genesis: network.genesis,
            network.options()
        )
        for number in 0..<blocks {
            _ = try await host.submit(network.transaction(UInt64(number)))
        }
        return path
    }

    private func open(_ path: String, _ network: TestNetwork) async throws -> LedgerHost {
        try await LedgerHost.open(
            path,
            network: network.genesis.networkID,
            network.options()
        )
    }

    @Test func aMissingAnExistingAndALockedLedgerAreNamed() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            await #expect(throws: LedgerStoreError.missing(path: folder + "/none")) {
                _ = try await open(folder + "/none", network)
            }
            let path = try await made(in: folder, network)
            await #expect(throws: LedgerStoreError.exists(path: path)) {
                _ = try await LedgerHost.create(
                    path,
                    genesis: network.genesis,
                    network.options()
                )
            }
            let host = try await open(path, network)
            await #expect(throws: LedgerStoreError.locked(path: path)) {
                _ = try await open(path, network)
            }
            _ = try await host.info()
        }
    }

    @Test func foreignNewerAndDamagedDirectoriesAreRefusedUntouched() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let other = try TestNetwork(salt: 2)
            let path = try await made(in: folder, network)
            do {
                _ = try await open(path, other)
                Issue.record("opened another network's ledger")
            } catch let error as LedgerStoreError {
                guard case .foreign = error else { throw error }
            }
            let format = path + "/format.json"
            let original = try String(contentsOfFile: format, encoding: .utf8)
            let cases: [(String, (LedgerStoreError) -> Bool)] = [
                (
                    original.replacing("\"ledger\"", with: "\"node\""),
                    { $0 == .foreign(path: path, found: "node") }
                ),
                (
                    original.replacing("\"minReader\" : 1", with: "\"minReader\" : 2"),
                    { $0 == .newer(path: path, needs: 2) }
                ),
                ("{", { if case .damaged = $0 { true } else { false } }),
            ]
            for (text, isExpected) in cases {
                try text.write(toFile: format, atomically: true, encoding: .utf8)
                do {
                    _ = try await open(path, network)
                    Issue.record("opened with \(text)")
                } catch let error as LedgerStoreError {
                    #expect(isExpected(error), "\(error)")
                }
            }
            // A ledger with blocks is not an unfinished one, format.json or not.
            try FileManager.default.removeItem(atPath: format)
            do {
                _ = try await LedgerHost.create(
                    path,
                    genesis: network.genesis,
                    network.options()
                )
                Issue.record("wrote over a ledger with blocks")
            } catch let error as LedgerStoreError {
                guard case .damaged = error else { throw error }
            }
            try original.write(toFile: format, atomically: true, encoding: .utf8)
            #expect(try await open(path, network).head()?.header.height == 2)
        }
    }

    @Test func theWrongKeyIsRefused() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = try await made(in: folder, network)
            var options = network.options()
            options.key = TestNetwork.key("other")
            await #expect(throws: LedgerStoreError.wrongKey) {
                _ = try await LedgerHost.open(
                    path,
                    network: network.genesis.networkID,
                    options
                )
            }
        }
    }

    @Test func lostAndOverwrittenDatabasesAreDamaged() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = try await made(in: folder, network)
            let database = path + "/ledger.db"
            for suffix in ["-wal", "-shm"] {
                // They are only there when the last connection did not clean up.
                try? FileManager.default.removeItem(atPath: database + suffix)
            }
            try Data(repeating: 0x55, count: 8192).write(to: URL(filePath: database))
            for _ in 0..<2 {
                do {
                    _ = try await open(path, network)
                    Issue.record("opened garbage")
                } catch let error as LedgerStoreError {
                    guard case .damaged = error else { throw error }
                }
                try? FileManager.default.removeItem(atPath: database)
            }
        }
    }

    @Test func anUnfinishedLedgerIsMadeAnew() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = try await made(in: folder, network, blocks: 0)
            try FileManager.default.removeItem(atPath: path + "/format.json")
            await #expect(throws: LedgerStoreError.missing(path: path)) {
                _ = try await open(path, network)
            }
            let host = try await LedgerHost.create(
                path,
                genesis: network.genesis,
                network.options()
            )
            _ = try await host.submit(network.transaction(1))
        }
    }
}
