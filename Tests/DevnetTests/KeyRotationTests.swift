internal import Foundation
internal import Synchronization
internal import TestSupport
internal import Testing

/// Keys and prices that change while a network of real processes is used.
@Suite(.serialized) struct KeyRotationTests {
    private struct Standing: Decodable {
        let networkKey: String
        let protocolKey: String
        let nextProtocolKey: String?
        let shardIds: [Int]
    }

    private struct Rotated: Decodable {
        let networkKey: String
        let protocolKey: String
    }

    private struct Info: Decodable {
        struct Node: Decodable {
            let name: String
            let networkPublicKey: String
            let publicKey: String
            let status: String
        }

        struct Prices: Decodable {
            let storagePricePerUnitSize: UInt64
            let writePricePerUnitSize: UInt64
        }

        struct Network: Decodable { let capacity: UInt64 }

        let committeeInfo: [Node]
        let priceInfo: Prices
        let networkInfo: Network
    }

    private func decode<Value: Decodable>(
        _ net: Devnet,
        _ arguments: String...
    ) throws -> Value {
        let result = try Tool.run("walrus", arguments, environment: net.environment)
        guard result.status == 0 else { throw ToolFailure("\(arguments): \(result)") }
        return try JSONDecoder().decode(Value.self, from: Data(result.output.utf8))
    }

    /// Stores and reads until the flag is set; each must succeed.
    private final class Load: Sendable {
        let isOver = Atomic(false)

        func run(_ net: NetworkClient, _ folder: String) throws {
            var turn = 0
            while !isOver.load(ordering: .relaxed) {
                turn += 1
                let file = try makeFile("\(folder)/load-\(turn)", count: 2000 + 7919 * turn)
                #expect(try net.reads(try net.store(file, epochs: 20), as: file))
            }
            #expect(turn > 1, "The load must get somewhere, or it tests nothing.")
        }
    }

    /// The quorum needs the node whose keys change: with another one gone, nobody is left over.
    @Test func aRunningNodeGetsOtherKeysUnderLoad() async throws {
        try await Scratch.withAsync { scratch in
            let net = try Devnet(in: scratch, nodes: 4, shards: 10)
            let file = try makeFile(scratch.path + "/file", count: 50_000)
            let blob = try net.client.store(file, epochs: 20)
            try net.killNow("node-01")
            let key = net.key(of: "node-00")
            let before: Standing = try decode(net, "node", "standing", "--json", "--key", key)
            #expect(before.shardIds.count == 2)

            let client = net.client
            let load = Load()
            let folder = scratch.path
            let work = Task { try load.run(client, folder) }
            defer { load.isOver.store(true, ordering: .relaxed) }
            var rotated: Rotated = try decode(net, "node", "rotate", "--json", "--key", key)
            // A second time, before the first protocol key was of use.
            rotated = try decode(net, "node", "rotate", "--json", "--key", key)
            var now: Standing = try decode(net, "node", "standing", "--json", "--key", key)
            #expect(now.networkKey == rotated.networkKey && now.networkKey != before.networkKey)
            #expect(now.protocolKey == before.protocolKey)
            #expect(now.nextProtocolKey == rotated.protocolKey)
            try net.advanceEpoch()
            now = try decode(net, "node", "standing", "--json", "--key", key)
            #expect(now.protocolKey == rotated.protocolKey && now.nextProtocolKey == nil)
            // In the epoch of the new key, with clients that have heard of nothing else.
            let later = try makeFile(scratch.path + "/later", count: 60_000)
            let second = try client.store(later, epochs: 20)
            load.isOver.store(true, ordering: .relaxed)
            try await work.value

            #expect(try client.reads(blob, as: file))
            #expect(try client.reads(second, as: later))
            let info: Info = try decode(net, "info", "all", "--json")
            let node = try #require(info.committeeInfo.first { $0.name == "node-00" })
            #expect(node.status == "Active")
            #expect(node.networkPublicKey == rotated.networkKey)
            #expect(node.publicKey == rotated.protocolKey)
            #expect(net.stop() == 0)

            // A start finds the keys, too.
            let again = try Devnet(in: scratch, nodes: 4, shards: 10)
            try again.killNow("node-01")
            let last = try makeFile(scratch.path + "/last", count: 1000)
            #expect(try again.client.reads(try again.client.store(last), as: last))
            #expect(again.stop() == 0)
        }
    }

    @Test func theVotesOfAQuorumAreTheNextEpochsPrices() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch, nodes: 4, shards: 10)
            let before: Info = try decode(net, "info", "all", "--json")
            // Shards are dealt in runs of two and three: three nodes are a quorum, two are none.
            func vote(_ node: Int, _ arguments: String...) throws {
                let all = ["node", "vote", "--key", net.key(of: "node-0\(node)")] + arguments
                let result = try Tool.run("walrus", all, environment: net.environment)
                #expect(result.status == 0, "\(result)")
            }
            try vote(0, "--storage-price", "0", "--write-price", "0")
            try vote(1, "--storage-price", "0", "--capacity", "30000000")
            try vote(2, "--storage-price", "70", "--capacity", "40000000")
            try vote(3, "--storage-price", "90", "--capacity", "20000000")
            // What is not named stays as it was voted.
            try vote(3, "--write-price", "5")
            try net.advanceEpoch()
            let after: Info = try decode(net, "info", "all", "--json")
            #expect(after.priceInfo.storagePricePerUnitSize == 70)
            #expect(
                after.priceInfo.writePricePerUnitSize == before.priceInfo.writePricePerUnitSize
            )
            // Of a shard: what is now, 10,000,000, 20,000,000 and 10,000,000; seven offer that.
            #expect(after.networkInfo.capacity == 100_000_000)
            let nothing = try net.walrus("node", "vote", "--key", net.key(of: "node-00"))
            #expect(nothing.status == 64)
            let stranger = scratch.path + "/stranger.key"
            _ = try Tool.succeed("walrus", ["key", "new", stranger])
            let refused = try net.walrus("node", "vote", "--key", stranger, "--capacity", "1")
            #expect(refused.status == 1 && refused.errors.contains("no node with that key"))
            #expect(net.stop() == 0)
        }
    }
}
