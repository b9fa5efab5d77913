import BlobModel
import Synchronization
import SystemIO
import TestSupport
import Testing
import VolumeFormat

@testable import Volume

/// How a mount keeps its lease, and loses it.
@Suite struct LeaseTests {
    @Test func aLiveMountAnswersAClaim() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        let token = world.ledger.lease.token
        try await checkpointer.checkLease()
        #expect(world.ledger.keeps == 0, "nobody asked")
        world.ledger.claim(by: ModelWorld.otherKey)
        try await checkpointer.checkLease()
        #expect(world.ledger.keeps == 1)
        #expect(world.ledger.lease == Lease(token: token, holder: ModelWorld.mountKey, claim: nil))
        try await checkpointer.checkLease()
        #expect(world.ledger.keeps == 1)
        world.source.write([1])
        try await checkpointer.sync()
        #expect(world.ledger.head?.sequence == 1)
    }

    @Test func watchingAnswersByItself() async throws {
        var world = ModelWorld()
        world.settings.leaseCheck = .milliseconds(1)
        let checkpointer = try await world.open()
        world.ledger.claim(by: ModelWorld.otherKey)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await checkpointer.watchLease() }
            while world.ledger.keeps == 0 { await Task.yield() }
            group.cancelAll()
        }
        #expect(world.ledger.lease.claim == nil)
    }

    @Test func aLostLeaseIsNoticedWithoutACheckpoint() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            let inode = try world.volume.makeFile("file", [1, 2, 3])
            world.ledger.giveLease(to: ModelWorld.otherKey)
            try await world.checkpointer.checkLease()
            #expect(await world.checkpointer.status().stopped == .leaseLost)
            #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("other") }
            #expect(try await world.read(inode) == [1, 2, 3])
            #expect(world.ledger.lease.holder == ModelWorld.otherKey)
            await #expect(throws: CheckpointError.leaseLost) {
                try await world.checkpointer.sync()
            }
        }
    }

    @Test func aHolderThatAnswersIsNotTakenOver() async throws {
        let world = ModelWorld()
        world.ledger.giveLease(to: ModelWorld.otherKey)
        world.ledger.setPatienceOver(false)
        let holder = InMemoryHeadStore(
            ledger: world.ledger,
            mountKey: ModelWorld.otherKey,
            plan: FaultPlan()
        )
        let token = world.ledger.lease.token
        let checkpointer = Checkpointer(world.environment())
        await withTaskGroup(of: CheckpointError?.self) { group in
            group.addTask {
                do throws(CheckpointError) {
                    try await checkpointer.open(takingOver: true)
                    return nil
                } catch {
                    return error
                }
            }
            while world.ledger.lease.claim == nil { await Task.yield() }
            _ = try? await holder.keepLease(token: token)
            #expect(await group.next() == .leaseLost)
        }
        #expect(world.ledger.lease == Lease(token: token, holder: ModelWorld.otherKey, claim: nil))
    }

    /// A state directory that is behind took the free lease, failed, and left it held for ever.
    @Test func aStrandedMountGivesTheLeaseBack() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        try await checkpointer.sync()
        world.ledger.publishForeign(BlobID(bytes: [UInt8](repeating: 9, count: 32)))
        try await checkpointer.close()
        var again = world
        again.restart()
        let reopened = Checkpointer(again.environment())
        await #expect(throws: CheckpointError.self) { try await reopened.open() }
        #expect(world.ledger.lease.holder == nil)
    }

    /// It took the lease, failed in another way, and left it held for ever.
    @Test func aMountThatFailsForGoodGivesTheLeaseBackUnlessItHasWork() async throws {
        let world = ModelWorld()
        try world.source.setLocalValue(CheckpointProgress.localName, [9, 9, 9])
        let damaged = CheckpointError.damagedState(CheckpointProgress.localName)
        await #expect(throws: damaged) { try await world.open() }
        #expect(world.ledger.lease.holder == nil)
        #expect(world.source.state.withLock { $0.token } == nil)
        // What passes, passes with the lease.
        let unanswered = world
        unanswered.plan.fail(at: 2, forEver: false)
        await #expect(throws: CheckpointError.self) { try await unanswered.open() }
        #expect(world.ledger.lease.holder == ModelWorld.mountKey)
        world.source.write([1, 2, 3])
        await #expect(throws: damaged) { try await world.open() }
        #expect(world.ledger.lease.holder == ModelWorld.mountKey)
    }

    /// The volume was written until the step under way had ended.
    @Test func aLeaseLostDuringAStepMakesTheVolumeReadOnlyAtOnce() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try await world.checkpointer.sync()
            let inode = try world.volume.makeFile("file", [1, 2, 3])
            let gate = ManualTimeSource()
            world.blobs.setGate(gate)
            let checkpointer = world.checkpointer
            let head = world.ledger.head
            await withTaskGroup(of: CheckpointError?.self) { group in
                group.addTask {
                    await outcome { try await checkpointer.sync() }
                }
                while gate.sleeperCount == 0 { await Task.yield() }
                world.ledger.giveLease(to: ModelWorld.otherKey)
                #expect(
                    await outcome { try await checkpointer.checkLease() } == nil
                )
                #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("other") }
                gate.advance(by: .seconds(1))
                #expect(await group.next() == .leaseLost)
            }
            #expect(await checkpointer.status().stopped == .leaseLost)
            #expect(world.ledger.head == head)
            #expect(try await world.read(inode) == [1, 2, 3])
        }
    }

    /// What the machine was told while progress was saved was overwritten.
    @Test func aLeaseLostWhileProgressIsSavedIsNotForgotten() async throws {
        let world = ModelWorld()
        let checkpointer = try await world.open()
        world.source.write([1, 2, 3])
        let saves = world.source.saves
        let before = saves.withLock { saves in
            saves.isHeld = true
            return saves.count
        }
        await withTaskGroup(of: CheckpointError?.self) { group in
            group.addTask {
                await outcome { try await checkpointer.sync() }
            }
            while saves.withLock({ $0.count }) == before { await Task.yield() }
            world.ledger.giveLease(to: ModelWorld.otherKey)
            #expect(
                await outcome { try await checkpointer.checkLease() } == nil
            )
            saves.withLock { $0.isHeld = false }
            saves.wakeAll()
            #expect(await group.next() == .leaseLost)
        }
        #expect(world.blobs.storeCalls == 0, "no step came after the one under way")
        #expect(await checkpointer.status().stopped == .leaseLost)
    }

    /// The interval came from rules that were not known when the mount began.
    @Test func theLeaseIsLookedAtWithinTheLedgersPatience() async throws {
        var world = ModelWorld()
        let time = ManualTimeSource()
        world.time = time
        let checkpointer = Checkpointer(world.environment())
        world.ledger.setPatience(.seconds(1))
        try await checkpointer.open()
        world.ledger.claim(by: ModelWorld.otherKey)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await checkpointer.watchLease() }
            while time.sleeperCount == 0 { await Task.yield() }
            time.advance(by: .milliseconds(250))
            while time.sleeperCount == 0 { await Task.yield() }
            #expect(world.ledger.keeps == 1)
            group.cancelAll()
        }
        let settings = CheckpointSettings()
        for (patience, wanted) in [
            (nil, .seconds(5)), (.seconds(30), .seconds(5)), (.seconds(2), .milliseconds(500)),
            (.milliseconds(1), .milliseconds(50)),
        ] as [(Duration?, Duration)] {
            #expect(settings.leaseCheck(within: patience) == wanted)
        }
    }

    /// What was cut counted as published, so the lease went back in the middle of a checkpoint.
    @Test func aCutInFlightIsUnpublished() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try await world.checkpointer.sync()
            #expect(await world.checkpointer.status().unpublishedBytes == 0)
            try world.volume.makeFile("file", noise(3000, seed: 1))
            world.plan.fail(at: 1, forEver: true)
            await #expect(throws: CheckpointError.self) {
                try await world.checkpointer.sync(patience: .zero)
            }
            #expect(world.volume.unpublished().bytes == 0)
            #expect(await world.checkpointer.status().unpublishedBytes >= 3000)
            // Also after a restart, which does not know how much it was.
            let again = try await world.reopened()
            #expect(await again.checkpointer.status().unpublishedBytes > 0)
            try await again.checkpointer.sync()
            #expect(await again.checkpointer.status().unpublishedBytes == 0)
        }
    }

    /// What came after the cut was counted twice when the cut was undone.
    @Test func anAbandonedCutIsCountedOnce() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try await world.checkpointer.sync()
            try world.volume.makeFile("before", noise(1000, seed: 1))
            try world.volume.cut().close()
            try world.volume.makeFile("after", noise(500, seed: 2))
            let cut = try #require(world.volume.cutInFlight())
            try world.volume.abandonCut(generation: cut)
            #expect(world.volume.unpublished().bytes == 1500)
        }
    }
}

/// What an operation failed with; nil when it did not.
private func outcome(_ body: () async throws -> Void) async -> CheckpointError? {
    do {
        try await body()
    } catch let error as CheckpointError {
        return error
    } catch {
        Issue.record(error)
    }
    return nil
}

/// A person takes the lease from a mount that does not answer.
@Suite struct TakeOverTests {
    private static let thirdKey = PublicKey(bytes: [UInt8](repeating: 8, count: 32))

    /// Another mount has the lease, and a take-over is under way when `body` runs, at `time` 0.
    private func withTakeOver(
        patience: Duration = .seconds(300),
        claimant: PublicKey? = nil,
        _ body: (InMemoryLedger, ManualTimeSource) async -> Void
    ) async -> CheckpointError? {
        var world = ModelWorld()
        let time = ManualTimeSource()
        world.time = time
        let ledger = world.ledger
        ledger.setPatience(patience)
        ledger.setPatienceOver(false)
        ledger.giveLease(to: ModelWorld.otherKey)
        if let claimant { ledger.claim(by: claimant) }
        let checkpointer = Checkpointer(world.environment())
        return await withTaskGroup(of: CheckpointError?.self) { group in
            group.addTask {
                await outcome { try await checkpointer.open(takingOver: true) }
            }
            while time.sleeperCount == 0 { await Task.yield() }
            await body(ledger, time)
            return await group.next() ?? nil
        }
    }

    /// Lets so many seconds pass, in each of which the lease is asked for.
    private func pass(_ seconds: Int, _ time: ManualTimeSource) async {
        for _ in 0..<seconds {
            while time.sleeperCount == 0 { await Task.yield() }
            time.advance(by: .seconds(1))
        }
    }

    /// It gave up after two minutes, whatever the network's patience.
    @Test func itWaitsForTheNetworksPatience() async {
        let taken = await withTakeOver { ledger, time in
            await pass(389, time)
            while time.sleeperCount == 0 { await Task.yield() }
            #expect(ledger.lease.holder == ModelWorld.otherKey)
            ledger.setPatienceOver(true)
            time.advance(by: .seconds(1))
        }
        #expect(taken == nil)
        let late = await withTakeOver { ledger, time in await pass(390, time) }
        #expect(late == .patienceNotOver(until: 5))
    }

    /// It ended at once, as if the holder had answered.
    @Test func anothersClaimIsWaitedFor() async {
        let error = await withTakeOver(claimant: Self.thirdKey) { ledger, time in
            time.advance(by: .seconds(5))
            while time.sleeperCount == 0 { await Task.yield() }
            #expect(ledger.lease.claim?.claimant == Self.thirdKey)
            // It never came back for the lease.
            ledger.forgetClaim()
            time.advance(by: .seconds(5))
            while time.sleeperCount == 0 { await Task.yield() }
            #expect(ledger.lease.claim?.claimant == ModelWorld.mountKey)
            ledger.setPatienceOver(true)
            time.advance(by: .seconds(1))
        }
        #expect(error == nil)
    }

    @Test func aHolderThatAnswersAfterAnothersClaimEndsIt() async {
        let error = await withTakeOver(claimant: Self.thirdKey) { ledger, time in
            ledger.claim(by: ModelWorld.mountKey)
            time.advance(by: .seconds(5))
            while time.sleeperCount == 0 { await Task.yield() }
            ledger.forgetClaim()
            time.advance(by: .seconds(1))
        }
        #expect(error == .leaseLost)
    }

    /// Every refusal was read as patience that is not over.
    @Test func anotherRefusalEndsItAtOnce() async {
        let refusal = HeadStoreError.rejected("planned")
        let error = await withTakeOver { ledger, time in
            ledger.failTakeOvers(refusal)
            time.advance(by: .seconds(1))
        }
        #expect(error == .heads(refusal))
    }
}

/// A mount that begins while the ledger does not answer.
@Suite struct UnconnectedTests {
    /// A volume with one published file, opened again where nothing on the network answers.
    private func withUnconnected(
        _ body: (Scratch, MountedWorld) async throws -> Void
    ) async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try world.volume.makeFile("old", [1, 2, 3])
            try await world.checkpointer.sync()
            try await world.checkpointer.close()
            let again = try await world.reopenedWithoutNetwork()
            #expect(throws: VolumeError.readOnly) { try again.volume.makeFile("early") }
            let isWritable = try await again.checkpointer.beginUnconnected()
            #expect(isWritable)
            try await body(scratch, again)
        }
    }

    @Test func itIsWrittenAndPublishesWhenTheLedgerAnswers() async throws {
        try await withUnconnected { scratch, world in
            try world.volume.makeFile("new", noise(100_000, seed: 5))
            #expect(await !world.checkpointer.status().isOpen)
            await #expect(
                throws: CheckpointError.heads(.unavailable("the ledger was not reached yet"))
            ) { try await world.checkpointer.sync(patience: .zero) }
            let before = try await world.describe()
            let (checkpointer, plan) = (world.checkpointer, world.plan)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await checkpointer.run() }
                // It fails at least once before the ledger comes back.
                while await checkpointer.status().lastError == nil { await Task.yield() }
                plan.clear()
                try await checkpointer.sync()
                group.cancelAll()
            }
            #expect(await world.checkpointer.status().isOpen)
            #expect(world.ledger.head?.sequence == 2)
            #expect(try await world.describe() == before)
            try await world.checkpointer.close()
            let other = try await world.attached(at: scratch.path + "/two")
            #expect(try await other.describe() == before)
        }
    }

    @Test func itTurnsReadOnlyAndKeepsItsWorkIfAnotherHasTheLease() async throws {
        try await withUnconnected { _, world in
            let inode = try world.volume.makeFile("new", [7, 8, 9])
            world.ledger.giveLease(to: ModelWorld.otherKey)
            world.plan.clear()
            // Ends by itself.
            await world.checkpointer.run()
            #expect(await world.checkpointer.status().stopped == .leaseLost)
            #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("more") }
            #expect(try await world.read(inode) == [7, 8, 9])
            #expect(world.ledger.head?.sequence == 1)
        }
    }

    @Test func itTurnsReadOnlyAndKeepsItsWorkIfTheHeadHasMoved() async throws {
        try await withUnconnected { _, world in
            let inode = try world.volume.makeFile("new", [7, 8, 9])
            let foreign = BlobID(bytes: [UInt8](repeating: 9, count: 32))
            world.ledger.publishForeign(foreign)
            world.plan.clear()
            await world.checkpointer.run()
            let head = world.ledger.head
            #expect(await world.checkpointer.status().stopped == .stranded(current: head))
            #expect(head?.manifest == foreign)
            #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("more") }
            #expect(try await world.read(inode) == [7, 8, 9])
            #expect(world.ledger.lease.holder == nil)
        }
    }

    /// It was asked again for ever, and the volume took writes that nothing would ever publish.
    @Test func itStopsWhenTheNetworkIsNotTheVolumes() async throws {
        try await withUnconnected { _, world in
            let inode = try world.volume.makeFile("new", [7, 8, 9])
            await world.checkpointer.giveUp("another network")
            await world.checkpointer.run()
            let stopped = CheckpointError.noNetwork("another network")
            #expect(await world.checkpointer.status().stopped == stopped)
            await #expect(throws: stopped) { try await world.checkpointer.sync() }
            #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("more") }
            #expect(try await world.read(inode) == [7, 8, 9])
        }
    }

    /// No number is given out twice, though the token is the one of the mount before.
    @Test func numbersStayUnique() async throws {
        try await Scratch.withAsync { scratch in
            var world = try await MountedWorld(scratch.path + "/one", isNew: true)
            var seen: Set<UInt64> = []
            for round in 0..<4 {
                let inode = try world.volume.makeFile("file \(round)", [UInt8(round)])
                #expect(seen.insert(inode.rawValue).inserted)
                try world.volume.synchronize()
                world = try await world.reopenedWithoutNetwork()
                let isWritable = try await world.checkpointer.beginUnconnected()
                #expect(isWritable)
            }
            let slices = try world.volume.rows(of: .slices, from: [], to: nil, limit: 100)
            #expect(slices.count == 4)
            for round in 0..<4 {
                let inode = try world.volume.lookup(.root, world.volume.name("file \(round)"))
                #expect(try await world.read(inode.inode) == [UInt8(round)])
            }
        }
    }

    @Test func aVolumeThatWasNeverWrittenHereWaits() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try await world.checkpointer.sync()
            try await world.checkpointer.close()
            let other = try await world.attached(at: scratch.path + "/two", opens: false)
            let isWritable = try await other.checkpointer.beginUnconnected()
            #expect(!isWritable)
            #expect(throws: VolumeError.readOnly) { try other.volume.makeFile("file") }
            // Then it takes the lease as any other.
            let checkpointer = other.checkpointer
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await checkpointer.run() }
                while await !checkpointer.status().isOpen { await Task.yield() }
                group.cancelAll()
            }
            try other.volume.makeFile("file")
        }
    }

    @Test func aDamagedTokenIsRefused() throws {
        #expect(try LeaseToken.decode(LeaseToken.encode(77)) == 77)
        for bytes in [[], [1, 2, 3], [0, 0, 0, 1], [1, 2, 3, 4, 5], [255, 255, 255, 255]]
            as [[UInt8]]
        {
            #expect(throws: CheckpointError.self) { try LeaseToken.decode(bytes) }
        }
    }
}
