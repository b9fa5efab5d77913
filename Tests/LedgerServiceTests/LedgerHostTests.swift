internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Testing

struct LedgerHostTests {
    @Test func whatIsAcknowledgedIsThereAfterOpeningAgain() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = folder + "/ledger"
            var results: [TransactionResult] = []
            for round in 0..<4 {
                let host =
                    round == 0
                    ? try await LedgerHost.create(
                        path,
                        genesis: network.genesis,
                        network.options()
                    )
                    : try await LedgerHost.open(
                        path,
                        network: network.genesis.networkID,
                        network.options()
                    )
                #expect(try await host.genesis() == network.genesis)
                for result in results {
                    #expect(try await host.result(of: result.digest) == result)
                }
                for number in 0..<3 {
                    let transaction = network.transaction(UInt64(round * 10 + number))
                    let result = try await host.submit(transaction)
                    #expect(result.outcome == .succeeded([.done]))
                    results.append(result)
                    #expect(try await host.submit(transaction) == result)
                }
                #expect(try await host.head()?.header.height == UInt64(results.count))
            }
            #expect(results.map(\.height) == Array(1...12))
            let host = try await LedgerHost.open(
                path,
                network: network.genesis.networkID,
                network.options()
            )
            #expect(try await network.balanceOfBob(host) == 12)
            let report = try await host.verify()
            #expect(report.transactions == 12)
            #expect(report.tip.reference.height == 12)
        }
    }

    @Test func aClosedHostRefusesAndItsDirectoryIsFree() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = folder + "/ledger"
            let host = try await LedgerHost.create(
                path,
                genesis: network.genesis,
                network.options()
            )
            _ = try await host.submit(network.transaction(1))
            await host.close()
            await #expect(throws: LedgerError.self) { try await host.info() }
            await #expect(throws: LedgerError.self) {
                try await host.submit(network.transaction(2))
            }
            let next = try await LedgerHost.open(
                path,
                network: network.genesis.networkID,
                network.options()
            )
            #expect(try await next.head()?.header.height == 1)
        }
    }

    /// Copying the files while the host runs is what a crash leaves.
    @Test func aCopyTakenAtAnyMomentOpensAndHoldsWhatWasAcknowledged() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            for number in 0..<8 {
                _ = try await host.submit(network.transaction(UInt64(number)))
                let copy = folder + "/copy-\(number)"
                try FileManager.default.copyItem(atPath: folder + "/ledger", toPath: copy)
                let opened = try await LedgerHost.open(
                    copy,
                    network: network.genesis.networkID,
                    network.options()
                )
                #expect(try await network.balanceOfBob(opened) == UInt64(number) + 1)
                // And goes on by itself.
                _ = try await opened.submit(network.transaction(UInt64(100 + number)))
                _ = try await opened.verify()
            }
        }
    }

    @Test func waitingTransactionsShareBlocks() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            let results = try await withThrowingTaskGroup(of: TransactionResult.self) { group in
                for number in 0..<100 {
                    group.addTask { try await host.submit(network.transaction(UInt64(number))) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(results.map(\.digest)).count == 100)
            #expect(try await network.balanceOfBob(host) == 100)
            let head = try await host.head()?.header.height ?? 0
            #expect(head < 100, "Some of a hundred callers at once must share a block.")
            #expect(try await host.verify().transactions == 100)
        }
    }

    @Test func rejectedAndFailedAreToldApart() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            let good = network.transaction(1)
            let forged = SignedTransaction(
                transaction: good.transaction,
                key: good.key,
                signature: Signature(bytes: [UInt8](repeating: 0, count: 64))
            )
            await #expect(throws: LedgerError.rejected(.badSignature)) {
                _ = try await host.submit(forged)
            }
            #expect(try await host.head() == nil)
            let bob = Address(of: TestNetwork.key("bob").publicKey)
            let poor = network.transaction(2, [.transfer(to: bob, amount: 5000)])
            let failure = ExecutionFailure.insufficientBalance(needed: 5000, available: 1000)
            #expect(
                try await host.submit(poor).outcome == .failed(command: 0, failure)
            )
            await #expect(throws: LedgerError.executionFailed(command: 0, failure)) {
                _ = try await host.execute(poor)
            }
            #expect(try await host.head()?.header.height == 1)
        }
    }

    @Test func pollsWaitForTheNextBlockOrTheTime() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            #expect(try await host.blocks(from: 1, limit: 9, waitMilliseconds: 0) == [])
            await #expect(throws: LedgerError.behind(height: 0)) {
                _ = try await host.blocks(from: 2, limit: 9, waitMilliseconds: 0)
            }
            async let waited = host.blocks(from: 1, limit: 9, waitMilliseconds: 10_000)
            while network.time.sleeperCount == 0 { await Task.yield() }
            _ = try await host.submit(network.transaction(1))
            #expect(try await waited.map(\.height) == [1])

            async let inVain = host.blocks(from: 2, limit: 9, waitMilliseconds: 10_000)
            while network.time.sleeperCount == 0 { await Task.yield() }
            network.time.advance(by: .seconds(10))
            #expect(try await inVain == [])

            let cancelled = Task {
                try await host.blocks(from: 2, limit: 9, waitMilliseconds: 10_000)
            }
            while network.time.sleeperCount == 0 { await Task.yield() }
            cancelled.cancel()
            #expect(try await cancelled.value == [])
            for number in UInt64(2)..<6 {
                _ = try await host.submit(network.transaction(number))
            }
            #expect(
                try await host.blocks(from: 2, limit: 3, waitMilliseconds: 0).map(\.height)
                    == [2, 3, 4]
            )
        }
    }

    @Test func nothingIsAcknowledgedBeforeTheSinkHasIt() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let node = TestNode()
            let path = folder + "/ledger"
            var host: LedgerHost? = try await LedgerHost.create(
                path,
                genesis: network.genesis,
                network.options(sink: node)
            )
            _ = try await host?.submit(network.transaction(1))
            #expect(node.blocks.map(\.height) == [1])
            node.setDown(true)
            let second = network.transaction(2)
            do {
                _ = try await host?.submit(second)
                Issue.record("acknowledged what only the ledger has")
            } catch let error as LedgerError {
                guard case .outcomeUnknown = error else { throw error }
            }
            // Nothing new is proposed until the sink has what there is.
            do {
                _ = try await host?.submit(network.transaction(3))
                Issue.record("went on without the sink")
            } catch let error as LedgerError {
                guard case .unavailable = error else { throw error }
            }
            // Not after a restart either; then the block is handed over first.
            host = nil
            node.setDown(false)
            host = try await LedgerHost.open(
                path,
                network: network.genesis.networkID,
                network.options(sink: node)
            )
            #expect(try await host?.submit(second).height == 2)
            #expect(node.blocks.map(\.height) == [1, 2])
            _ = try await host?.submit(network.transaction(3))
            #expect(node.blocks.map(\.height) == [1, 2, 3])
        }
    }

    @Test func epochsAdvanceWhenDue() async throws {
        try await withFolder { folder in
            let network = try TestNetwork(rules: GenesisRules(epochDurationMilliseconds: 1000))
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            let entropy = SeededEntropy(seed: 1)
            #expect(try await !host.advanceEpochIfDue(entropy: entropy))
            network.time.advance(by: .seconds(5))
            #expect(try await host.advanceEpochIfDue(entropy: entropy))
            #expect(try await !host.advanceEpochIfDue(entropy: entropy))
            #expect(try await host.info().epoch == 1)
        }
    }
}
