import BlobModel
import Codec
import Dispatch
import Synchronization
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

@Suite struct CheckpointerTests {
    @Test func whatIsPublishedIsThereElsewhere() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(noise(5_000_000, seed: 1))
        world.source.write([])
        world.source.write([1, 2, 3])
        try await checkpointer.sync()
        #expect(world.ledger.head?.sequence == 1)
        try await world.verifyAttach()
        let status = await checkpointer.status()
        #expect(status.sequence == 1)
        #expect(status.step == nil)
        #expect(try world.files.list("/state/packs") == [])
        #expect(try world.files.list("/state/cuts") == [])
        #expect(world.source.cutInFlight() == nil)
    }

    /// Found by `Tests/Chaos`: fsync(2) with fsync=network returned when a cut was published that
    /// had been taken just before the change.
    @Test func aSyncDuringACutWaitsForTheNext() async throws {
        let world = ModelWorld()
        let (source, ledger) = (world.source, world.ledger)
        let during = Mutex<Task<UInt64?, any Error>?>(nil)
        let opened = Mutex<Checkpointer?>(nil)
        var environment = world.environment()
        environment.faultPlan = { point in
            guard point == .cut, during.withLock({ $0 == nil }),
                let checkpointer = opened.withLock({ $0 })
            else { return }
            source.write([4, 5, 6])
            let isWaiting = DispatchSemaphore(value: 0)
            let task = Task {
                try await checkpointer.sync()
                return ledger.head?.sequence
            }
            during.withLock { $0 = task }
            _ = Task {
                while await checkpointer.waiters.isEmpty { await Task.yield() }
                isWaiting.signal()
            }
            isWaiting.wait()
        }
        let checkpointer = Checkpointer(environment)
        try await checkpointer.open()
        opened.withLock { $0 = checkpointer }
        source.write([1, 2, 3])
        try await checkpointer.sync()
        let task = try #require(during.withLock { $0 })
        #expect(try await task.value == 2)
        try await world.verifyAttach()
    }

    @Test func aSecondCheckpointStoresOnlyWhatChanged() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        for number in 0..<100 { world.source.write(noise(100, seed: UInt64(number))) }
        let big = world.source.write(noise(8_000_000, seed: 2))
        try await checkpointer.sync()
        let before = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
        world.source.write(noise(1000, seed: 3))
        try await checkpointer.sync()
        let after = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
        #expect(after - before < 20_000)
        #expect(world.ledger.head?.sequence == 2)
        try await world.verifyAttach()
        world.source.remove(inode: big)
        try await checkpointer.sync()
        try await world.verifyAttach()
    }

    @Test func equalBytesAreStoredOnce() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        let bytes = noise(6_000_000, seed: 4)
        world.source.write(bytes)
        world.source.write(bytes, sliceLength: 700_000)
        try await checkpointer.sync()
        let stored = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
        #expect(stored < 6_100_000)
        world.source.write(bytes, sliceLength: 300_000)
        try await checkpointer.sync()
        #expect(world.blobs.blobs.values.reduce(0) { $0 + $1.count } - stored < 50_000)
        try await world.verifyAttach()
    }

    @Test func aFileOfManySmallExtentsFitsItsPacks() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(noise(24_000, seed: 5), sliceLength: 20)
        world.source.write(noise(3_000_000, seed: 6), sliceLength: 100_000)
        try await checkpointer.sync()
        try await world.verifyAttach()
    }

    @Test func packsAreAsLongAsTheNetworkTakes() async throws {
        var world = ModelWorld()
        world.settings.packLength = 16 << 20
        let checkpointer = try await world.open()
        world.source.write(noise(6_000_000, seed: 7))
        for _ in 0..<200 { world.source.write(noise(30_000, seed: 8)) }
        try await checkpointer.sync()
        let longest = world.blobs.blobs.values.map(\.count).max() ?? 0
        #expect(longest <= 1_834_952)
        #expect(longest > 1_000_000)
        try await world.verifyAttach()
    }

    @Test func nothingNewPublishesNothing() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1])
        try await checkpointer.sync()
        try await checkpointer.sync()
        #expect(world.ledger.head?.sequence == 1)
    }

    @Test func manyDeltasBecomeABase() async throws {
        var world = ModelWorld()
        world.settings.deltasMax = 3
        let checkpointer = try await world.open()
        for number in 0..<60 { world.source.write(noise(10, seed: UInt64(number))) }
        try await checkpointer.sync()
        var shapes: [Int] = []
        for round in 0..<6 {
            world.source.write(noise(10, seed: UInt64(9000 + round)))
            try await checkpointer.sync()
            let (_, manifest) = try await Attachment.manifest(
                of: world.ledger.volume,
                keys: ModelWorld.keys,
                blobs: world.blobs,
                heads: world.environment().heads
            )
            #expect(manifest.base != nil)
            shapes.append(manifest.deltas.count)
        }
        #expect(shapes == [1, 2, 3, 0, 1, 2])
        try await world.verifyAttach()
    }

    @Test func aCrashAtAnyCallLosesNothingAndPaysOnce() async throws {
        let some = noise(100_000, seed: 11)
        let more = noise(1_300_000, seed: 12)
        // One uninterrupted run says how many calls there are, and how many blobs are right.
        func prepare() async throws -> (ModelWorld, Checkpointer) {
            var world = ModelWorld()
            world.settings.packLength = 600_000
            let checkpointer = try await world.open()
            world.source.write(some)
            try await checkpointer.sync()
            world.source.write(more)
            world.source.write(noise(500, seed: 13))
            return (world, checkpointer)
        }
        let (calm, checkpointer) = try await prepare()
        let callsBefore = calm.plan.calls
        try await checkpointer.sync()
        let calls = calm.plan.calls - callsBefore
        let blobCount = calm.blobs.blobs.count
        #expect(calls > 10)
        for call in 1...calls {
            var (world, checkpointer) = try await prepare()
            world.plan.fail(at: call, forEver: true)
            await #expect(throws: CheckpointError.self) {
                try await checkpointer.sync(patience: .zero)
            }
            world.restart()
            checkpointer = try await world.open()
            try await checkpointer.sync()
            #expect(world.ledger.head?.sequence ?? 0 >= 2)
            let paid = world.blobs.blobs.count
            #expect(paid <= blobCount, "call \(call) paid for \(paid) blobs")
            try await world.verifyAttach()
        }
    }

    @Test func aFailureThatPassesIsWaitedThrough() async throws {
        let bytes = noise(1_300_000, seed: 21)
        for call in 1...12 {
            var world = ModelWorld()
            world.settings.packLength = 600_000
            let checkpointer = try await world.open()
            world.source.write(bytes)
            world.blobs.plan.fail(at: call, forEver: false)
            do {
                try await checkpointer.sync()
            } catch {
                // The model's own failures do not pass by themselves.
                guard case .volume = error else { throw error }
                continue
            }
            try await world.verifyAttach()
        }
    }

    @Test func aLostAcknowledgementIsPaidOnce() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(noise(3_000_000, seed: 22))
        world.blobs.loseAcknowledgements(4)
        try await checkpointer.sync()
        let stored = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
        #expect(stored < 3_100_000)
        try await world.verifyAttach()
    }

    @Test(arguments: [
        [InMemoryLedger.PublishFault.unknownButDone],
        [.unknownAndUndone],
        [.unknownAndUndone, .unknownAndUndone, .unknownButDone],
    ])
    func anUnknownOutcomeIsReadFromTheHead(_ faults: [InMemoryLedger.PublishFault]) async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(noise(1000, seed: 23))
        world.ledger.failPublications(faults)
        try await checkpointer.sync()
        #expect(world.ledger.head?.sequence == 1)
        try await world.verifyAttach()
    }

    @Test func aLostLeaseEndsPublishingAndWriting() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        try await checkpointer.sync()
        world.source.write([4, 5, 6])
        world.ledger.giveLease(to: ModelWorld.otherKey)
        await #expect(throws: CheckpointError.leaseLost) { try await checkpointer.sync() }
        #expect(world.ledger.head?.sequence == 1)
        #expect(world.source.state.withLock { $0.token } == nil)
        await #expect(throws: CheckpointError.leaseLost) { try await checkpointer.sync() }
        let status = await checkpointer.status()
        #expect(status.stopped == .leaseLost)
    }

    @Test func aForeignHeadIsNeverOverwritten() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        try await checkpointer.sync()
        world.source.write([4])
        let foreign = BlobID(bytes: [UInt8](repeating: 9, count: 32))
        world.ledger.publishForeign(foreign)
        let head = world.ledger.head
        await #expect(throws: CheckpointError.stranded(current: head)) {
            try await checkpointer.sync()
        }
        #expect(world.ledger.head?.manifest == foreign)
        // A new start finds the same.
        var again = world
        again.restart()
        let reopened = Checkpointer(again.environment())
        await #expect(throws: CheckpointError.stranded(current: head)) {
            try await reopened.open()
        }
    }

    @Test func anotherHoldersLeaseIsNotTaken() async throws {
        let world = ModelWorld()
        world.ledger.giveLease(to: ModelWorld.otherKey)
        let checkpointer = Checkpointer(world.environment())
        await #expect(throws: CheckpointError.leaseLost) { try await checkpointer.open() }
        #expect(world.source.state.withLock { $0.token } == nil)
    }

    @Test func aPersonMayTakeALeaseOver() async throws {
        let world = ModelWorld()
        world.ledger.giveLease(to: ModelWorld.otherKey)
        let checkpointer = Checkpointer(world.environment())
        try await checkpointer.open(takingOver: true)
        world.source.write([1])
        try await checkpointer.sync()
        #expect(world.ledger.head?.sequence == 1)
    }

    @Test func attachingGoesOnFromWhatWasPublished() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write(noise(100_000, seed: 31))
        try await checkpointer.sync()
        try await checkpointer.close()
        var second = world
        second.source = ModelSource(plan: world.plan)
        second.files = InMemoryFileSystem()
        _ = try await Attachment(second.environment()).run()
        let other = try await second.open()
        second.source.write(noise(50_000, seed: 32))
        try await other.sync()
        #expect(second.ledger.head?.sequence == 2)
        try await second.verifyAttach()
    }

    @Test func attachingToNothingSaysSo() async throws {
        let world = ModelWorld()
        await #expect(throws: CheckpointError.neverPublished) {
            _ = try await Attachment(world.environment()).run()
        }
    }

    @Test func aWrongKeyOpensNothing() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1])
        try await checkpointer.sync()
        let keys = VolumeKeys(rootSecret: [UInt8](repeating: 8, count: 32))
        await #expect(throws: CheckpointError.self) {
            _ = try await Attachment.manifest(
                of: world.ledger.volume,
                keys: keys,
                blobs: world.blobs,
                heads: world.environment().heads
            )
        }
    }

    @Test func aRottenBlobOfRowsIsCorruptNotWrong() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1])
        try await checkpointer.sync()
        for blob in world.blobs.blobs.keys { world.blobs.rot(blob) }
        await #expect(throws: CheckpointError.self) {
            _ = try await Attachment(world.environment(source: ModelSource())).run()
        }
    }

    @Test func itRunsByItselfWhenChangesAreOld() async throws {
        var world = ModelWorld()
        world.settings.ageMax = 1
        world.settings.spacing = .zero
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await checkpointer.run() }
            while world.ledger.head == nil { await Task.yield() }
            group.cancelAll()
        }
        #expect(world.ledger.head?.sequence == 1)
    }

    /// It rested on for half a minute, when the mount long knew that the ledger was back.
    @Test(.timeLimit(.minutes(5))) func aLedgerThatIsBackEndsTheRest() async throws {
        var world = ModelWorld()
        let (time, plan, ledger) = (ManualTimeSource(), FaultPlan(), world.ledger)
        world.time = time
        // The ledger's alone: disk and nodes go on.
        world.plan = plan
        world.settings.ageMax = 1
        world.settings.retryFirst = .seconds(3600)
        world.settings.retryLongest = .seconds(3600)
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        plan.fail(at: 1, forEver: true)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await checkpointer.run() }
            group.addTask { await checkpointer.watchLease() }
            /// Lets so many half seconds pass, in each of which both are at rest once.
            func pass(_ halves: Int) async {
                for _ in 0..<halves {
                    while time.sleeperCount < 2 { await Task.yield() }
                    time.advance(by: .milliseconds(500))
                }
                while time.sleeperCount < 2 { await Task.yield() }
            }
            await pass(40)
            // Published in vain once, and the lease looked at every five seconds.
            #expect(plan.calls == 5)
            #expect(ledger.head == nil)
            plan.clear()
            await pass(11)
            group.cancelAll()
        }
        #expect(ledger.head?.sequence == 1)
    }
}
