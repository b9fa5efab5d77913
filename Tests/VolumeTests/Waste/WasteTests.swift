import BlobModel
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// What nothing needs goes, and nothing else (`Docs/Decisions/0195-waste-is-found-by-looking.md`).
struct WasteTests {
    private static func world(
        _ blobs: InMemoryBlobStore,
        _ ledger: InMemoryLedger
    ) async throws -> CheckpointWorld {
        try await CheckpointWorld(InMemoryFileSystem(), .new, blobs: blobs, ledger: ledger)
    }

    private static func remove(_ name: String, _ world: CheckpointWorld) throws {
        try world.volume.unlink(.root, world.volume.name(name), context: someone)
    }

    @Test func aRemovedFileGoesAfterTheGraceAndNotBefore() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        try world.volume.makeFile("stays", noise(50_000, seed: 1))
        try await world.checkpointer.sync()
        try world.volume.makeFile("goes", noise(900_000, seed: 2))
        try await world.checkpointer.sync()
        let full = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        try Self.remove("goes", world)
        try await world.checkpointer.sync()
        // Three checkpoints are kept, so it takes as many that do not have it.
        for round in 0..<3 {
            let report = try await world.checkpointer.collect()
            #expect(report.deleted == 0)
            #expect(full.isSubset(of: blobs.blobs.keys), "round \(round)")
            try world.volume.makeFile("other-\(round)", [1])
        }
        #expect(try await world.checkpointer.collect().retired > 0)
        #expect(full.isSubset(of: blobs.blobs.keys))
        ledger.endGrace()
        let report = try await world.checkpointer.collect()
        #expect(report.deleted > 0)
        let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        #expect(!full.subtracting(needed).isSubset(of: blobs.blobs.keys))
        #expect(needed.isSubset(of: blobs.blobs.keys))
        let check = try world.volume.check()
        #expect(check.isClean, "\(check.problems)")
    }

    @Test func askedToAtOnceNothingButTheHeadStays() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        for round in 0..<5 {
            try world.volume.makeFile("file-\(round)", noise(400_000, seed: UInt64(round)))
            try await world.checkpointer.sync()
        }
        for round in 0..<4 { try Self.remove("file-\(round)", world) }
        _ = try await world.checkpointer.collect(immediately: true)
        #expect(
            Set(blobs.blobs.keys)
                == (try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger))
        )
        // The rows of what is gone go with the next checkpoint that looks.
        _ = try await world.checkpointer.collect(immediately: true)
        let packs = try world.volume.rows(of: .packs, from: [], to: nil, limit: 1000)
        #expect(packs.count == 1)
        #expect(try world.volume.rows(of: .slices, from: [], to: nil, limit: 1000).count == 1)
        #expect(try world.volume.rows(of: .sliceChunks, from: [], to: nil, limit: 1000).count <= 4)
        let elsewhere = try await WasteOracle.attach(
            ledger.head?.sequence ?? 0,
            blobs: blobs,
            ledger: ledger
        )
        #expect(try await elsewhere.describe() == world.describe())
        for table in [RowTable.slices, .sliceChunks, .chunks, .packs] {
            let here = try world.volume.rows(of: table, from: [], to: nil, limit: 1000)
            let there = try elsewhere.volume.rows(of: table, from: [], to: nil, limit: 1000)
            #expect(here == there, "\(table)")
        }
    }

    /// Contents that come back after their pack was retired get a pack of their own.
    @Test func nothingIsSharedWithWhatGoes() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        let bytes = noise(500_000, seed: 3)
        try world.volume.makeFile("first", bytes)
        try await world.checkpointer.sync()
        try Self.remove("first", world)
        for round in 0..<3 {
            try world.volume.makeFile("other-\(round)", [1])
            _ = try await world.checkpointer.collect()
        }
        #expect(!ledger.retired.isEmpty)
        try world.volume.makeFile("again", bytes)
        try await world.checkpointer.sync()
        ledger.endGrace()
        for _ in 0..<2 { _ = try await world.checkpointer.collect() }
        let elsewhere = try await WasteOracle.attach(
            ledger.head?.sequence ?? 0,
            blobs: blobs,
            ledger: ledger
        )
        #expect(try await elsewhere.describe() == world.describe())
    }

    /// A pinned checkpoint is whole, however old it is.
    @Test func whatAPinNeedsStays() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        try world.volume.makeFile("pinned", noise(300_000, seed: 4))
        try await world.checkpointer.sync()
        let tree = try await world.describe()
        let pinned = try #require(ledger.head?.sequence)
        ledger.pin([pinned])
        try Self.remove("pinned", world)
        for round in 0..<5 {
            try world.volume.makeFile("other-\(round)", noise(2000, seed: UInt64(round)))
            _ = try await world.checkpointer.collect(immediately: true)
            ledger.endGrace()
        }
        let elsewhere = try await WasteOracle.attach(pinned, blobs: blobs, ledger: ledger)
        #expect(try await elsewhere.describe() == tree)
        ledger.pin([])
        for _ in 0..<2 { _ = try await world.checkpointer.collect(immediately: true) }
        ledger.endGrace()
        for _ in 0..<2 { _ = try await world.checkpointer.collect(immediately: true) }
        let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        #expect(needed.isSubset(of: blobs.blobs.keys))
        #expect(blobs.blobs.count < needed.count + 4)
    }

    /// A file without a name that is still open keeps its bytes, though no checkpoint has it.
    @Test func anOpenFileWithoutANameKeepsItsBytes() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        let bytes = noise(300_000, seed: 5)
        let inode = try world.volume.makeFile("open", bytes)
        try await world.checkpointer.sync()
        let handle = try world.volume.open(inode, flags: [.read], context: someone)
        try Self.remove("open", world)
        for round in 0..<3 {
            try world.volume.makeFile("other-\(round)", [1])
            _ = try await world.checkpointer.collect(immediately: true)
        }
        let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        #expect(blobs.blobs.count > needed.count)
        world.volume.release(handle)
        while try world.volume.tick() {}
        try world.volume.makeFile("last", [1])
        for _ in 0..<2 { _ = try await world.checkpointer.collect(immediately: true) }
        let left = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        #expect(Set(blobs.blobs.keys) == left)
    }

    /// Another mount goes on where the first one left off.
    @Test func whoTakesOverGoesOn() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await Self.world(blobs, ledger)
        try world.volume.makeFile("goes", noise(400_000, seed: 6))
        try await world.checkpointer.sync()
        try Self.remove("goes", world)
        try await world.checkpointer.sync()
        let other = try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: blobs,
            ledger: ledger,
            mountKey: ModelWorld.otherKey,
            takesOver: true
        )
        // The first mount's word counts no more, nor does it harm.
        try? await world.checkpointer.releaseWaste(immediately: true)
        #expect(ledger.retired.isEmpty)
        try other.volume.makeFile("new", [1])
        _ = try await other.checkpointer.collect(immediately: true)
        let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
        #expect(Set(blobs.blobs.keys) == needed)
    }
}
