import Synchronization
import SystemIO
import Testing

@testable import Volume

/// What a volume does when its disk is full, or fails.
struct DiskFaultTests {
    @Test func aFullDiskRefusesWritesAndAllowsRemovals() throws {
        try VolumeHarness.with { harness in
            try harness.volume.makeFile("a", [1, 2, 3])
            try harness.kill()
            // Less than what is set aside, more than what removals may use of it.
            harness.disk.faults.capacity = 128 << 20
            let volume = harness.volume
            #expect(throws: VolumeError.noSpace) { try volume.makeFile("b") }
            #expect(throws: VolumeError.noSpace) {
                let inode = try volume.lookup(.root, [0x61]).inode
                let handle = try volume.open(inode, flags: [.write], context: someone)
                defer { volume.release(handle) }
                try volume.write(handle, 0, [9])
            }
            #expect(try volume.contents(try volume.lookup(.root, [0x61]).inode) == [1, 2, 3])
            let inode = try volume.lookup(.root, [0x61]).inode
            var smaller = AttributeChanges()
            smaller.size = 1
            #expect(
                try volume.setAttributes(of: inode, smaller, handle: nil, context: someone).size
                    == 1
            )
            var larger = AttributeChanges()
            larger.size = 2
            #expect(throws: VolumeError.noSpace) {
                try volume.setAttributes(of: inode, larger, handle: nil, context: someone)
            }
            let handle = try volume.open(inode, flags: [.write], context: someone)
            try volume.allocate(handle, mode: [.punchHole, .keepSize], offset: 0, length: 1)
            volume.release(handle)
            #expect(try volume.attributes(of: inode).blocks == 0)
            try volume.unlink(.root, [0x61], context: someone)
            #expect(try volume.describe().isEmpty)
            harness.disk.faults.capacity = nil
            try volume.makeFile("b")
            try volume.checkInvariants()
        }
    }

    /// Another program took all room between the look at it and the operation.
    @Test func aDiskThatFillsUpBehindOurBackMakesNothingFail() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            for number in 0..<20 { try volume.makeFile("a\(number)", [1, 2, 3]) }
            harness.disk.faults.growthsUntilFull = 0
            var made = 0
            func fill() throws {
                while made < 100_000 {
                    try volume.makeFile("b\(made)")
                    made += 1
                }
            }
            #expect(throws: VolumeError.noSpace) { try fill() }
            #expect(made > 0, "the log's room was there")
            harness.time.advance(by: .seconds(2000))
            try volume.tick()
            #expect(volume.core.withLock { $0.isViewWaiting }, "the view had none")
            #expect(volume.logStatus().isDiskFull)
            #expect(try volume.describe().count == 20 + made)
            for number in 0..<20 {
                try volume.unlink(.root, volume.name("a\(number)"), context: someone)
            }
            _ = try volume.syncDirectory(.root)
            #expect(try volume.describe().count == made)

            harness.disk.faults = DiskFaults()
            harness.time.advance(by: .seconds(2000))
            try volume.tick()
            try volume.makeFile("c")
            #expect(!volume.logStatus().isDiskFull)
            #expect(volume.core.withLock { $0.viewRetry } == nil, "it is up to the log again")
            try volume.checkInvariants()
            let before = try volume.describe()
            try harness.kill()
            #expect(try harness.volume.describe() == before)
            try harness.volume.checkInvariants()
        }
    }

    /// The first commit of a life is of what was replayed.
    @Test func aVolumeIsOpenedOnAFullDisk() throws {
        try VolumeHarness.with { harness in
            let inode = try harness.volume.makeFile("a", [1, 2, 3])
            try harness.volume.makeFile("b")
            let disk = harness.disk.kill()
            disk.faults.growthsUntilFull = 0
            try harness.open(disk)
            #expect(try harness.volume.contents(inode) == [1, 2, 3])
            #expect(throws: VolumeError.noSpace) { try harness.volume.makeFile("c") }
            disk.faults = DiskFaults()
            try harness.volume.makeFile("c")
            #expect(try harness.volume.describe().count == 3)
        }
    }

    @Test func aFullQuotaIsToldAsSuch() throws {
        try VolumeHarness.with { harness in
            harness.disk.faults.fullCode = 122
            harness.disk.faults.growthsUntilFull = 0
            #expect(throws: VolumeError.quotaExceeded) {
                for number in 0..<100_000 { try harness.volume.makeFile("a\(number)") }
            }
            #expect(VolumeError.quotaExceeded.isFull)
            harness.disk.faults = DiskFaults()
            try harness.volume.makeFile("b")
        }
    }

    @Test func aFailedSyncMakesTheVolumeReadOnlyUntilItIsOpenedAgain() throws {
        try VolumeHarness.with { harness in
            let (attributes, handle) = try harness.volume.create(
                in: .root,
                [0x61],
                permissions: 0o644,
                flags: [.read, .write],
                context: someone
            )
            try harness.volume.write(handle, 0, [1, 2, 3])
            harness.disk.faults.syncsUntilFailure = 0
            func isFailure(_ error: any Error) -> Bool {
                if case .failed? = error as? VolumeError { true } else { false }
            }
            for _ in 0..<2 {
                #expect {
                    _ = try harness.volume.sync(handle, dataOnly: true)
                } throws: { isFailure($0) }
            }
            #expect { try harness.volume.makeFile("b") } throws: { isFailure($0) }
            #expect { try harness.volume.write(handle, 0, [4]) } throws: { isFailure($0) }
            #expect(try harness.volume.read(handle, 0, 3) == [1, 2, 3])
            try harness.kill()
            #expect(try harness.volume.contents(attributes.inode) == [1, 2, 3])
            try harness.volume.makeFile("b")
        }
    }

    @Test func rotInTheLogIsNotGivenOut() throws {
        try VolumeHarness.with { harness in
            let inode = try harness.volume.makeFile(
                "a",
                [UInt8](repeating: 7, count: 10_000)
            )
            try harness.volume.synchronize()
            let segment = try #require(try harness.disk.list("/log").first)
            let bytes = try harness.disk.readWholeFile("/log/" + segment) ?? []
            let at = try #require(bytes.lastIndex(of: 7))
            harness.disk.rot("/log/" + segment, at: at - 100)
            #expect {
                _ = try harness.volume.contents(inode)
            } throws: { error in
                if case .corrupt? = error as? VolumeError { true } else { false }
            }
        }
    }
}
