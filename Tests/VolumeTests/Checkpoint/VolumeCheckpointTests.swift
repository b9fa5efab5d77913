import BlobModel
import SystemIO
import TestSupport
import Testing
import VolumeFormat

@testable import Volume

/// Checkpoints of the real volume, end to end over the doubles.
@Suite struct VolumeCheckpointTests {
    /// A tree with one of everything.
    private func plant(_ volume: Volume) throws {
        let folder = try volume.makeDirectory(
            in: .root,
            volume.name("folder"),
            permissions: 0o750,
            context: someone
        )
        for number in 0..<40 {
            let bytes = noise(number * 137, seed: UInt64(number))
            try volume.makeFile("file-\(number)", in: folder.inode, bytes)
        }
        let big = try volume.makeFile("big", noise(3_000_000, seed: 100))
        _ = try volume.link(big, to: folder.inode, volume.name("hard"), context: someone)
        _ = try volume.makeSymlink(
            in: .root,
            volume.name("soft"),
            target: volume.name("folder/file-3"),
            context: someone
        )
        try volume.setExtendedAttribute(
            of: big,
            volume.name("user.color"),
            [1, 2, 3],
            mode: .createOrReplace,
            context: someone
        )
        // A sparse file, written back to front in small pieces.
        let sparse = try volume.makeFile("sparse")
        let handle = try volume.open(sparse, flags: [.read, .write], context: someone)
        for number in (0..<50).reversed() {
            try volume.write(handle, UInt64(number) * 10_000, noise(3000, seed: UInt64(number)))
        }
        volume.release(handle)
    }

    @Test func aTreeIsTheSameOnAMachineThatHasNeverSeenIt() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try plant(world.volume)
            let before = try await world.describe()
            try await world.checkpointer.sync()
            #expect(try await world.describe() == before)
            try await world.checkpointer.close()
            let other = try await world.attached(at: scratch.path + "/two")
            #expect(try await other.describe() == before)
            #expect(other.blobs.readCalls > 0)
        }
    }

    @Test func laterCheckpointsCarryChangesAndNoMore() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            let volume = world.volume
            try plant(volume)
            try await world.checkpointer.sync()
            let stored = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
            let big = try volume.lookup(.root, volume.name("big")).inode
            let handle = try volume.open(big, flags: [.read, .write], context: someone)
            try volume.write(handle, 1_000_000, noise(5000, seed: 200))
            volume.release(handle)
            let folder = try volume.lookup(.root, volume.name("folder")).inode
            try volume.unlink(folder, volume.name("file-7"), context: someone)
            try volume.rename(
                folder,
                volume.name("file-9"),
                to: .root,
                volume.name("moved"),
                flags: [],
                context: someone
            )
            let before = try await world.describe()
            try await world.checkpointer.sync()
            let added = world.blobs.blobs.values.reduce(0) { $0 + $1.count } - stored
            #expect(added < 60_000)
            try await world.checkpointer.close()
            let other = try await world.attached(at: scratch.path + "/two")
            #expect(try await other.describe() == before)
            // And on from there.
            try other.volume.makeFile("new", noise(100_000, seed: 201))
            let after = try await other.describe()
            try await other.checkpointer.sync()
            #expect(other.ledger.head?.sequence == 3)
            try await other.checkpointer.close()
            let third = try await other.attached(at: scratch.path + "/three")
            #expect(try await third.describe() == after)
        }
    }

    @Test func aCopyOfATreeIsStoredOnce() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            let bytes = noise(2_000_000, seed: 300)
            try world.volume.makeFile("first", bytes)
            try await world.checkpointer.sync()
            let stored = world.blobs.blobs.values.reduce(0) { $0 + $1.count }
            try world.volume.makeFile("second", bytes)
            try await world.checkpointer.sync()
            let added = world.blobs.blobs.values.reduce(0) { $0 + $1.count } - stored
            #expect(added < 20_000)
        }
    }

    @Test func aKilledMountResumesItsUploadAndPaysOnce() async throws {
        let bytes = noise(4_000_000, seed: 400)
        // How many calls of the network an undisturbed upload makes.
        var calls = 0
        var blobCount = 0
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/calm", isNew: true)
            try world.volume.makeFile("file", bytes)
            let before = world.plan.calls
            try await world.checkpointer.sync()
            calls = world.plan.calls - before
            blobCount = world.blobs.blobs.count
        }
        for call in 1...calls {
            try await Scratch.withAsync { scratch in
                let world = try await MountedWorld(scratch.path + "/one", isNew: true)
                try world.volume.makeFile("file", bytes)
                let before = try await world.describe()
                world.plan.fail(at: call, forEver: true)
                await #expect(throws: CheckpointError.self) {
                    try await world.checkpointer.sync(patience: .zero)
                }
                let again = try await world.reopened()
                #expect(try await again.describe() == before)
                try await again.checkpointer.sync()
                #expect(again.blobs.blobs.count <= blobCount, "call \(call)")
                try await again.checkpointer.close()
                let other = try await again.attached(at: scratch.path + "/two")
                #expect(try await other.describe() == before)
            }
        }
    }

    @Test func aLostLeaseMakesTheVolumeReadOnly() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            try world.volume.makeFile("file", [1, 2, 3])
            world.ledger.giveLease(to: ModelWorld.otherKey)
            await #expect(throws: CheckpointError.leaseLost) {
                try await world.checkpointer.sync()
            }
            #expect(throws: VolumeError.readOnly) { try world.volume.makeFile("other") }
            let inode = try world.volume.lookup(.root, world.volume.name("file")).inode
            #expect(try await world.read(inode) == [1, 2, 3])
        }
    }
}
