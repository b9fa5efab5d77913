import BlobModel
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

struct FollowerTests {
    /// A file that stays open, and what it has.
    private struct Kept {
        let open: KernelModel.OpenHandle
        let bytes: [UInt8]
        let inode: InodeNumber
    }

    /// After each checkpoint the tree is the writer's, seen through all that a kernel remembers,
    /// and files that are open are as they were when they were opened.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func whatIsFollowedIsTheWritersTree(seed: UInt64) async throws {
        var random = TestRandom(state: seed &* 7_919)
        let world = try await FollowedWorld()
        let kernel = world.kernel
        var kept: [Kept] = []
        for round in 0..<14 {
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                try world.run.perform(random.operation())
            }
            try await world.checkpointer.sync()
            // Now and then several at once, or an attempt that fails in the middle.
            if random.next() % 4 == 0 { continue }
            if random.next() % 3 == 0 {
                world.plan.fail(at: Int.random(in: 1...6, using: &random), forEver: false)
                _ = try? await world.follower.poll()
                world.plan.clear()
            }
            try await world.follower.poll()
            #expect(try await kernel.describe() == world.run.root.describe(), "round \(round)")
            #expect(await world.follower.status().sequence == world.ledger.head?.sequence)
            for file in kept {
                #expect(try await kernel.read(file.open) == file.bytes, "round \(round)")
                let fresh = try await kernel.read(file.open, bypassing: true)
                #expect(fresh == file.bytes, "round \(round)")
                let attributes = try world.followed.attributes(of: file.open.edition)
                #expect(attributes.inode == file.inode)
                #expect(Int(attributes.size) == file.bytes.count)
            }
            if kept.count > 3 {
                let leaving = kept.remove(at: Int(random.next() % UInt64(kept.count)))
                kernel.close(leaving.open)
            }
            let files = try kernel.files().sorted { $0.key < $1.key }
            if let (_, edition) = files.randomElement(using: &random) {
                let open = try kernel.open(edition)
                let inode = try kernel.attributes(of: edition).inode
                let bytes = try await kernel.read(open)
                kept.append(Kept(open: open, bytes: bytes, inode: inode))
            }
        }
        try await world.follower.poll()
        for file in kept {
            #expect(try await kernel.read(file.open, bypassing: true) == file.bytes)
            kernel.close(file.open)
        }
        #expect(!world.followed.isAnythingKept)
        // It never asked for anything.
        #expect(world.ledger.lease.holder == ModelWorld.mountKey)
        #expect(world.ledger.lease.claim == nil)
        // Another who comes now sees the same, and totals.
        let used = try world.followed.statistics()
        let real = try world.volume.statistics()
        #expect(used.inodesUsed == real.inodesUsed && used.bytesFree == real.bytesFree)
        try await world.remount()
        #expect(try await world.kernel.describe() == world.run.root.describe())
    }

    @Test func aFileThatIsRewrittenInPlaceHasTwoEditionsWhileItIsOpen() async throws {
        let world = try await FollowedWorld()
        let old = noise(300_000, seed: 1)
        let inode = try world.volume.makeFile("file", old)
        try await world.checkpointer.sync()
        try await world.follower.poll()
        let kernel = world.kernel
        let before = try kernel.lookup(.root, Array("file".utf8))
        let first = try kernel.open(before)
        let second = try kernel.open(before)
        // What was read is the page cache of everybody who has it open.
        #expect(try await kernel.read(first) == old)

        let new = noise(200_000, seed: 2)
        let handle = try world.volume.open(inode, flags: [.write, .truncate], context: someone)
        try world.volume.write(handle, 0, new)
        world.volume.release(handle)
        try await world.checkpointer.sync()
        #expect(try await world.follower.poll())
        let after = try kernel.lookup(.root, Array("file".utf8))
        #expect(after != before)
        #expect(try kernel.attributes(of: after).inode == inode)
        let third = try kernel.open(after)
        for _ in 0..<2 {
            #expect(try await kernel.read(third, bypassing: true) == new)
            #expect(try await kernel.read(first, bypassing: true) == old)
            #expect(try await kernel.read(second, bypassing: true) == old)
        }
        // The old one is there as long as somebody has it.
        #expect(try world.followed.attributes(of: before).size == 300_000)
        kernel.close(first)
        #expect(try await kernel.read(second, bypassing: true) == old)
        kernel.close(second)
        #expect(throws: VolumeError.stale) { try world.followed.attributes(of: before) }
        #expect(throws: VolumeError.stale) {
            try world.followed.open(before, flags: [.read], context: someone)
        }
        kernel.close(third)
    }

    @Test func aFileThatIsRemovedStaysReadableWhileItIsOpen() async throws {
        let world = try await FollowedWorld()
        let bytes = noise(100_000, seed: 3)
        try world.volume.makeFile("file", bytes)
        try await world.checkpointer.sync()
        try await world.follower.poll()
        let edition = try world.kernel.lookup(.root, Array("file".utf8))
        let open = try world.kernel.open(edition)
        try world.volume.unlink(.root, Array("file".utf8), context: someone)
        try await world.checkpointer.sync()
        try await world.follower.poll()
        #expect(throws: VolumeError.notFound) {
            try world.kernel.lookup(.root, Array("file".utf8))
        }
        #expect(try await world.kernel.read(open, bypassing: true) == bytes)
        world.kernel.close(open)
        #expect(throws: VolumeError.stale) { try world.followed.attributes(of: edition) }
    }

    @Test func onlyWhatIsNewIsFetched() async throws {
        let world = try await FollowedWorld(deltasMax: 64)
        for number in 0..<2000 { try world.volume.makeFile("file-\(number)") }
        try await world.checkpointer.sync()
        try await world.follower.poll()
        let whole = world.blobs.bytesRead
        try world.volume.makeFile("one")
        try await world.checkpointer.sync()
        let before = world.blobs.bytesRead
        try await world.follower.poll()
        #expect(world.blobs.bytesRead - before < whole / 10)
        #expect(try world.kernel.lookup(.root, Array("one".utf8)) != .root)
    }

    @Test func aNetworkThatIsGoneLeavesTheLastCheckpointAndAnOldHeadIsRefused() async throws {
        let world = try await FollowedWorld()
        try world.volume.makeFile("first", [1, 2, 3])
        try await world.checkpointer.sync()
        let early = InMemoryLedger(copying: world.ledger)
        try world.volume.makeFile("second", [4, 5, 6])
        try await world.checkpointer.sync()
        try await world.follower.poll()
        let tree = try await world.kernel.describe()
        #expect(tree.count == 2)

        world.plan.fail(at: 1, forEver: true)
        await #expect(throws: FollowerError.checkpoint(.heads(.unavailable("planned")))) {
            try await world.follower.poll()
        }
        #expect(try await world.kernel.describe() == tree)
        #expect(await world.follower.status().lastError != nil)
        // Also mounted again: names are here.
        try await world.remount()
        #expect(try world.kernel.files().count == 2)
        world.plan.clear()
        try await world.follower.poll()
        #expect(await world.follower.status().lastError == nil)

        try await world.remount(ledger: early)
        await #expect(throws: FollowerError.headWentBack(to: 1, from: 2)) {
            try await world.follower.poll()
        }
        #expect(try await world.kernel.describe() == tree)
    }

    @Test func nothingIsWritten() async throws {
        let world = try await FollowedWorld()
        try world.volume.makeFile("file", [1])
        try await world.checkpointer.sync()
        try await world.follower.poll()
        let followed = world.followed
        let file = try world.kernel.lookup(.root, Array("file".utf8))
        let name = Array("new".utf8)
        #expect(throws: VolumeError.readOnly) {
            try followed.open(file, flags: [.read, .write], context: someone)
        }
        #expect(throws: VolumeError.readOnly) {
            try followed.open(file, flags: [.read, .truncate], context: someone)
        }
        #expect(throws: VolumeError.readOnly) {
            try followed.makeDirectory(in: .root, name, permissions: 0o755, context: someone)
        }
        #expect(throws: VolumeError.readOnly) {
            try followed.unlink(.root, Array("file".utf8), context: someone)
        }
        #expect(throws: VolumeError.readOnly) {
            try followed.setAttributes(
                of: file,
                AttributeChanges(),
                handle: nil,
                context: someone
            )
        }
        #expect(throws: VolumeError.readOnly) {
            try followed.setExtendedAttribute(
                of: file,
                Array("user.a".utf8),
                [1],
                mode: .createOrReplace,
                context: someone
            )
        }
    }

    @Test func aVolumeThatWasNeverPublishedHasNothingToFollow() async throws {
        let world = try await FollowedWorld()
        await #expect(throws: FollowerError.checkpoint(.neverPublished)) {
            try await world.follower.poll()
        }
    }

    /// Placement that newer checkpoints do without is there as long as a file of an older one is.
    @Test func placementOutlivesItsCheckpointWhileAnythingIsKept() throws {
        let loader = try CheckpointLoader(":memory:")
        let key = RowKey.number(7)
        let row = RowImage(table: RowTable.packs.rawValue, key: key, value: [1, 2, 3])
        let gone = RowImage(table: RowTable.packs.rawValue, key: key, value: nil)
        func isThere() throws -> Bool { try loader.row(.packs, key) != nil }
        try loader.begin(isAnythingKept: false)
        try loader.put([row])
        try loader.put([gone])
        #expect(try isThere())
        try loader.commitWithoutCheckpoint()
        try loader.begin(isAnythingKept: true)
        #expect(try isThere())
        try loader.commitWithoutCheckpoint()
        try loader.begin(isAnythingKept: false)
        #expect(try !isThere())
        // One that came back is not removed by what was once said of it.
        try loader.put([row])
        try loader.put([gone])
        try loader.put([row])
        try loader.commitWithoutCheckpoint()
        try loader.begin(isAnythingKept: false)
        #expect(try isThere())
    }
}
