import BlobModel
import Codec
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// Packs of which little is needed are emptied, and nobody misses a byte
/// (`Docs/Decisions/0210-sparse-packs-are-emptied.md`).
struct MoveTests {
    @Test func aPackOfWhichLittleIsNeededIsEmptiedAndThenLetGoOf() async throws {
        let scene = try await SparseScene()
        let (world, blobs) = (scene.world, scene.blobs)
        #expect(try await scene.features() == .none)
        try await scene.collect()
        var report = await world.checkpointer.wasteReport()
        #expect(report.packsEmptied == 1 && report.movedBytes >= 100_000)
        #expect(try await scene.features() == .departures)
        #expect(try !SparseScene.packs(of: "keep", world).contains(scene.pack))
        // The two checkpoints before this one read the old pack.
        try await scene.collect()
        report = await world.checkpointer.wasteReport()
        #expect(report.emptied == 1 && report.emptiedBytes > 500_000)
        #expect(scene.ledger.retired[scene.blob] == nil)
        try await scene.collect()
        #expect(scene.ledger.retired[scene.blob] != nil)
        scene.ledger.endGrace()
        try await scene.collect()
        #expect(blobs.blobs[scene.blob] == nil)
        try await scene.collect()
        report = await world.checkpointer.wasteReport()
        #expect(report.packsEmptied == 1 && report.emptied == 0 && report.lastError == nil)
        #expect(try PlacementRows.pack(scene.pack, in: world.volume) == nil)
        // Later manifests keep it.
        #expect(try await scene.features() == .departures)
        #expect(try scene.disk.list("/state/moves") == [])
        let head = try #require(scene.ledger.head)
        let elsewhere = try await WasteOracle.attach(
            head.sequence,
            blobs: blobs,
            ledger: scene.ledger
        )
        #expect(try await elsewhere.describe() == world.describe())
        for table in [RowTable.slices, .sliceChunks, .chunks, .packs] {
            let here = try world.volume.rows(of: table, from: [], to: nil, limit: 1000)
            let there = try elsewhere.volume.rows(of: table, from: [], to: nil, limit: 1000)
            #expect(here == there, "\(table)")
        }
    }

    /// Also where blobs go as soon as they are retired.
    @Test func keptCheckpointsReadWhatWasMovedWhereItWas() async throws {
        let scene = try await SparseScene()
        try await scene.checkKept("before")
        for round in 0..<6 {
            try await scene.collect()
            scene.ledger.endGrace()
            try await scene.checkKept("round \(round)")
        }
        #expect(scene.blobs.blobs[scene.blob] == nil)
    }

    /// A pin holds the pack that it reads: nothing is moved out of that.
    @Test func whatAPinReadsIsNotMoved() async throws {
        let scene = try await SparseScene()
        // It has nothing that is not needed anyway, but reads it there.
        scene.ledger.pin([3])
        for _ in 0..<5 {
            try await scene.collect()
            scene.ledger.endGrace()
        }
        #expect(await scene.world.checkpointer.wasteReport().packsEmptied == 0)
        let pinned = try await WasteOracle.attach(3, blobs: scene.blobs, ledger: scene.ledger)
        #expect(try await pinned.describe() == scene.trees[3])
        scene.ledger.pin([])
        for _ in 0..<6 {
            try await scene.collect()
            scene.ledger.endGrace()
        }
        #expect(scene.blobs.blobs[scene.blob] == nil)
    }

    /// A pin of a checkpoint from before a move, made after it, keeps the old pack.
    @Test func aPinFromBeforeAMoveHoldsTheOldPack() async throws {
        let scene = try await SparseScene()
        try await scene.collect()
        scene.ledger.pin([3])
        for _ in 0..<6 {
            try await scene.collect()
            scene.ledger.endGrace()
        }
        let pinned = try await WasteOracle.attach(3, blobs: scene.blobs, ledger: scene.ledger)
        #expect(try await pinned.describe() == scene.trees[3])
    }

    @Test func atOnceItIsEmptiedAndGone() async throws {
        let scene = try await SparseScene()
        try await scene.publish { _ = try await $0.collect(immediately: true) }
        #expect(scene.blobs.blobs[scene.blob] == nil)
        let needed = try await WasteOracle.neededByHead(blobs: scene.blobs, ledger: scene.ledger)
        #expect(Set(scene.blobs.blobs.keys) == needed)
        let head = try #require(scene.ledger.head?.sequence)
        let elsewhere = try await WasteOracle.attach(
            head,
            blobs: scene.blobs,
            ledger: scene.ledger
        )
        #expect(try await elsewhere.describe() == scene.world.describe())
    }

    /// The log has the move: a view that is lost before it is published, or after, is made anew.
    @Test func aViewThatIsLostAfterAMoveIsMadeAnew() async throws {
        for afterPublication in [false, true] {
            let scene = try await SparseScene()
            try SparseScene.change(scene.world, 100)
            if !afterPublication {
                // Nothing more is published: the ledger answers, blobs are not taken.
                scene.blobs.refuseAfter(stores: 1)
            }
            _ = try? await scene.world.checkpointer.collect(patience: .zero)
            scene.blobs.refuseAfter(stores: nil)
            let tree = try await scene.world.describe()
            #expect(scene.ledger.head?.sequence == (afterPublication ? 4 : 3))
            #expect(try !SparseScene.packs(of: "keep", scene.world).contains(scene.pack))
            let paid = scene.blobs.paidCount
            let disk = scene.disk.kill()
            for suffix in ["", "-wal"] where try disk.exists("/state/volume.db" + suffix) {
                try disk.removeFile("/state/volume.db" + suffix)
            }
            let report = try await CheckpointWorld.rebuild(
                disk,
                blobs: scene.blobs,
                ledger: scene.ledger
            )
            #expect(report.check.isClean, "\(report.check.problems)")
            let world = try await CheckpointWorld(
                disk,
                .left,
                blobs: scene.blobs,
                ledger: scene.ledger
            )
            #expect(try !SparseScene.packs(of: "keep", world).contains(scene.pack))
            try SparseScene.change(world, 101)
            try await world.checkpointer.sync()
            // A delta and a manifest, or a base that has more packs; no contents once more.
            #expect(scene.blobs.paidCount <= paid + 3)
            for round in 0..<6 {
                try SparseScene.change(world, 110 + round)
                _ = try await world.checkpointer.collect()
                scene.ledger.endGrace()
            }
            #expect(scene.blobs.blobs[scene.blob] == nil)
            let head = try #require(scene.ledger.head?.sequence)
            let elsewhere = try await WasteOracle.attach(
                head,
                blobs: scene.blobs,
                ledger: scene.ledger
            )
            #expect(try await elsewhere.describe() == world.describe())
            let names = Set(try world.volume.list(.root).map(\.name))
            #expect(names.count > tree.count && names.contains(Array("keep".utf8)))
        }
    }

    /// Contents that come again are shared with where they are now, and revive what is dead.
    @Test func contentsThatComeAgainAreSharedWithWhatWasMoved() async throws {
        let scene = try await SparseScene()
        try await scene.collect()
        let home = try SparseScene.packs(of: "keep", scene.world)
        try scene.world.volume.makeFile("again", scene.keep)
        try scene.world.volume.makeFile("revived", scene.goes)
        try await scene.publish { try await $0.sync() }
        #expect(try SparseScene.packs(of: "again", scene.world) == home)
        #expect(try SparseScene.packs(of: "revived", scene.world) == [scene.pack])
        try scene.world.volume.unlink(.root, scene.world.volume.name("keep"), context: someone)
        for round in 0..<8 {
            try await scene.collect()
            scene.ledger.endGrace()
            try await scene.checkKept("round \(round)")
        }
    }

    // What can not be read.

    /// A pack of which a chunk is lost or rotten stays as it is, and the report says so.
    @Test(arguments: [false, true])
    func whatCanNotBeReadIsNeverMoved(_ isRotten: Bool) async throws {
        let scene = try await SparseScene()
        let bytes = try #require(scene.blobs.blobs[scene.blob])
        if isRotten { scene.blobs.rot(scene.blob) } else { scene.blobs.lose(scene.blob) }
        for _ in 0..<4 {
            try await scene.publish {
                let report = try await $0.collect()
                #expect(report.refused == 1 && report.packsEmptied == 0)
                #expect(report.refusal?.contains("pack \(scene.pack)") ?? false)
            }
            scene.ledger.endGrace()
        }
        #expect(try SparseScene.packs(of: "keep", scene.world) == [scene.pack])
        #expect(scene.ledger.retired[scene.blob] == nil)
        #expect(try scene.disk.list("/state/moves") == [])
        // Once it is there again, a person's wish moves it.
        scene.blobs.mend(scene.blob, bytes)
        try await scene.publish {
            let report = try await $0.collect()
            #expect(report.refused == 0 && report.packsEmptied == 1)
        }
        try await scene.checkKept("mended")
    }

    /// A sealed pack of a move that is left behind is stored once; one that rotted meanwhile is
    /// not believed.
    @Test(arguments: [false, true])
    func whatIsLeftOfAMoveIsVerifiedAndPaidOnce(_ isRotten: Bool) async throws {
        let scene = try await SparseScene()
        scene.blobs.refuseAfter(stores: 0)
        try SparseScene.change(scene.world, 400)
        _ = try? await scene.world.checkpointer.collect(patience: .zero)
        scene.blobs.refuseAfter(stores: nil)
        let left = try #require(try scene.disk.list("/state/moves").first)
        #expect(try SparseScene.packs(of: "keep", scene.world) == [scene.pack])
        if isRotten { scene.disk.rot("/state/moves/" + left, at: 5000, mask: 1) }
        for _ in 0..<6 {
            try await scene.collect()
            scene.ledger.endGrace()
        }
        try await scene.checkKept("left")
        let homes = try SparseScene.packs(of: "keep", scene.world)
        let id = try #require(UInt64(left, radix: 16))
        #expect(homes.contains(id) == !isRotten && !homes.contains(scene.pack))
        #expect(try scene.disk.list("/state/moves") == [])
    }

    /// A pool that is full is no reason that what nothing needs stays.
    @Test func aMoveThatCanNotBePaidHoldsUpNothing() async throws {
        let scene = try await SparseScene()
        scene.blobs.refuseAfter(stores: 0)
        try SparseScene.change(scene.world, 500)
        _ = try? await scene.world.checkpointer.collect(patience: .zero)
        #expect(try scene.disk.list("/state/moves").count == 1)
        scene.blobs.refuseAfter(stores: nil)
        try scene.world.volume.unlink(.root, scene.world.volume.name("keep"), context: someone)
        for _ in 0..<4 { try await scene.publish { try await $0.sync() } }
        // Only what a checkpoint itself is made of is taken now.
        scene.blobs.refuse { $0.starts(with: Array("WalrusFS".utf8) + [1]) }
        try SparseScene.change(scene.world, 501)
        await #expect(throws: CheckpointError.self) {
            try await scene.world.checkpointer.collect()
        }
        #expect(try PlacementRows.pack(scene.pack, in: scene.world.volume)?.state == .retired)
    }

    /// Who lies where bytes are asked for unverified is not believed, and not waited for.
    @Test func aLieIsAskedForOnceMoreAndNotMoved() async throws {
        let scene = try await SparseScene()
        scene.blobs.lieToCallers(true)
        try await scene.collect()
        #expect(await scene.world.checkpointer.wasteReport().packsEmptied == 1)
        scene.blobs.lieToCallers(false)
        try await scene.checkKept("after a lie")
    }

    /// A network that is gone ends the round, and nothing else.
    @Test func aNetworkThatIsGoneIsTriedAgain() async throws {
        let scene = try await SparseScene()
        for call in 1...14 {
            try SparseScene.change(scene.world, 200 + call)
            scene.blobs.plan.fail(at: call, forEver: false)
            _ = try? await scene.world.checkpointer.collect(patience: .zero)
            scene.blobs.plan.clear()
            let report = try scene.world.volume.check()
            #expect(report.isClean, "call \(call): \(report.problems)")
        }
        for round in 0..<6 {
            try await scene.collect()
            scene.ledger.endGrace()
            if round > 1 { try await scene.checkKept("round \(round)") }
        }
        #expect(scene.blobs.blobs[scene.blob] == nil)
        #expect(try scene.disk.list("/state/moves") == [])
    }

    /// A disk that fills up at any write of a round: nothing is lost, nothing half-written is
    /// believed, and it is done when there is room again.
    @Test func aDiskThatFillsUpDuringAMoveHoldsItUp() async throws {
        var metFullDisk = 0
        for growths in 0..<24 {
            let scene = try await SparseScene()
            try SparseScene.change(scene.world, 600)
            let tree = try await scene.world.describe()
            scene.disk.faults.growthsUntilFull = growths
            do {
                _ = try await scene.world.checkpointer.collect(patience: .zero)
            } catch {
                metFullDisk += 1
            }
            scene.disk.faults = DiskFaults()
            if scene.ledger.head?.sequence == 4 { scene.trees[4] = tree }
            try await scene.checkKept("full after \(growths)")
            for _ in 0..<6 {
                try await scene.collect()
                scene.ledger.endGrace()
            }
            try await scene.checkKept("full after \(growths), and room again")
            #expect(scene.blobs.blobs[scene.blob] == nil, "full after \(growths)")
            #expect(try scene.disk.list("/state/moves") == [], "full after \(growths)")
        }
        #expect(metFullDisk >= 8)
    }

    // What it costs.

    @Test func aMoveNeverFillsThePool() async throws {
        let scene = try await SparseScene()
        // Twice what begins a checkpoint by itself stays free for files.
        scene.ledger.setPool(capacity: 40_000_000, used: 16_000_000)
        try await scene.collect()
        #expect(await scene.world.checkpointer.wasteReport().packsEmptied == 0)
        scene.ledger.setPool(capacity: 40_000_000, used: 12_000_000)
        try await scene.collect()
        #expect(await scene.world.checkpointer.wasteReport().packsEmptied == 1)
    }

    /// What is in the cache is not fetched.
    @Test func bytesThatAreNearAreNotFetched() async throws {
        for usesCache in [false, true] {
            let scene = try await SparseScene()
            let world = try await CheckpointWorld(
                InMemoryFileSystem(),
                .attached,
                blobs: scene.blobs,
                ledger: scene.ledger,
                takesOver: true,
                usesCache: usesCache
            )
            _ = try await world.describe()
            try SparseScene.change(world, 300)
            let before = scene.blobs.bytesRead
            _ = try await world.checkpointer.collect()
            #expect(await world.checkpointer.wasteReport().packsEmptied == 1)
            let fetched = scene.blobs.bytesRead - before
            #expect(usesCache ? fetched < 50_000 : fetched >= 100_000, "\(fetched) bytes")
        }
    }

    /// A mount that remembers where a chunk was finds it when that pack is gone.
    @Test func aReaderThatRemembersTheOldPlaceFindsTheNewOne() async throws {
        let scene = try await SparseScene()
        var settings = PlacedReaderSettings()
        (settings.openedBytesMax, settings.blockBytesMax, settings.diskBytesMax) = (1, 1, 0)
        let reader = try NetworkPlacedReader(scene.world.environment, settings: settings)
        let extent = try #require(
            try scene.world.volume.rows(of: .extents, from: [], to: nil, limit: 1).first
        )
        let slice = try ExtentRow(bcsBytes: extent.value ?? []).slice
        #expect(try await reader.read(slice, offset: 0, length: 9000) == Array(scene.keep[..<9000]))
        try await scene.publish { _ = try await $0.collect(immediately: true) }
        #expect(scene.blobs.blobs[scene.blob] == nil)
        let end = try await reader.read(slice, offset: 90_000, length: 9000)
        #expect(end == Array(scene.keep[90_000..<99_000]))
    }

    /// Whatever comes and goes, what is paid stays within a multiple of what is needed, and then
    /// nothing more is moved.
    @Test func whatIsPaidIsBoundedByWhatIsNeeded() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await CheckpointWorld(
            InMemoryFileSystem(),
            .new,
            blobs: blobs,
            ledger: ledger
        )
        var random = TestRandom(state: 5)
        var names: [String] = []
        for round in 0..<30 {
            for file in 0..<4 {
                let length = 1 + Int(random.next() % 150_000)
                let name = "file-\(round)-\(file)"
                try world.volume.makeFile(name, noise(length, seed: random.next()))
                names.append(name)
            }
            while names.count > 12 {
                let name = names.remove(at: Int(random.next() % UInt64(names.count)))
                try world.volume.unlink(.root, world.volume.name(name), context: someone)
            }
            _ = try await world.checkpointer.collect()
            ledger.endGrace()
        }
        func settle(_ first: Int) async throws {
            for number in first..<first + 6 {
                try SparseScene.change(world, number)
                _ = try await world.checkpointer.collect()
                ledger.endGrace()
            }
        }
        try await settle(0)
        let packs = try world.volume.rows(of: .packs, from: [], to: nil, limit: 1000)
            .map { try PackRow(bcsBytes: $0.value ?? []) }
        let paid = packs.reduce(0) { $0 + (blobs.encodedLength(of: $1.length) ?? 0) }
        let chunks = try world.volume.rows(of: .inodes, from: [], to: nil, limit: 1000)
            .reduce(0) { $0 + (try InodeRow(bcsBytes: $1.value ?? [])).stored }
        let one = try #require(blobs.encodedLength(of: 600_000))
        #expect(paid <= 4 * 5 * chunks + 2 * one, "\(paid) paid for \(chunks) bytes")
        let report = await world.checkpointer.wasteReport()
        #expect(report.packsEmptied > 5)
        print("moves: \(report.movedBytes) bytes out of \(report.packsEmptied) packs,")
        print("moves: \(paid) encoded bytes are paid for \(chunks) bytes of files")
        try await settle(100)
        #expect(await world.checkpointer.wasteReport().packsEmptied == report.packsEmptied)
    }
}
