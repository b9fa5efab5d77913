import BlobModel
import SystemIO
import Testing

@testable import Volume

/// State that is not as it was left: told by its kind, and nothing made worse.
struct BadStateTests {
    private func isCorrupt(_ error: any Error) -> Bool {
        if case .corrupt? = error as? VolumeError { true } else { false }
    }

    private func remove(_ name: String, from disk: InMemoryFileSystem) throws {
        for path in ["/" + name, "/" + name + "-wal"] where try disk.exists(path) {
            try disk.removeFile(path)
        }
    }

    /// A volume of some files whose log has several segments, closed in order.
    private func closed(
        _ body: (VolumeHarness, [String]) throws -> Void
    ) throws {
        let harness = VolumeHarness(VolumeConfiguration(), segmentSize: 16 << 10)
        try harness.open(InMemoryFileSystem())
        try harness.volume.makeRoot()
        for number in 0..<12 {
            try harness.volume.makeFile(
                "file-\(number)",
                noise(3000, seed: UInt64(number))
            )
        }
        try harness.volume.synchronize()
        let tree = try harness.volume.describe()
        harness.close()
        try body(harness, tree)
    }

    @Test func aMissingDatabaseIsMadeAnewFromTheLog() throws {
        try closed { harness, tree in
            try remove("volume.db", from: harness.disk)
            try harness.open(harness.disk)
            #expect(try harness.volume.describe() == tree)
            try harness.volume.checkInvariants()
        }
    }

    /// New ones are begun where both are missing: an empty volume looks otherwise.
    @Test func aMissingDatabaseWithoutALogIsNoEmptyVolume() throws {
        let harness = VolumeHarness(VolumeConfiguration(), segmentSize: 16 << 10)
        try harness.open(InMemoryFileSystem())
        #expect(try harness.volume.isBlank())
        try harness.volume.makeRoot()
        #expect(try !harness.volume.isBlank())
        try harness.volume.synchronize()
        harness.close()
        for name in try harness.disk.list("/log") { try harness.disk.removeFile("/log/" + name) }
        try remove("volume.db", from: harness.disk)
        for _ in 0..<2 {
            try harness.open(harness.disk)
            #expect(try harness.volume.isBlank())
        }
    }

    @Test func aMissingDatabaseBesideATrimmedLogIsTold() throws {
        let life = try CrashLife(
            InMemoryFileSystem(),
            CrashLife.Options(segmentSize: 4 << 10),
            network: CrashNetwork(),
            tokens: CrashLife.Tokens()
        )
        for number in 0..<12 {
            try life.volume.makeFile("file-\(number)", noise(2000, seed: UInt64(number)))
        }
        try life.cut()
        try life.endCut(publishes: true)
        let segments = try life.harness.disk.list("/log")
        #expect(segments.first != "00000001.seg")
        let disk = life.harness.disk.kill()
        try remove("volume.db", from: disk)
        for _ in 0..<2 {
            #expect {
                try life.harness.open(disk)
            } throws: { isCorrupt($0) }
            #expect(try disk.list("/log") == segments)
        }
    }

    @Test func aDamagedDatabaseIsToldAndLeftAlone() throws {
        try closed { harness, tree in
            for offset in [0, 20, 100] {
                harness.disk.rot("/volume.db", at: offset, mask: 0xFF)
                let segments = try harness.disk.list("/log")
                #expect("byte \(offset)") {
                    try harness.open(harness.disk)
                } throws: { isCorrupt($0) }
                harness.close()
                #expect(try harness.disk.list("/log") == segments)
                harness.disk.rot("/volume.db", at: offset, mask: 0xFF)
                try harness.open(harness.disk)
                #expect(try harness.volume.describe() == tree)
                harness.close()
            }
        }
    }

    @Test func aMissingOrShortSegmentIsToldAndNothingIsRemoved() throws {
        try closed { harness, tree in
            let original = harness.disk
            let segments = try original.list("/log").filter { $0.hasSuffix(".seg") }
            #expect(segments.count > 3)
            for name in segments {
                for isShort in [false, true] {
                    let disk = original.kill()
                    if isShort {
                        try disk.open("/log/" + name, .readWrite).truncate(to: 100)
                    } else {
                        try disk.removeFile("/log/" + name)
                    }
                    let left = try disk.list("/log")
                    do {
                        try harness.open(disk)
                        _ = try harness.volume.describe()
                        Issue.record("\(name) is not missed, short: \(isShort)")
                    } catch {
                        #expect(isCorrupt(error), "\(name): \(error)")
                    }
                    harness.close()
                    #expect(try disk.list("/log") == left)
                }
            }
            try harness.open(original)
            #expect(try harness.volume.describe() == tree)
        }
    }

    /// A pack whose writing a kill had cut off stayed in the state directory for ever.
    @Test func anUnfinishedPackIsRemovedWhenItsVolumeIsOpened() async throws {
        let (disk, blobs, ledger) = (InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger())
        let first = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger)
        try first.volume.makeFile("file", noise(9000, seed: 1))
        try await first.checkpointer.sync()
        let left = disk.kill()
        _ = try left.open("/state/packs/0000000000000007.new", .createNew)
        let world = try await CheckpointWorld(left, .left, blobs: blobs, ledger: ledger)
        #expect(try left.list("/state/packs") == [])
        #expect(try await world.describe() == first.describe())
    }

    @Test func aTruncatedCacheCostsOnlyTime() async throws {
        let (blobs, ledger) = (InMemoryBlobStore(), InMemoryLedger())
        let first = try await CheckpointWorld(
            InMemoryFileSystem(),
            .new,
            blobs: blobs,
            ledger: ledger
        )
        for number in 0..<5 {
            try first.volume.makeFile("file-\(number)", noise(90_000, seed: UInt64(number)))
        }
        try await first.checkpointer.sync()
        let tree = try await first.describe()
        let disk = InMemoryFileSystem()
        let other = try await CheckpointWorld(disk, .attached, blobs: blobs, ledger: ledger)
        #expect(try await other.describe() == tree)
        let path = "/state/cache/blocks"
        let size = try #require(try disk.status(path)?.size)
        #expect(size > 200_000)
        for kept in [0, 13, size / 2 + 7, size - 1] {
            let left = disk.kill()
            try left.open(path, .readWrite).truncate(to: kept)
            let world = try await CheckpointWorld(left, .left, blobs: blobs, ledger: ledger)
            #expect(try await world.describe() == tree, "\(kept) of \(size)")
        }
    }

    /// A snapshot that can not be taken must not end the process at the next cut.
    @Test func aCutWhoseSnapshotFailsIsGivenUpByTheNext() async throws {
        var failed = 0
        for reads in 0..<12 {
            let (disk, blobs, ledger) = (
                InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger()
            )
            let world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger)
            try world.volume.makeFile("a", [1, 2, 3])
            disk.faults.readsUntilFailure = reads
            do {
                try await world.checkpointer.sync(patience: .zero)
            } catch {
                if world.volume.cutInFlight() != nil, ledger.head == nil { failed += 1 }
            }
            disk.faults = DiskFaults()
            do {
                try await world.checkpointer.sync()
            } catch CheckpointError.volume(.failed(_)) {
                // The database could not even be read to be secured: that is another story.
                continue
            }
            #expect(ledger.head?.sequence == 1)
        }
        #expect(failed > 0)
    }
}
