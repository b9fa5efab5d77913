import BlobModel
import Codec
import SystemIO
import Testing
import Volume
import VolumeFormat

@Suite struct PlacedReaderTests {
    /// A world with one published file, its log forgotten.
    private func world(_ bytes: [UInt8]) async throws -> (ModelWorld, UInt64) {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(bytes, sliceLength: 8 << 20)
        try await checkpointer.sync()
        world.source.dropPlacedSlices()
        let slice = try #require(world.source.extents.first).row.slice
        return (world, slice)
    }

    private func reader(
        _ world: ModelWorld,
        disk: UInt64 = 16 << 20
    ) throws -> NetworkPlacedReader {
        var settings = PlacedReaderSettings()
        settings.diskBytesMax = disk
        return try NetworkPlacedReader(world.environment(), settings: settings)
    }

    private func cached(
        _ reader: NetworkPlacedReader,
        _ slice: UInt64,
        _ offset: Int,
        _ length: Int
    ) throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: length)
        let isCached = try unsafe buffer.withUnsafeMutableBytes { bytes in
            try unsafe reader.readCached(slice, offset: UInt32(offset), into: bytes)
        }
        return isCached ? buffer : nil
    }

    @Test func anyRangeReadsAsWritten() async throws {
        let bytes = noise(3_000_000, seed: 41)
        let (world, slice) = try await world(bytes)
        let reader = try reader(world)
        let offsets = [0, 1, 65_535, 65_536, 65_537, 1_048_575, 2_999_999]
        for offset in offsets {
            for length in [1, 4096, 65_536, 200_000] where offset + length <= bytes.count {
                let read = try await reader.read(
                    slice,
                    offset: UInt32(offset),
                    length: UInt32(length)
                )
                let equal = read[...] == bytes[offset..<offset + length]
                #expect(equal, "\(length) bytes at \(offset)")
            }
        }
    }

    @Test func aSmallReadFetchesLittleAndIsThenCached() async throws {
        let bytes = noise(4_000_000, seed: 42)
        let (world, slice) = try await world(bytes)
        let reader = try reader(world)
        #expect(try cached(reader, slice, 100, 10) == nil)
        let before = world.blobs.bytesRead
        _ = try await reader.read(slice, offset: 100, length: 10)
        #expect(world.blobs.bytesRead - before <= 512 << 10)
        let calls = world.blobs.readCalls
        #expect(try cached(reader, slice, 100, 10) == Array(bytes[100..<110]))
        #expect(try cached(reader, slice, 70_000, 3000) == Array(bytes[70_000..<73_000]))
        #expect(world.blobs.readCalls == calls)
    }

    @Test func sequentialReadsFetchFarAhead() async throws {
        let bytes = noise(6_000_000, seed: 43)
        let (world, slice) = try await world(bytes)
        let reader = try reader(world, disk: 0)
        let before = world.blobs.readCalls
        for offset in stride(from: 0, to: 6_000_000, by: 100_000) {
            let read = try await reader.read(slice, offset: UInt32(offset), length: 100_000)
            let equal = read[...] == bytes[offset..<offset + 100_000]
            #expect(equal)
        }
        // Sixty reads of the file took far fewer of the network.
        #expect(world.blobs.readCalls - before < 20)
    }

    @Test func theCacheSurvivesARestart() async throws {
        let bytes = noise(300_000, seed: 44)
        let (world, slice) = try await world(bytes)
        let first = try reader(world)
        _ = try await first.read(slice, offset: 0, length: 200_000)
        let calls = world.blobs.readCalls
        let second = try reader(world)
        #expect(try cached(second, slice, 5, 150_000) == Array(bytes[5..<150_005]))
        #expect(world.blobs.readCalls == calls)
    }

    @Test func rotInTheCacheIsFetchedAnew() async throws {
        let bytes = noise(300_000, seed: 45)
        let (world, slice) = try await world(bytes)
        let first = try reader(world)
        _ = try await first.read(slice, offset: 0, length: 100_000)
        for offset in stride(from: 100, to: 65_000, by: 1000) {
            world.files.rot("/state/cache/blocks", at: offset)
        }
        let second = try reader(world)
        #expect(try cached(second, slice, 0, 10) == nil)
        #expect(try await second.read(slice, offset: 0, length: 10) == Array(bytes[..<10]))
    }

    @Test func aLieIsSeenAndVerifiedBytesAreAskedFor() async throws {
        let bytes = noise(200_000, seed: 46)
        let (world, slice) = try await world(bytes)
        world.blobs.lieToCallers(true)
        let reader = try reader(world)
        let read = try await reader.read(slice, offset: 0, length: 150_000)
        let equal = read[...] == bytes[..<150_000]
        #expect(equal)
    }

    @Test func whatIsRottenEverywhereIsCorrupt() async throws {
        let (world, slice) = try await world(noise(200_000, seed: 47))
        for blob in world.blobs.blobs.keys { world.blobs.rot(blob) }
        let reader = try reader(world)
        do throws(VolumeError) {
            _ = try await reader.read(slice, offset: 0, length: 10)
            Issue.record("rot was read")
        } catch {
            guard case .corrupt = error else { throw error }
        }
    }

    @Test func manyReadersOfOneBlockFetchItOnce() async throws {
        let bytes = noise(200_000, seed: 48)
        let (world, slice) = try await world(bytes)
        let reader = try reader(world)
        let before = world.blobs.readCalls
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<20 {
                group.addTask { try await reader.read(slice, offset: 0, length: 1000) }
            }
            for try await read in group { #expect(read == Array(bytes[..<1000])) }
        }
        #expect(world.blobs.readCalls - before == 1)
    }

    @Test func aFullCacheMakesRoom() async throws {
        let bytes = noise(4_000_000, seed: 49)
        let (world, slice) = try await world(bytes)
        var settings = PlacedReaderSettings()
        settings.diskBytesMax = 400_000
        settings.blockBytesMax = 200_000
        settings.openedBytesMax = 200_000
        let reader = try NetworkPlacedReader(world.environment(), settings: settings)
        for _ in 0..<2 {
            for offset in stride(from: 0, to: 4_000_000, by: 250_000) {
                let read = try await reader.read(slice, offset: UInt32(offset), length: 1000)
                #expect(read == Array(bytes[offset..<offset + 1000]))
            }
        }
        let size = try #require(try world.files.status("/state/cache/blocks")).size
        #expect(size <= 400_000)
    }

    @Test func bytesWithoutAPlaceAreAnError() async throws {
        let (world, slice) = try await world(noise(1000, seed: 50))
        let reader = try reader(world)
        await #expect(throws: VolumeError.self) {
            _ = try await reader.read(slice, offset: 500, length: 1000)
        }
        await #expect(throws: VolumeError.self) {
            _ = try await reader.read(slice + 1, offset: 0, length: 1)
        }
    }
}
