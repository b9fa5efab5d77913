internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Testing

/// A ledger rebuilt from the blocks that others kept.
struct LedgerRestoreTests {
    /// Blocks of a ledger that took so many transactions, `first` the number of the first.
    private func chain(
        _ network: TestNetwork,
        _ folder: String,
        count: Int,
        first: Int = 0
    ) async throws -> [Block] {
        let host = try await LedgerHost.create(
            folder + "/chain-\(first)-\(count)",
            genesis: network.genesis,
            network.options()
        )
        for number in first..<first + count {
            _ = try await host.submit(network.transaction(UInt64(number)))
        }
        return try await host.blocks(from: 1, limit: 256, waitMilliseconds: 0)
    }

    private func restore(
        _ path: String,
        _ network: TestNetwork,
        _ sources: [TestNode],
        answersMin: Int = 1
    ) async throws -> LedgerHost {
        let options = network.options()
        try await LedgerRestore.restore(
            path,
            genesis: network.genesis,
            from: sources,
            answersMin: answersMin,
            in: options.files,
            pool: options.pool
        )
        return try await LedgerHost.open(path, network: network.genesis.networkID, options)
    }

    @Test func theLongestChainIsTakenAndTheOldDirectoryKept() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let blocks = try await chain(network, folder, count: 9)
            let path = folder + "/ledger"
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: false
            )
            let torn = TestNode("torn", Array(blocks.prefix(4)) + [blocks[6]])
            let silent = TestNode("silent", blocks)
            silent.setDown(true)
            let host = try await restore(
                path,
                network,
                [TestNode("short", Array(blocks.prefix(3))), TestNode("all", blocks), torn, silent]
            )
            #expect(try await host.head()?.header.height == 9)
            #expect(try await network.balanceOfBob(host) == 9)
            #expect(
                try await host.result(of: blocks[8].transactions[0].digest)?.height == 9
            )
            _ = try await host.verify()
            #expect(try await host.submit(network.transaction(99)).height == 10)
            #expect(FileManager.default.fileExists(atPath: path + ".old-1"))
        }
    }

    /// Seed 59 of the simulation: a liar among the nodes held up a ledger for ever.
    @Test func whatASourceDoesNotGiveAfterAllComesFromTheNext() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let blocks = try await chain(network, folder, count: 4)
            let liar = TestNode("liar", blocks)
            // It is asked twice to see what it has.
            liar.repeatItself(after: 2)
            let shorter = TestNode("shorter", Array(blocks.prefix(3)))
            let host = try await restore(
                folder + "/ledger",
                network,
                [liar, shorter, TestNode("all", blocks)]
            )
            #expect(try await host.head()?.reference == blocks[3].reference)
            await host.close()
            // Where the liar alone has the last block, a restore says whose it is; a ledger that
            // starts goes on with the others'.
            liar.repeatItself(after: 2)
            do {
                _ = try await restore(folder + "/other", network, [liar, shorter])
                Issue.record("missed a block and did not say so")
            } catch LedgerStoreError.noSource(let why) {
                #expect(why.contains("liar"), "\(why)")
            }
            let behind = try await LedgerHost.create(
                folder + "/behind",
                genesis: network.genesis,
                network.options()
            )
            liar.repeatItself(after: 2)
            #expect(try await behind.takeMissing(from: [liar, shorter]) == 3)
            #expect(try await behind.head()?.reference == blocks[2].reference)
        }
    }

    @Test func chainsThatDivergeAreRefused() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let one = try await chain(network, folder, count: 3)
            let two = try await chain(network, folder, count: 4, first: 50)
            do {
                _ = try await restore(
                    folder + "/ledger",
                    network,
                    [TestNode("a", one), TestNode("b", two)]
                )
                Issue.record("chose between two chains")
            } catch let error as LedgerStoreError {
                guard case .diverged(height: 1, _, _) = error else { throw error }
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/ledger"))
        }
    }

    @Test func tooFewAnswersAreNotEnough() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let blocks = try await chain(network, folder, count: 2)
            let down = TestNode("down", blocks)
            down.setDown(true)
            do {
                _ = try await restore(
                    folder + "/ledger",
                    network,
                    [TestNode("up", blocks), down],
                    answersMin: 2
                )
                Issue.record("took one answer for two")
            } catch let error as LedgerStoreError {
                guard case .noSource = error else { throw error }
            }
            // After an interrupted attempt the next one starts clean.
            down.setDown(false)
            let host = try await restore(
                folder + "/ledger",
                network,
                [TestNode("up", blocks), down],
                answersMin: 2
            )
            #expect(try await host.head()?.header.height == 2)
        }
    }

    @Test func anOldBackupCatchesUpAndAForkIsRefused() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let path = folder + "/ledger"
            var host: LedgerHost? = try await LedgerHost.create(
                path,
                genesis: network.genesis,
                network.options()
            )
            _ = try await host?.submit(network.transaction(1))
            host = nil
            try FileManager.default.copyItem(atPath: path, toPath: folder + "/backup")
            try FileManager.default.copyItem(atPath: path, toPath: folder + "/fork")
            host = try await LedgerHost.open(
                path,
                network: network.genesis.networkID,
                network.options()
            )
            for number in 2..<6 {
                _ = try await host?.submit(network.transaction(UInt64(number)))
            }
            let blocks = try await host?.blocks(from: 1, limit: 99, waitMilliseconds: 0) ?? []
            let back = try await LedgerHost.open(
                folder + "/backup",
                network: network.genesis.networkID,
                network.options(),
                catchingUpFrom: [TestNode("node", blocks)]
            )
            #expect(try await back.head()?.reference == blocks.last?.reference)
            _ = try await back.verify()
            // A backup that went on by itself has parted from the nodes' chain.
            var fork: LedgerHost? = try await LedgerHost.open(
                folder + "/fork",
                network: network.genesis.networkID,
                network.options()
            )
            _ = try await fork?.submit(network.transaction(77))
            fork = nil
            do {
                _ = try await LedgerHost.open(
                    folder + "/fork",
                    network: network.genesis.networkID,
                    network.options(),
                    catchingUpFrom: [TestNode("node", blocks)]
                )
                Issue.record("took blocks of another chain")
            } catch let error as LedgerStoreError {
                guard case .diverged = error else { throw error }
            }
        }
    }

    @Test func followersGetEachBlockOnceAndStopAtALie() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            for number in 0..<5 { _ = try await host.submit(network.transaction(UInt64(number))) }
            var follower = LedgerFollower(genesis: network.genesis)
            var heights: [UInt64] = []
            while heights.count < 5 {
                for block in try await follower.next(from: host, limit: 2) {
                    heights.append(block.height)
                    follower.advance(past: block)
                }
                // A restart between any two batches.
                follower = LedgerFollower(genesis: network.genesis, from: follower.tip)
            }
            #expect(heights == [1, 2, 3, 4, 5])
            #expect(try await follower.next(from: host, waitMilliseconds: 0) == [])

            // A ledger with fewer blocks, and one with others.
            let shorter = try await LedgerHost.create(
                folder + "/short",
                genesis: network.genesis,
                network.options()
            )
            for number in 0..<4 {
                _ = try await shorter.submit(network.transaction(UInt64(number)))
            }
            var restarted = LedgerFollower(genesis: network.genesis, from: follower.tip)
            await #expect(
                throws: FollowError.ledgerIsBehind(
                    height: 4,
                    followed: follower.tip.reference
                )
            ) {
                _ = try await restarted.next(from: shorter, waitMilliseconds: 0)
            }
            let fifth = try await shorter.submit(network.transaction(99))
            let found = try await shorter.head()?.reference.hash
            #expect(fifth.height == 5)
            var again = LedgerFollower(genesis: network.genesis, from: follower.tip)
            await #expect(
                throws: FollowError.diverged(
                    from: follower.tip.reference,
                    found: found ?? BlockHash(bytes: [UInt8](repeating: 0, count: 32))
                )
            ) {
                _ = try await again.next(from: shorter, waitMilliseconds: 0)
            }
        }
    }

    @Test func aBlockThatIsNotTheChildIsNotDelivered() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let blocks = try await chain(network, folder, count: 3)
            var follower = LedgerFollower(genesis: network.genesis)
            #expect(throws: FollowError.self) { try follower.check([blocks[1]]) }
            #expect(throws: FollowError.self) { try follower.check([blocks[0], blocks[2]]) }
            #expect(try follower.check(blocks).count == 3)
        }
    }

    /// A node that was cut off: it takes the question, and never answers.
    private struct MuteNode: BlockSource {
        let name = "mute"

        func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
            try await Task.sleep(for: .seconds(3600))
            return []
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aStartDoesNotWaitForAMuteNodeWhenEnoughHaveAnswered() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let blocks = try await chain(network, folder, count: 5)
            let old = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options()
            )
            await old.close()
            let answering = (0..<3).map { TestNode("node-\($0)", blocks) }
            async let opened = LedgerHost.open(
                folder + "/ledger",
                network: network.genesis.networkID,
                network.options(),
                catchingUpFrom: answering + [MuteNode()]
            )
            while network.time.sleeperCount < 1 { await Task.yield() }
            network.time.advance(by: .seconds(1))
            let host = try await opened
            #expect(try await host.head()?.reference == blocks.last?.reference)
            await host.close()
        }
    }
}
