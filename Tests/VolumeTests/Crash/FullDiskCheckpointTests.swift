import BlobModel
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// A disk that fills up at any step of a checkpoint: it is refused before harm is done, all that
/// was answered stays, and it goes on when there is room.
struct FullDiskCheckpointTests {
    /// A volume before a checkpoint, not open.
    private struct Start {
        let disk: InMemoryFileSystem
        let blobs: InMemoryBlobStore
        let ledger: InMemoryLedger
    }

    /// What a checkpoint comes to on a disk that has room.
    private struct Calm {
        let tree: [String]
        /// Packs of contents that were paid for.
        let contents: Int
    }

    private func change(_ volume: Volume, _ round: Int) throws {
        for number in 0..<4 {
            let bytes = noise(number * 40_000 + 100, seed: UInt64(round * 10 + number))
            try volume.makeFile("file-\(round)-\(number)", bytes)
        }
        try volume.makeFile("big-\(round)", noise(900_000, seed: UInt64(100 + round)))
        if round > 0 {
            try volume.unlink(.root, volume.name("big-\(round - 1)"), context: someone)
        }
    }

    /// `rounds` checkpoints, and the changes of one more.
    private func start(rounds: Int) async throws -> Start {
        let (disk, blobs, ledger) = (InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger())
        let world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger)
        for round in 0..<rounds {
            try change(world.volume, round)
            try await world.checkpointer.sync()
        }
        try change(world.volume, rounds)
        try world.volume.synchronize()
        return Start(disk: disk.kill(), blobs: blobs, ledger: ledger)
    }

    private func open(
        _ disk: InMemoryFileSystem,
        _ blobs: InMemoryBlobStore,
        _ ledger: InMemoryLedger
    ) async throws -> CheckpointWorld {
        try await CheckpointWorld(disk, .left, blobs: blobs, ledger: ledger)
    }

    /// The checkpoint on top of `start`, on a disk that is full from growth number `growth` on.
    ///
    /// - Returns: Whether it met the full disk.
    private func run(_ start: Start, _ calm: Calm, fullAt growth: Int) async throws -> Bool {
        let disk = start.disk.kill()
        let blobs = InMemoryBlobStore(copying: start.blobs)
        let ledger = InMemoryLedger(copying: start.ledger)
        let world = try await open(disk, blobs, ledger)
        disk.faults.growthsUntilFull = growth
        var isRefused = false
        do throws(CheckpointError) {
            try await world.checkpointer.sync(patience: .zero)
        } catch {
            guard error.isTransient else {
                throw CrashRun.Violation(description: "it is given up: \(error)")
            }
            isRefused = true
            // Reading and making room go on.
            let tree = try await world.describe()
            guard tree == calm.tree else {
                throw CrashRun.Violation(description: "the tree is another: \(error)")
            }
        }
        for (what, left) in [("kill", disk.kill()), ("power cut", disk.crash(seed: 7))] {
            left.faults = DiskFaults()
            let elsewhere = try await open(
                left,
                InMemoryBlobStore(copying: blobs),
                InMemoryLedger(copying: ledger)
            )
            try await elsewhere.checkpointer.sync()
            let tree = try await elsewhere.describe()
            guard tree == calm.tree else {
                throw CrashRun.Violation(description: "after a \(what): another tree")
            }
            try check(elsewhere, left)
        }
        disk.faults = DiskFaults()
        try await world.checkpointer.sync()
        try check(world, disk)
        let paid = try contents(blobs)
        guard paid <= calm.contents else {
            throw CrashRun.Violation(description: "\(paid) packs, not \(calm.contents)")
        }
        let attached = try await WasteOracle.attach(
            ledger.head?.sequence ?? 0,
            blobs: blobs,
            ledger: ledger
        )
        guard try await attached.describe() == calm.tree else {
            throw CrashRun.Violation(description: "what was published is another tree")
        }
        return isRefused
    }

    /// Looking at files changes access times, which may make one checkpoint of rows more.
    private func contents(_ blobs: InMemoryBlobStore) throws -> Int {
        try blobs.blobs.values.filter { try PackHeader(bytes: $0).kind == .contents }.count
    }

    private func check(_ world: CheckpointWorld, _ disk: InMemoryFileSystem) throws {
        let report = try world.volume.check()
        guard report.isClean else {
            throw CrashRun.Violation(description: "\(report.problems)")
        }
        let left = try disk.list("/state/packs") + disk.list("/state/cuts")
        guard left.isEmpty else { throw CrashRun.Violation(description: "left: \(left)") }
    }

    /// The first checkpoint is a base, the second a delta, the fourth a base over deltas.
    @Test(arguments: [0, 1, 3]) func aDiskThatFillsUpAtAnyStepLosesNothing(
        _ rounds: Int
    ) async throws {
        let start = try await start(rounds: rounds)
        let blobs = InMemoryBlobStore(copying: start.blobs)
        let world = try await open(
            start.disk.kill(),
            blobs,
            InMemoryLedger(copying: start.ledger)
        )
        let tree = try await world.describe()
        try await world.checkpointer.sync()
        let calm = Calm(tree: tree, contents: try contents(blobs))
        var refused = 0
        // Each step is a run of its own.
        for growth in 0..<10_000 {
            do {
                guard try await run(start, calm, fullAt: growth) else { break }
            } catch {
                Issue.record("round \(rounds), full at growth \(growth): \(error)")
                return
            }
            refused += 1
        }
        #expect(refused > 10)
        print("full disk in a checkpoint: \(refused) places, after \(rounds) others")
    }
}
