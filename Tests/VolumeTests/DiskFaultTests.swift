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
