import BlobModel
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// A lost or damaged view is made anew from the head and the log, with all that was acknowledged.
struct RebuildTests {
    /// How `volume.db` is lost.
    private enum Damage: CaseIterable {
        case deleted, truncated, flipped, zeroed

        func strike(_ disk: InMemoryFileSystem, _ random: inout TestRandom) throws {
            let path = "/state/volume.db"
            let size = try disk.status(path)?.size ?? 0
            switch self {
            case .deleted:
                for suffix in ["", "-wal"] where try disk.exists(path + suffix) {
                    try disk.removeFile(path + suffix)
                }
            case .truncated:
                let kept = Int(random.next() % UInt64(size + 1))
                try disk.open(path, .readWrite).truncate(to: kept)
            case .flipped:
                for name in [path, path + "-wal"] {
                    let size = try disk.status(name)?.size ?? 0
                    guard size > 0 else { continue }
                    for _ in 0..<20 {
                        let at = Int(random.next() % UInt64(size))
                        disk.rot(name, at: at, mask: UInt8(1 << (random.next() % 8)))
                    }
                }
            case .zeroed:
                let zeros = [UInt8](repeating: 0, count: size)
                try disk.open(path, .readWrite).write(zeros, at: 0)
            }
        }
    }

    /// A mounted volume, the plain tree beside it, and files that are open without a name.
    private final class Story {
        let world: CheckpointWorld
        let blobs = InMemoryBlobStore()
        let ledger = InMemoryLedger()
        let model: ModelRun
        var random: TestRandom
        private var unnamed: [(handle: HandleNumber, inode: InodeNumber, bytes: [UInt8])] = []
        private var named = 0

        init(seed: UInt64) async throws {
            random = TestRandom(state: seed)
            world = try await CheckpointWorld(
                InMemoryFileSystem(),
                .new,
                blobs: blobs,
                ledger: ledger
            )
            model = ModelRun(VolumeHarness(using: world.volume))
        }

        func step() async throws {
            switch random.next() % 16 {
            case 0: try await world.checkpointer.sync()
            case 1: try makeUnnamed()
            case 2: try nameOne()
            case 3: try world.volume.tick()
            default:
                try model.perform(random.operation())
            }
        }

        /// A file without a name, written in two parts.
        private func makeUnnamed() throws {
            let (attributes, handle) = try world.volume.createUnnamed(
                in: .root,
                permissions: 0o600,
                flags: [.read, .write],
                context: someone
            )
            let bytes = noise(3000, seed: random.next())
            try world.volume.write(handle, 0, bytes)
            unnamed.append((handle, attributes.inode, bytes))
        }

        /// It gets a name, perhaps some checkpoints later.
        private func nameOne() throws {
            guard !unnamed.isEmpty else { return }
            let (handle, inode, bytes) = unnamed.removeFirst()
            named += 1
            let name = "named-\(named)"
            _ = try world.volume.link(
                inode,
                to: .root,
                world.volume.name(name),
                context: someone
            )
            world.volume.release(handle)
            let node = ModelNode(.regular, 0o600)
            node.bytes = bytes
            model.root.children[name] = node
        }
    }

    @Test(arguments: CrashSeeds.range(16))
    func aLostViewIsMadeAnewFromHeadAndLog(seed: UInt64) async throws {
        let story = try await Story(seed: seed)
        for _ in 0..<60 { try await story.step() }
        let expected = story.model.root.describe()
        #expect(try await story.world.describe() == expected)
        for damage in Damage.allCases {
            let disk = story.world.disk.kill()
            let blobs = InMemoryBlobStore(copying: story.blobs)
            let ledger = InMemoryLedger(copying: story.ledger)
            try damage.strike(disk, &story.random)
            let report = try await CheckpointWorld.rebuild(disk, blobs: blobs, ledger: ledger)
            #expect(report.check.isClean, "\(damage): \(report.check.problems)")
            #expect(report.missing.isEmpty)
            #expect(report.sequence == story.ledger.head?.sequence ?? 0)
            try await expect(expected, disk, blobs, ledger, "\(damage)")
        }
    }

    /// The volume opens, is this tree, and so is its next checkpoint on another machine.
    private func expect(
        _ tree: [String],
        _ disk: InMemoryFileSystem,
        _ blobs: InMemoryBlobStore,
        _ ledger: InMemoryLedger,
        _ what: String
    ) async throws {
        let world = try await CheckpointWorld(disk, .left, blobs: blobs, ledger: ledger)
        #expect(try await world.describe() == tree, "\(what)")
        while try world.volume.tick() {}
        let report = try world.volume.check()
        #expect(report.isClean, "\(what): \(report.problems)")
        try await world.checkpointer.sync()
        let elsewhere = try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: blobs,
            ledger: ledger
        )
        #expect(try await elsewhere.describe() == tree, "\(what), elsewhere")
        let other = try elsewhere.volume.check()
        #expect(other.isClean, "\(what), elsewhere: \(other.problems)")
    }

    /// What a checkpoint had of a file without a name counted in the references of its bytes, so
    /// that other machines kept them for ever.
    @Test func aCheckpointCountsNoReferencesOfOpenFilesWithoutNames() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let world = try await CheckpointWorld(
            InMemoryFileSystem(),
            .new,
            blobs: blobs,
            ledger: ledger
        )
        let inode = try world.volume.makeFile("file", noise(9000, seed: 1))
        try await world.checkpointer.sync()
        let handle = try world.volume.open(inode, flags: [.read], context: someone)
        try world.volume.unlink(.root, world.volume.name("file"), context: someone)
        try world.volume.makeFile("other", noise(100, seed: 2))
        for round in 0..<2 {
            try await world.checkpointer.sync()
            let elsewhere = try await CheckpointWorld(
                InMemoryFileSystem(),
                .attached,
                blobs: InMemoryBlobStore(copying: blobs),
                ledger: InMemoryLedger(copying: ledger)
            )
            let report = try elsewhere.volume.check()
            #expect(report.isClean, "\(report.problems)")
            try world.volume.makeFile("more-\(round)", noise(100, seed: 3))
        }
        #expect(try world.volume.read(handle, 0, 9000) == noise(9000, seed: 1))
    }

    private struct Left {
        var disk = InMemoryFileSystem()
        let blobs = InMemoryBlobStore()
        let ledger = InMemoryLedger()
        var tree: [String] = []
    }

    /// A state directory after a checkpoint and some changes, its view gone.
    private func leave() async throws -> Left {
        var left = Left()
        let world = try await CheckpointWorld(
            left.disk,
            .new,
            blobs: left.blobs,
            ledger: left.ledger
        )
        for number in 0..<4 {
            try world.volume.makeFile("old-\(number)", noise(60_000, seed: UInt64(number)))
        }
        try await world.checkpointer.sync()
        for number in 0..<6 {
            try world.volume.makeFile("new-\(number)", noise(60_000, seed: UInt64(50 + number)))
        }
        try world.volume.synchronize()
        left.tree = try await world.describe()
        left.disk = left.disk.kill()
        try left.disk.removeFile("/state/volume.db")
        return left
    }

    /// All that is there; what follows the end of the log is cut off by whoever opens it.
    private func snapshot(_ disk: InMemoryFileSystem) throws -> [String: [UInt8]?] {
        var found: [String: [UInt8]?] = [:]
        for name in try disk.list("/state") where name != "lock" {
            found[name] = try? disk.readWholeFile("/state/" + name)
        }
        for name in try disk.list("/state/log") {
            var bytes = try disk.readWholeFile("/state/log/" + name) ?? []
            while bytes.last == 0 { bytes.removeLast() }
            found["log/" + name] = bytes
        }
        return found
    }

    @Test func withoutTheNetworkNothingIsChanged() async throws {
        let left = try await leave()
        let before = try snapshot(left.disk)
        left.blobs.plan.fail(at: 1, forEver: true)
        await #expect {
            try await rebuild(left)
        } throws: { error in
            guard case .checkpoint(let cause)? = error as? RebuildError else { return false }
            return cause.isTransient
        }
        #expect(try snapshot(left.disk) == before)
        left.blobs.plan.clear()
        _ = try await rebuild(left)
        try await expect(left.tree, left.disk, left.blobs, left.ledger, "later")
    }

    private func rebuild(_ left: Left, acceptsLoss: Bool = false) async throws -> RebuildReport {
        try await CheckpointWorld.rebuild(
            left.disk,
            blobs: left.blobs,
            ledger: left.ledger,
            acceptsLoss: acceptsLoss
        )
    }

    /// A mount does not take a volume that has checkpoints for what its log alone says.
    @Test func aVolumeWithCheckpointsIsNotMadeFromItsLogAlone() async throws {
        let left = try await leave()
        await #expect {
            _ = try await CheckpointWorld(
                left.disk,
                .left,
                blobs: left.blobs,
                ledger: left.ledger
            )
        } throws: { $0 as? StateError == .volume(ReplayPlan.logIsNotEnough) }
        await #expect {
            try await CheckpointWorld.rebuild(
                left.disk,
                blobs: left.blobs,
                ledger: left.ledger,
                isConnected: false
            )
        } throws: { error in
            if case .incomplete? = error as? RebuildError { true } else { false }
        }
        _ = try await rebuild(left)
        try await expect(left.tree, left.disk, left.blobs, left.ledger, "rebuilt")
    }

    @Test func missingRecordsAreNamedAndRefusedUnlessTold() async throws {
        let left = try await leave()
        let segments = try left.disk.list("/state/log")
        // Not the one with the mark, nor the last one.
        try left.disk.removeFile("/state/log/" + segments[segments.count - 3])
        let before = try snapshot(left.disk)
        await #expect {
            try await rebuild(left)
        } throws: { error in
            guard case .incomplete(let what)? = error as? RebuildError else { return false }
            return what.contains("record")
        }
        #expect(try snapshot(left.disk) == before)
        let report = try await rebuild(left, acceptsLoss: true)
        #expect(!report.missing.isEmpty)
        let world = try await CheckpointWorld(
            left.disk,
            .left,
            blobs: left.blobs,
            ledger: left.ledger
        )
        for number in 0..<4 {
            _ = try world.volume.lookup(.root, world.volume.name("old-\(number)"))
        }
    }

    /// A log without any record contradicts nothing, and was taken for one that is whole.
    @Test func anEmptyLogIsNotTakenForAWholeOne() async throws {
        let left = try await leave()
        for name in try left.disk.list("/state/log") where name.hasSuffix(".seg") {
            try left.disk.removeFile("/state/log/" + name)
        }
        await #expect {
            try await rebuild(left)
        } throws: { error in
            guard case .incomplete(let what)? = error as? RebuildError else { return false }
            return what.contains("it is empty")
        }
        // Told to, it goes on with what was published.
        _ = try await rebuild(left, acceptsLoss: true)
        let world = try await CheckpointWorld(
            left.disk,
            .left,
            blobs: left.blobs,
            ledger: left.ledger
        )
        for number in 0..<4 {
            _ = try world.volume.lookup(.root, world.volume.name("old-\(number)"))
        }
    }

    @Test func anothersHeadIsToldAndNothingIsChanged() async throws {
        let left = try await leave()
        let other = try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: left.blobs,
            ledger: left.ledger,
            mountKey: ModelWorld.mountKey
        )
        try other.volume.makeFile("theirs", [1, 2, 3])
        try await other.checkpointer.sync()
        let before = try snapshot(left.disk)
        for acceptsLoss in [false, true] {
            await #expect {
                try await rebuild(left, acceptsLoss: acceptsLoss)
            } throws: { error in
                if case .stranded? = error as? RebuildError { true } else { false }
            }
            #expect(try snapshot(left.disk) == before)
        }
    }

    @Test func anAttachedVolumeGoesOnFromWhatItWasAttachedTo() async throws {
        let left = try await leave()
        _ = try await rebuild(left)
        try await expect(left.tree, left.disk, left.blobs, left.ledger, "first")
        let disk = InMemoryFileSystem()
        let world = try await CheckpointWorld(
            disk,
            .attached,
            blobs: left.blobs,
            ledger: left.ledger
        )
        try world.volume.makeFile("only here", noise(500, seed: 8))
        let tree = try await world.describe()
        let after = disk.kill()
        try after.removeFile("/state/volume.db")
        let report = try await CheckpointWorld.rebuild(
            after,
            blobs: left.blobs,
            ledger: left.ledger
        )
        #expect(report.missing.isEmpty)
        try await expect(tree, after, left.blobs, left.ledger, "attached")
    }

    @Test func aVolumeThatWasNeverPublishedComesFromItsLog() async throws {
        let (disk, blobs, ledger) = (InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger())
        let world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger)
        try world.volume.makeFile("a", noise(500, seed: 8))
        let tree = try await world.describe()
        for isConnected in [true, false] {
            let left = disk.kill()
            left.rot("/state/volume.db", at: 20, mask: 0xFF)
            let report = try await CheckpointWorld.rebuild(
                left,
                blobs: blobs,
                ledger: ledger,
                isConnected: isConnected
            )
            #expect(report.sequence == 0)
            let next = try await CheckpointWorld(
                left,
                .left,
                blobs: InMemoryBlobStore(copying: blobs),
                ledger: InMemoryLedger(copying: ledger)
            )
            #expect(try await next.describe() == tree)
        }
    }

    /// A crash while a view is made anew leaves a state from which it can be.
    @Test func aCrashOfTheRebuildLosesNothing() async throws {
        let left = try await leave()
        left.disk.record(oneIn: 7, seed: 3)
        _ = try await rebuild(left)
        let images = left.disk.takeRecorded() + [left.disk]
        #expect(images.count > 5)
        for (index, image) in images.enumerated() {
            let disk = index % 2 == 0 ? image.kill() : image.crash(seed: UInt64(index))
            let blobs = InMemoryBlobStore(copying: left.blobs)
            let ledger = InMemoryLedger(copying: left.ledger)
            _ = try await CheckpointWorld.rebuild(disk, blobs: blobs, ledger: ledger)
            try await expect(left.tree, disk, blobs, ledger, "crash \(index)")
        }
    }
}
