import BlobModel
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// How long a read waits for a network that does not answer
/// (`Docs/Decisions/0152-reads-wait-for-the-network.md`); time is the test's own.
struct ReadPatienceTests {
    private struct Scene {
        let world: ModelWorld
        let time = ManualTimeSource()
        let reader: NetworkPlacedReader
        let slice: UInt64
        let bytes: [UInt8]

        init() async throws {
            var world = ModelWorld()
            world.time = time
            let bytes = noise(100_000, seed: 90)
            let checkpointer = try await world.open()
            world.source.write(bytes)
            try await checkpointer.sync()
            world.source.dropPlacedSlices()
            var settings = PlacedReaderSettings()
            settings.patience = .seconds(30)
            self.world = world
            self.bytes = bytes
            slice = try #require(world.source.extents.first).row.slice
            reader = try NetworkPlacedReader(world.environment(), settings: settings)
        }

        /// Begins to read, in a task of the test's own.
        func begin() -> Task<Result<[UInt8], VolumeError>, Never> {
            let (reader, slice) = (reader, slice)
            return Task {
                do throws(VolumeError) {
                    return .success(try await reader.read(slice, offset: 0, length: 1000))
                } catch {
                    return .failure(error)
                }
            }
        }

        /// Until the reader rests and its patience is counted.
        func untilItRests() async throws {
            for _ in 0..<100_000 {
                if time.sleeperCount >= 2 { return }
                try await Task.sleep(for: .milliseconds(1))
            }
            throw CrashRun.Violation(description: "the reader does not rest")
        }

        /// Until it has asked again, and rests.
        func untilItAsked(after calls: Int) async throws {
            for _ in 0..<100_000 {
                if world.plan.calls > calls, time.sleeperCount >= 2 { return }
                try await Task.sleep(for: .milliseconds(1))
            }
            throw CrashRun.Violation(description: "the reader does not ask again")
        }
    }

    @Test func aNetworkThatComesBackIsAskedAgain() async throws {
        let scene = try await Scene()
        scene.world.plan.fail(at: 1, forEver: true)
        let read = scene.begin()
        try await scene.untilItRests()
        for pause in [250, 500, 1000, 2000, 2000] {
            let calls = scene.world.plan.calls
            // The rests grow, up to two seconds.
            scene.time.advance(by: .milliseconds(pause - 1))
            #expect(scene.world.plan.calls == calls)
            scene.time.advance(by: .milliseconds(1))
            try await scene.untilItAsked(after: calls)
        }
        scene.world.plan.clear()
        scene.time.advance(by: .seconds(2))
        #expect(await read.value == .success(Array(scene.bytes[..<1000])))
    }

    @Test func whenPatienceIsOverItIsTold() async throws {
        let scene = try await Scene()
        scene.world.plan.fail(at: 1, forEver: true)
        let read = scene.begin()
        try await scene.untilItRests()
        for _ in 0..<14 {
            let calls = scene.world.plan.calls
            scene.time.advance(by: .seconds(2))
            try await scene.untilItAsked(after: calls)
        }
        // 28 seconds: it waits still.
        scene.time.advance(by: .seconds(2))
        guard case .failure(.networkUnavailable) = await read.value else {
            Issue.record("\(await read.value)")
            return
        }
        #expect(scene.time.uptime == .seconds(30))
    }

    /// An attempt that hangs is no longer than the patience.
    @Test func anAttemptThatHangsIsGivenUpThen() async throws {
        let scene = try await Scene()
        scene.world.blobs.setReadGate(scene.time)
        let read = scene.begin()
        try await scene.untilItRests()
        scene.time.advance(by: .seconds(30))
        guard case .failure(.networkUnavailable) = await read.value else {
            Issue.record("\(await read.value)")
            return
        }
    }

    @Test func aSignalEndsItAtOnce() async throws {
        let scene = try await Scene()
        scene.world.plan.fail(at: 1, forEver: true)
        let read = scene.begin()
        try await scene.untilItRests()
        read.cancel()
        guard case .failure = await read.value else {
            Issue.record("it was read")
            return
        }
        #expect(scene.time.uptime == .zero)
    }

    /// What will not pass is told without waiting.
    @Test func whatIsGoneIsNotWaitedFor() async throws {
        let scene = try await Scene()
        for blob in scene.world.blobs.blobs.keys { scene.world.blobs.lose(blob) }
        guard case .failure = await scene.begin().value else {
            Issue.record("it was read")
            return
        }
        #expect(scene.time.uptime == .zero)
    }
}
