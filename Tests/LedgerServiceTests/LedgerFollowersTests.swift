internal import BlobModel
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Telemetry
internal import Testing

/// Blocks are in the logs of enough nodes before their transactions are acknowledged.
@Suite struct LedgerFollowersTests {
    private func node(_ byte: UInt8) -> NodeID {
        NodeID(bytes: [UInt8](repeating: byte, count: 32))
    }

    private func block(_ network: TestNetwork, _ folder: String) async throws -> Block {
        let host = try await LedgerHost.create(
            folder + "/source",
            genesis: network.genesis,
            network.options()
        )
        _ = try await host.submit(network.transaction(1))
        return try #require(
            try await host.blocks(from: 1, limit: 1, waitMilliseconds: 0).first
        )
    }

    @Test func aBlockWaitsForSoManyNodes() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let block = try await block(network, folder)
            // Its patience never ends, as nobody moves the clock.
            let followers = LedgerFollowers(needed: 2, time: network.time)
            for byte in UInt8(1)...3 { followers.heard(node(byte), has: 0) }
            async let stored: Void = followers.store(block)
            followers.heard(node(1), has: 1)
            // The same node twice is one node.
            followers.heard(node(1), has: 1)
            followers.heard(node(3), has: 5)
            try await stored
            #expect(followers.isKept)
            #expect(followers.unkept == 0)
            #expect(followers.all.map(\.height) == [1, 0, 5])
        }
    }

    @Test func withTooFewFollowersItGoesOnAndCountsIt() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let block = try await block(network, folder)
            let followers = LedgerFollowers(needed: 2, time: network.time)
            // After a start there is patience with those who have not asked yet.
            async let early: Void = followers.store(block)
            await network.time.waitForSleepers(1)
            network.time.advance(by: .seconds(6))
            try await early
            #expect(!followers.isKept)
            #expect(followers.unkept == 1)
            followers.heard(node(1), has: 0)
            try await followers.store(block)
            #expect(followers.unkept == 2)
            // Two that asked long ago are none.
            followers.heard(node(2), has: 0)
            network.time.advance(by: .seconds(91))
            try await followers.store(block)
            #expect(followers.unkept == 3)
            // They ask again, and have it.
            followers.heard(node(1), has: 1)
            followers.heard(node(2), has: 1)
            try await followers.store(block)
            #expect(followers.isKept)
            #expect(followers.unkept == 3)
        }
    }

    @Test func whoWasWaitedForInVainIsNotWaitedForAgain() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let block = try await block(network, folder)
            let followers = LedgerFollowers(
                needed: 1,
                time: LinuxTimeSource(),
                patience: .milliseconds(1)
            )
            followers.heard(node(1), has: 0)
            try await followers.store(block)
            #expect(followers.unkept == 1)
            // With a patience of its own this would hang if the node were waited for.
            let patient = LedgerFollowers(needed: 1, time: network.time)
            network.time.advance(by: .seconds(6))
            patient.heard(node(1), has: 0)
            async let first: Void = patient.store(block)
            await network.time.waitForSleepers(1)
            network.time.advance(by: .seconds(2))
            try await first
            try await patient.store(block)
            #expect(patient.unkept == 2)
        }
    }

    @Test func aHostAcknowledgesWhenItsFollowersHaveTheBlock() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let followers = LedgerFollowers(needed: 2, time: network.time)
            let host = try await LedgerHost.create(
                folder + "/ledger",
                genesis: network.genesis,
                network.options(sink: followers)
            )
            for byte in UInt8(1)...2 { followers.heard(node(byte), has: 0) }
            async let result = host.submit(network.transaction(1))
            let blocks = try await host.blocks(from: 1, limit: 9, waitMilliseconds: 60_000)
            #expect(blocks.count == 1)
            for byte in UInt8(1)...2 { followers.heard(node(byte), has: 1) }
            #expect(try await result.height == 1)
            #expect(followers.unkept == 0)
        }
    }

    @Test(arguments: [
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 4, 7), ([3, 3, 2, 2], 2, 3), ([1, 1, 1, 1], 2, 3),
        ([7, 1, 1, 1], 4, 1),
    ])
    func logsAreCountedByWeight(weights: [Int], logs: Int, answers: Int) throws {
        var next: UInt16 = 0
        let key = TestNetwork.key("k").publicKey
        let members = weights.enumerated().map { index, weight in
            defer { next += UInt16(weight) }
            return CommitteeMember(
                node: node(UInt8(index)),
                shards: Array(next..<next + UInt16(weight)),
                protocolKey: key,
                networkKey: key,
                address: "https://a:1"
            )
        }
        let committee = try Committee(epoch: 0, members: members)
        #expect(committee.logsNeeded == logs)
        #expect(committee.answersNeeded == answers)
        // Whichever nodes have the block and whichever answer, they have one in common.
        #expect(committee.logsNeeded + committee.answersNeeded > members.count)
    }
}

/// A ledger that runs and learns that nodes have more blocks than it.
@Suite struct MissingBlocksTests {
    /// A chain of so many blocks, and a ledger that has only the first of them.
    private func scene(
        _ folder: String,
        _ network: TestNetwork,
        blocks count: Int
    ) async throws -> (LedgerHost, [Block]) {
        let whole = try await LedgerHost.create(
            folder + "/whole",
            genesis: network.genesis,
            network.options()
        )
        for number in 0..<count {
            _ = try await whole.submit(network.transaction(UInt64(number)))
        }
        let blocks = try await whole.blocks(from: 1, limit: 256, waitMilliseconds: 0)
        let behind = try await LedgerHost.create(
            folder + "/behind",
            genesis: network.genesis,
            network.options()
        )
        _ = try await behind.takeMissing(from: [TestNode("first", Array(blocks.prefix(1)))])
        return (behind, blocks)
    }

    @Test func blocksAreHandedBackAndWaitersAreTold() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let (host, blocks) = try await scene(folder, network, blocks: 5)
            #expect(!host.isSaidToBeBehind)
            await #expect(throws: LedgerError.behind(height: 1)) {
                _ = try await host.blocks(from: 6, limit: 1, waitMilliseconds: 0)
            }
            #expect(host.isSaidToBeBehind)
            async let polled = host.blocks(from: 2, limit: 9, waitMilliseconds: 60_000)
            let silent = TestNode("silent", blocks)
            silent.setDown(true)
            let sources = [silent, TestNode("node", blocks)]
            #expect(try await host.takeMissing(from: sources) == 4)
            #expect(!host.isSaidToBeBehind)
            #expect(try await polled.count == 4)
            #expect(try await host.head()?.reference == blocks.last?.reference)
            // What was acknowledged before is known, and there is no fork.
            let known = try await host.submit(blocks[4].transactions[0])
            #expect(known.height == 5)
            #expect(try await host.submit(network.transaction(99)).height == 6)
        }
    }

    @Test func aClaimThatNobodyProvesIsForgotten() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let (host, blocks) = try await scene(folder, network, blocks: 2)
            _ = try? await host.blocks(from: .max, limit: 1, waitMilliseconds: 0)
            #expect(host.isSaidToBeBehind)
            let source = TestNode("node", Array(blocks.prefix(1)))
            #expect(try await host.takeMissing(from: [source]) == 0)
            #expect(!host.isSaidToBeBehind)
            #expect(try await host.submit(network.transaction(7)).height == 2)
        }
    }

    @Test func aLedgerThatHasForkedTakesNothingMore() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let (host, blocks) = try await scene(folder, network, blocks: 4)
            // It has gone on by itself before it heard of the others.
            #expect(try await host.submit(network.transaction(77)).height == 2)
            await #expect {
                _ = try await host.takeMissing(from: [TestNode("node", blocks)])
            } throws: { error in
                guard case .diverged? = error as? LedgerStoreError else { return false }
                return true
            }
            #expect(host.fault?.contains("height 2") == true)
            await #expect {
                _ = try await host.submit(network.transaction(78))
            } throws: { error in
                guard case .unavailable? = error as? LedgerError else { return false }
                return true
            }
            // It still answers.
            #expect(try await host.head()?.header.height == 2)
            let text = Exposition.text(await host.metrics())
            #expect(text.contains("walrus_ledger_ready 0\n"), "\(text)")
            #expect(text.contains("walrus_ledger_height 2\n"), "\(text)")
            #expect(text.contains("_transactions_total{outcome=\"succeeded\"} 1\n"), "\(text)")
            #expect(text.contains("_transactions_total{outcome=\"unavailable\"} 1\n"), "\(text)")
        }
    }

    @Test func pollsEndWhenTheLedgerIsAboutToStop() async throws {
        try await withFolder { folder in
            let network = try TestNetwork()
            let (host, _) = try await scene(folder, network, blocks: 1)
            async let early = host.blocks(from: 2, limit: 1, waitMilliseconds: 60_000)
            await network.time.waitForSleepers(1)
            host.endPolls()
            #expect(try await early.isEmpty)
            #expect(try await host.blocks(from: 2, limit: 1, waitMilliseconds: 60_000).isEmpty)
        }
    }
}

extension ManualTimeSource {
    /// Returns when so many tasks sleep.
    fileprivate func waitForSleepers(_ count: Int) async {
        while sleeperCount < count { await Task.yield() }
    }
}
