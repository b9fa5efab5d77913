import BlobModel
import Synchronization
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// Promise 3: whatever ends a mount at whatever stage of a checkpoint, the head is whole, the work
/// goes on, and nothing is paid or uploaded twice.
struct CheckpointCrashTests {
    /// Disk and network at a fault point.
    struct Image: Sendable {
        let point: FaultPoint
        let disk: InMemoryFileSystem
        let blobs: InMemoryBlobStore
        let ledger: InMemoryLedger
        /// Syncs that were asked for before.
        let round: Int
    }

    /// Keeps an image at each fault point that is passed.
    final class Recorder: Sendable {
        private let images = Mutex<[Image]>([])
        private let round = Mutex(0)
        private let disk: InMemoryFileSystem
        private let blobs: InMemoryBlobStore
        private let ledger: InMemoryLedger

        init(_ disk: InMemoryFileSystem, _ blobs: InMemoryBlobStore, _ ledger: InMemoryLedger) {
            self.disk = disk
            self.blobs = blobs
            self.ledger = ledger
        }

        func begin(round number: Int) { round.withLock { $0 = number } }

        func pass(_ point: FaultPoint) {
            while true {
                let image = Image(
                    point: point,
                    disk: disk.frozen(),
                    blobs: InMemoryBlobStore(copying: blobs),
                    ledger: InMemoryLedger(copying: ledger),
                    round: round.withLock { $0 }
                )
                // Other uploads go on meanwhile: a network that has what the disk had not yet is
                // no moment that there ever was.
                guard image.disk.steps == disk.steps else { continue }
                return images.withLock { $0.append(image) }
            }
        }

        func take() -> [Image] { images.withLock { $0 } }
    }

    /// What an undisturbed run of some checkpoints left.
    struct Calm {
        var images: [Image] = []
        /// The tree at each checkpoint, nothing before the first.
        var trees: [[String]] = [[]]
        /// Blobs paid for when each checkpoint was published.
        var blobCounts: [Int] = [0]
    }

    private static let rounds = 4

    /// Changes of a round: new files of several packs, changed ones, ones that go.
    private static func change(_ volume: Volume, round: Int) throws {
        let folder = try volume.makeDirectory(
            in: .root,
            volume.name("folder-\(round)"),
            permissions: 0o755,
            context: someone
        )
        for number in 0..<6 {
            let bytes = noise(number * 9000 + round, seed: UInt64(round * 10 + number))
            try volume.makeFile("file-\(number)", in: folder.inode, bytes)
        }
        // Pages of a file that lose all but the last, so that segments are worth compaction.
        try volume.makeFile("pages-\(round)")
        let pages = try volume.lookup(.root, volume.name("pages-\(round)")).inode
        let handle = try volume.open(pages, flags: [.write], context: someone)
        for page in 0..<60 {
            let bytes = noise(10_000, seed: UInt64(1000 * round + page))
            try volume.write(handle, UInt64(page % 5) * 10_000, bytes)
        }
        volume.release(handle)
        let big = noise(round == 0 ? 900_000 : 500_000, seed: UInt64(100 + round))
        try volume.makeFile("big-\(round)", big)
        if round > 0 {
            try volume.unlink(.root, volume.name("big-\(round - 1)"), context: someone)
        }
    }

    private static func calmRun(_ faults: [InMemoryLedger.PublishFault]) async throws -> Calm {
        var calm = Calm()
        let (disk, blobs, ledger) = (InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger())
        let recorder = Recorder(disk, blobs, ledger)
        let world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger) {
            recorder.pass($0)
        }
        world.volume.setFaultPlan { recorder.pass($0) }
        for round in 0..<rounds {
            try change(world.volume, round: round)
            recorder.begin(round: round)
            #expect(try world.volume.compact() > 0)
            ledger.failPublications(faults)
            try await world.checkpointer.sync()
            calm.trees.append(try await world.describe())
            calm.blobCounts.append(blobs.paidCount)
        }
        calm.images = recorder.take()
        return calm
    }

    /// The head of an image is mountable on a machine that has never seen the volume, and whole.
    private func checkHead(_ image: Image, _ calm: Calm, _ what: String) async throws {
        guard let head = image.ledger.head else { return }
        let elsewhere = try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: InMemoryBlobStore(copying: image.blobs),
            ledger: InMemoryLedger(copying: image.ledger)
        )
        let found = try await elsewhere.describe()
        #expect(found == calm.trees[Int(head.sequence)], "head at \(what)")
        let report = try elsewhere.volume.check()
        #expect(report.isClean, "head at \(what): \(report.problems)")
    }

    /// Opens what a crash at an image left, lets it finish, and looks at what that cost.
    private func checkRecovery(
        _ image: Image,
        _ disk: InMemoryFileSystem,
        _ calm: Calm,
        _ what: String
    ) async throws {
        let blobs = InMemoryBlobStore(copying: image.blobs)
        let ledger = InMemoryLedger(copying: image.ledger)
        let storesBefore = blobs.storeCalls
        let world = try await CheckpointWorld(disk, .left, blobs: blobs, ledger: ledger)
        try await world.checkpointer.sync()
        let tree = try await world.describe()
        #expect(tree == calm.trees[image.round + 1], "\(what): the tree")
        #expect(ledger.head?.sequence ?? 0 >= UInt64(image.round + 1), "\(what): the head")
        // Nothing is paid twice: there are as many blobs as without a crash, and no other ones.
        let paid = blobs.paidCount
        #expect(paid <= calm.blobCounts[image.round + 1], "\(what): \(paid) blobs")
        // Nor uploaded: what was certified and written down is not stored again. What was in
        // flight is offered again, and the network has it.
        let stores = blobs.storeCalls - storesBefore
        let missing = calm.blobCounts[image.round + 1] - image.blobs.blobs.count
        #expect(stores <= missing + 8, "\(what): \(stores) stores for \(missing) blobs")
        #expect(try disk.list("/state/packs") == [], "\(what): packs")
        #expect(try disk.list("/state/cuts") == [], "\(what): cuts")
        let report = try world.volume.check()
        #expect(report.isClean, "\(what): \(report.problems)")
        let elsewhere = try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: blobs,
            ledger: ledger
        )
        #expect(try await elsewhere.describe() == tree, "\(what): elsewhere")
    }

    @Test(arguments: [
        [],
        [InMemoryLedger.PublishFault.unknownButDone],
        [.unknownAndUndone],
    ])
    func aCrashAtAnyStageGoesOnAndPaysOnce(
        _ faults: [InMemoryLedger.PublishFault]
    ) async throws {
        let calm = try await Self.calmRun(faults)
        #expect(Set(calm.images.map(\.point)) == FaultPoint.ofCheckpoints)
        for (index, image) in calm.images.enumerated() {
            let what = "\(image.point), round \(image.round), \(faults)"
            try await checkHead(image, calm, what)
            try await checkRecovery(image, image.disk.kill(), calm, what + ", kill")
            let seed = UInt64(index + 1)
            let left = image.disk.crash(seed: seed)
            try await checkRecovery(image, left, calm, what + ", power cut \(seed)")
        }
        print("checkpoint crashes: \(calm.images.count) fault points passed, \(faults)")
    }

    /// A world that was kept in memory kept its disk, and thousands of them filled the machine.
    @Test func nothingIsLeftOfAWorldThatIsOver() async throws {
        final class Left {
            weak var disk: InMemoryFileSystem?
            weak var volume: Volume?
        }
        let left = Left()
        func live() async throws {
            let disk = InMemoryFileSystem()
            let world = try await CheckpointWorld(
                disk,
                .new,
                blobs: InMemoryBlobStore(),
                ledger: InMemoryLedger()
            )
            (left.disk, left.volume) = (disk, world.volume)
            try world.volume.makeFile("file", noise(300_000, seed: 1))
            try await world.checkpointer.sync()
            _ = try await world.describe()
            #expect(left.disk != nil && left.volume != nil)
        }
        try await live()
        #expect(left.disk == nil && left.volume == nil)
    }

    /// Also where the view is lost with the process, whatever the checkpoint had come to.
    @Test func aViewThatIsLostAtAnyStageIsMadeAnew() async throws {
        let calm = try await Self.calmRun([.unknownButDone])
        var points: Set<FaultPoint> = []
        for (index, image) in calm.images.enumerated() {
            // Uploads are many, and alike.
            guard points.insert(image.point).inserted || index % 4 == 0 else { continue }
            let what = "\(image.point), round \(image.round)"
            let disk = index % 2 == 0 ? image.disk.kill() : image.disk.crash(seed: UInt64(index))
            for suffix in ["", "-wal"] where try disk.exists("/state/volume.db" + suffix) {
                try disk.removeFile("/state/volume.db" + suffix)
            }
            let blobs = InMemoryBlobStore(copying: image.blobs)
            let ledger = InMemoryLedger(copying: image.ledger)
            let report = try await CheckpointWorld.rebuild(disk, blobs: blobs, ledger: ledger)
            #expect(report.check.isClean, "\(what): \(report.check.problems)")
            let world = try await CheckpointWorld(disk, .left, blobs: blobs, ledger: ledger)
            try await world.checkpointer.sync()
            #expect(try await world.describe() == calm.trees[image.round + 1], "\(what)")
            #expect(try disk.list("/state/packs") == [], "\(what): packs")
            let elsewhere = try await CheckpointWorld(
                InMemoryFileSystem(),
                .attached,
                blobs: blobs,
                ledger: ledger
            )
            let tree = try await elsewhere.describe()
            #expect(tree == calm.trees[image.round + 1], "\(what): elsewhere")
        }
        #expect(points == FaultPoint.ofCheckpoints)
    }
}
