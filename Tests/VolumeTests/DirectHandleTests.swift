import Synchronization
import SystemIO
import Testing

@testable import Volume

/// Files that the kernel opens without asking: requests name the inode.
struct DirectHandleTests {
    private func direct(_ inode: InodeNumber, _ flags: OpenFlags = []) -> HandleNumber {
        HandleNumber(of: inode, flags.union([.read, .write]))
    }

    @Test func everyCallOnAFileTakesItsInode() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f", [1, 2, 3])
            let other = try volume.makeFile("g")
            try volume.write(direct(inode), 5, [6, 7])
            #expect(try volume.read(direct(inode), 0, 10) == [1, 2, 3, 0, 0, 6, 7])
            #expect(try volume.seek(direct(inode), offset: 4, toData: true) == 5)
            try volume.allocate(
                direct(inode),
                mode: [.punchHole, .keepSize],
                offset: 0,
                length: 2
            )
            let copied = try volume.copyRange(
                from: direct(inode),
                offset: 0,
                to: direct(other),
                offset: 0,
                length: 100
            )
            #expect(copied == 7)
            #expect(try volume.contents(other) == [0, 0, 3, 0, 0, 6, 7])
            try volume.flush(direct(inode))
            guard case .durable = try volume.sync(direct(inode), dataOnly: true) else {
                Issue.record("nothing but the disk is waited for")
                return
            }
            #expect(volume.core.withLock { $0.files.isEmpty })
        }
    }

    @Test func aWriteThatIsToBeDurableIs() throws {
        try VolumeHarness.with { harness in
            let inode = try harness.volume.makeFile("f")
            try harness.volume.write(direct(inode, .sync), 0, [1, 2, 3])
            try harness.crash(seed: 1)
            #expect(try harness.volume.contents(inode) == [1, 2, 3])
        }
    }

    @Test func directoriesAreListedByTheirInodesAndAreNoFiles() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try volume.makeFile("f")
            var names: [[UInt8]] = []
            try volume.readDirectory(direct(.root), after: 2) { entry in
                names.append(entry.name)
                return true
            }
            #expect(names == [volume.name("f")])
            #expect(throws: VolumeError.badHandle) { try volume.write(direct(.root), 0, [1]) }
            let file = try volume.lookup(.root, volume.name("f")).inode
            #expect(throws: VolumeError.badHandle) {
                try volume.readDirectory(direct(file), after: 0) { _ in true }
            }
        }
    }

    @Test func aFileWithoutANameLivesWhileTheKernelRemembersIt() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f", [1, 2, 3])
            volume.remember(inode)
            try volume.unlink(.root, volume.name("f"), context: someone)
            while try volume.tick() {}
            #expect(try volume.read(direct(inode), 0, 3) == [1, 2, 3])
            volume.forget(inode, count: 1)
            while try volume.tick() {}
            #expect(throws: VolumeError.stale) { try volume.read(direct(inode), 0, 3) }
        }
    }

    @Test func onlyAVolumeThatIsWrittenHereDoesWithoutHandles() throws {
        try VolumeHarness.with { harness in
            #expect(!harness.volume.keepsHandles)
            harness.volume.setWritesBack(true)
            #expect(harness.volume.keepsHandles)
            harness.configuration.readOnly = true
            try harness.kill()
            #expect(harness.volume.keepsHandles)
        }
    }
}
