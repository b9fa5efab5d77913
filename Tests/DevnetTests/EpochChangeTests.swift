internal import Foundation
internal import Synchronization
internal import TestSupport
internal import Testing

/// Epochs that change under load, in a network of real processes.
@Suite(.serialized) struct EpochChangeTests {
    /// What one process after another stores and reads while epochs change.
    private final class Load: Sendable {
        private struct State {
            var blobs: [(file: String, id: String)] = []
            var isOver = false
            var reads = 0
        }

        // Guards what was stored so far.
        private let state = Mutex(State())
        private let folder: String

        init(_ folder: String) { self.folder = folder }

        var blobs: [(file: String, id: String)] { state.withLock { $0.blobs } }

        func end() { state.withLock { $0.isOver = true } }

        /// Stores a further file; it must succeed.
        func store(_ net: NetworkClient, count: Int) throws {
            let file = try makeFile("\(folder)/file-\(count)", count: count)
            let id = try net.store(file, epochs: 20)
            state.withLock { $0.blobs.append((file, id)) }
        }

        /// Stores and reads by turns until ``end()``; each must succeed.
        func run(_ net: NetworkClient) throws {
            var turn = 0
            while !state.withLock({ $0.isOver }) {
                turn += 1
                try store(net, count: 3000 + 7919 * turn)
                let blob = blobs[turn * 31 % blobs.count]
                #expect(try net.reads(blob.id, as: blob.file), "turn \(turn)")
            }
            #expect(turn > 1, "The load must get somewhere, or it tests nothing.")
        }
    }

    private struct Standing: Decodable {
        let shardIds: [Int]
        let isCandidate: Bool
        let currentEpoch: Int
    }

    private func standing(_ net: Devnet, key: String) throws -> Standing {
        let result = try net.walrus("node", "standing", "--json", "--key", key)
        guard result.status == 0 else { throw ToolFailure("\(result)") }
        return try JSONDecoder().decode(Standing.self, from: Data(result.output.utf8))
    }

    @Test func aNodeJoinsAndAnotherLeavesUnderLoad() async throws {
        try await Scratch.withAsync { scratch in
            let net = try Devnet(in: scratch, nodes: 4, shards: 10)
            let load = Load(scratch.path)
            let client = net.client
            for count in [1, 70_000, 400_000] { try load.store(client, count: count) }
            try await net.join("joiner")
            let joiner = scratch.path + "/joiner.key"
            #expect(try standing(net, key: joiner).shardIds.isEmpty)

            let work = Task { try load.run(client) }
            defer { load.end() }
            try net.advanceEpoch()
            #expect(try standing(net, key: joiner).shardIds.count == 2)
            let leaver = net.key(of: "node-00")
            #expect(try net.walrus("node", "leave", "--key", leaver).status == 0)
            #expect(try !standing(net, key: leaver).isCandidate)
            for _ in 0..<3 { try net.advanceEpoch() }
            load.end()
            try await work.value

            let left = try standing(net, key: leaver)
            #expect(left.shardIds.isEmpty)
            #expect(left.currentEpoch == 4)
            #expect(try standing(net, key: joiner).shardIds.count >= 2)
            // It has no duties any more, and nobody misses it.
            try net.killNow("node-00")
            for blob in load.blobs { #expect(try net.reads(blob.id, as: blob.file)) }
            try load.store(client, count: 12_345)
            #expect(net.stop() == 0)
        }
    }
}
