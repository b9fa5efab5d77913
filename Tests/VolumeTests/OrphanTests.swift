import Synchronization
import SystemIO
import Testing

@testable import Volume

/// Inodes without links, and when they go.
struct OrphanTests {
    /// Makes files that the kernel knows, and takes their names away.
    private func makeOrphans(_ volume: Volume, _ count: Int, bytes: Int) throws -> [InodeNumber] {
        var inodes: [InodeNumber] = []
        for index in 0..<count {
            let contents = [UInt8](repeating: 7, count: bytes)
            let inode = try volume.makeFile("orphan\(index)", contents)
            volume.remember(inode)
            try volume.unlink(.root, volume.name("orphan\(index)"), context: someone)
            inodes.append(inode)
        }
        return inodes
    }

    @Test func forgottenOrphansGoTogether() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inodes = try makeOrphans(volume, 150, bytes: 100)
            let before = volume.log.lastLSN
            for inode in inodes { volume.forget(inode, count: 1) }
            #expect(volume.log.lastLSN == before + 2, "two batches of sixty-four")
            #expect(volume.core.withLock { $0.reapable.count } == 150 - 128)
            try volume.tick()
            #expect(volume.log.lastLSN == before + 3)
            #expect(try volume.statistics().inodesUsed == 1)
            #expect(volume.core.withLock { $0.storedBytes } == 0)
            try volume.checkInvariants()
        }
    }

    @Test func orphansThatWaitGoAfterACrash() throws {
        try VolumeHarness.with { harness in
            let inodes = try makeOrphans(harness.volume, 10, bytes: 5000)
            for inode in inodes { harness.volume.forget(inode, count: 1) }
            #expect(harness.volume.core.withLock { $0.inodeCount } == 11)
            try harness.kill()
            try harness.volume.tick()
            #expect(try harness.volume.statistics().inodesUsed == 1)
            try harness.volume.checkInvariants()
        }
    }

    /// An inode may be found by its number, without a name, while it waits to be removed.
    @Test func anOrphanThatIsHeldAgainStays() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inodes = try makeOrphans(volume, 3, bytes: 10)
            for inode in inodes { volume.forget(inode, count: 1) }
            volume.remember(inodes[1])
            try volume.tick()
            #expect(try volume.statistics().inodesUsed == 2)
            #expect(try volume.attributes(of: inodes[1]).linkCount == 0)
            volume.forget(inodes[1], count: 1)
            try volume.tick()
            #expect(try volume.statistics().inodesUsed == 1)
            #expect(throws: VolumeError.stale) { try volume.attributes(of: inodes[1]) }
        }
    }

    /// Files with many extents are freed in steps, alone; small ones beside them.
    @Test func aHugeOrphanGoesInSteps() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let huge = try volume.makeFile("huge")
            let handle = try volume.open(huge, flags: [.write], context: someone)
            // Backwards, so that nothing grows together.
            for index in (0..<5000).reversed() {
                try volume.write(handle, UInt64(index) * 8192, [1])
            }
            volume.release(handle)
            volume.remember(huge)
            try volume.unlink(.root, volume.name("huge"), context: someone)
            let small = try makeOrphans(volume, 5, bytes: 10)
            for inode in [huge] + small { volume.forget(inode, count: 1) }
            var ticks = 0
            while try volume.tick() { ticks += 1 }
            #expect(ticks >= 2)
            #expect(try volume.statistics().inodesUsed == 1)
            #expect(volume.core.withLock { $0.storedBytes } == 0)
            try volume.checkInvariants()
        }
    }
}
