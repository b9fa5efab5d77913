import BlobModel
import Codec
import Synchronization
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// A deep check reads every byte back, and names the files that something is missing of.
struct DeepCheckTests {
    private struct World {
        let disk = InMemoryFileSystem()
        let blobs = InMemoryBlobStore()
        let ledger = InMemoryLedger()
        let world: CheckpointWorld

        init() async throws {
            world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger)
            let folder = try world.volume.makeDirectory(
                in: .root,
                world.volume.name("folder"),
                permissions: 0o755,
                context: someone
            ).inode
            for number in 0..<3 {
                let bytes = noise(700_000, seed: UInt64(number))
                try world.volume.makeFile("file-\(number)", in: folder, bytes)
                try await world.checkpointer.sync()
            }
            try world.volume.makeFile("new", noise(5000, seed: 9))
        }

        var reader: HeadReader {
            HeadReader(
                volume: ledger.volume,
                keys: ModelWorld.keys,
                blobs: blobs,
                heads: InMemoryHeadStore(
                    ledger: ledger,
                    mountKey: ModelWorld.mountKey,
                    plan: blobs.plan
                ),
                pool: BlockingPool(threads: 1)
            )
        }

        func check() async throws -> FsckReport {
            let last = Mutex<(UInt64, UInt64)>((0, 0))
            let pool = BlockingPool(threads: 1)
            let report = try await DeepCheck(world.volume, reader, pool: pool).run { done, total in
                last.withLock { $0 = (done, total) }
            }
            #expect(last.withLock { $0.0 == $0.1 })
            return report
        }

        /// The packs of contents, by the blob that each is.
        func packs() throws -> [(id: UInt64, blob: BlobID)] {
            try world.volume.rows(of: .packs, from: [], to: nil, limit: 100).compactMap { row in
                let pack = try PackRow(bcsBytes: row.value ?? [])
                return pack.blob.map { (VolumeCheck.number(row.key), $0) }
            }
        }
    }

    @Test func aSoundVolumeIsReadWhole() async throws {
        let world = try await World()
        let report = try await world.check()
        #expect(report.isClean, "\(report.problems)")
        #expect(report.bytesRead == 3 * 700_000 + 5000)
    }

    @Test func lostAndRottenPacksAreTracedToTheirFiles() async throws {
        for isRotten in [false, true] {
            let world = try await World()
            let pack = try #require(try world.packs().last)
            if isRotten { world.blobs.rot(pack.blob) } else { world.blobs.lose(pack.blob) }
            let report = try await world.check()
            #expect(report.exitCode == 4)
            #expect(report.problems.allSatisfy { $0.kind == .lostBytes && $0.outcome == .left })
            #expect(Set(report.problems.map(\.place)) == ["/folder/file-2"])
            // An ordinary check does not see it.
            #expect(try world.world.volume.check().isClean)
        }
    }

    @Test func rotInTheLogIsTracedToItsFile() async throws {
        let world = try await World()
        let segments = try world.disk.list("/state/log").filter { $0.hasSuffix(".seg") }
        let path = "/state/log/" + (try #require(segments.last))
        let size = try #require(try world.disk.status(path)?.size)
        let bytes = try #require(try world.disk.readWholeFile(path))
        let needle = Array(noise(5000, seed: 9).prefix(16))
        let at = try #require((0..<size - 16).first { Array(bytes[$0..<$0 + 16]) == needle })
        world.disk.rot(path, at: at + 100)
        let report = try await world.check()
        #expect(report.problems.map(\.place) == ["/new"], "\(report.problems)")
    }

    @Test func aNetworkThatDoesNotAnswerIsNoDamage() async throws {
        let world = try await World()
        world.blobs.plan.fail(at: 2, forEver: true)
        await #expect {
            _ = try await world.check()
        } throws: { ($0 as? CheckpointError)?.isTransient == true }
    }

    /// When a slice lives is compared with what the newest checkpoints need.
    @Test func aSliceThatDiedTooEarlyIsFound() async throws {
        let world = try await World()
        let volume = world.world.volume
        let row = try #require(try volume.rows(of: .slices, from: [], to: nil, limit: 1).first)
        var slice = try SliceRow(bcsBytes: row.value ?? [])
        let sound = slice
        for (born, died) in [(UInt64(3), UInt64(0)), (0, 2)] {
            slice.born = born
            slice.died = died
            let value = slice.bcsBytes
            try volume.locked { (core) throws(VolumeError) in
                core.put(.slices, row.key, value)
                try core.finish()
            }
            let report = try await world.check()
            #expect(report.problems.contains { $0.kind == .sliceLife }, "\(report.problems)")
            slice = sound
        }
    }
}
