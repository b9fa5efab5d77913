import BlobModel
import Codec
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// A mount that follows, and the chunks that move under it.
struct FollowedMoveTests {
    private static func read(
        _ world: FollowedWorld,
        _ handle: HandleNumber,
        _ count: Int
    ) async throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: count)
        let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
            try unsafe world.followed.read(handle, offset: 0, into: buffer)
        }
        switch outcome {
        case .bytes(let count): return Array(bytes.prefix(count))
        case .pending(let fetch): return try await fetch()
        }
    }

    /// It shows the checkpoint before the move for as long as that is kept, and files that it has
    /// open since then read on when it goes on, and the old pack is gone.
    @Test func aFollowerReadsWhatMovesBeforeAndAfter() async throws {
        let world = try await FollowedWorld()
        let volume = world.volume
        let contents = (1...3).map { noise(60_000, seed: UInt64($0)) }
        for (index, bytes) in contents.enumerated() {
            try volume.makeFile("keep-\(index)", bytes)
        }
        try volume.makeFile("goes", noise(350_000, seed: 9))
        try await world.checkpointer.sync()
        let packs = try volume.rows(of: .packs, from: [], to: nil, limit: 9)
        try #require(packs.count == 1)
        let blob = try #require(try PackRow(bcsBytes: packs[0].value ?? []).blob)
        try volume.unlink(.root, volume.name("goes"), context: someone)
        var made = 0
        func publish(_ collects: Bool) async throws {
            _ = try volume.makeDirectory(
                in: .root,
                volume.name("folder-\(made)"),
                permissions: 0o755,
                context: someone
            )
            made += 1
            if collects {
                _ = try await world.checkpointer.collect()
                world.ledger.endGrace()
            } else {
                try await world.checkpointer.sync()
            }
        }
        for _ in 0..<2 { try await publish(false) }
        try await world.follower.poll()
        let handles = try (0..<3).map { index in
            let inode = try world.followed.lookup(.root, volume.name("keep-\(index)")).inode
            return try world.followed.open(inode, flags: [.read], context: someone)
        }
        for _ in 0..<2 { try await publish(true) }
        #expect(await world.checkpointer.wasteReport().packsEmptied == 1)
        // It shows checkpoint 3 still, and the ledger is at 5.
        #expect(await world.follower.status().sequence == 3)
        #expect(try await Self.read(world, handles[0], 60_000) == contents[0])
        try await world.follower.poll()
        #expect(try await Self.read(world, handles[1], 60_000) == contents[1])
        #expect(world.blobs.blobs[blob] != nil)
        for _ in 0..<3 { try await publish(true) }
        #expect(world.blobs.blobs[blob] == nil)
        try await world.follower.poll()
        #expect(try await Self.read(world, handles[2], 60_000) == contents[2])
        for handle in handles { world.followed.release(handle) }
    }
}
