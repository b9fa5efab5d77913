import SystemIO
import Testing

@testable import Volume

/// What the comparison with the local filesystem found wrong once, without a kernel.
struct FoundBySuiteTests {
    private func file(
        _ volume: Volume,
        permissions: UInt16 = 0o6777
    ) throws -> (InodeNumber, HandleNumber) {
        let inode = try volume.makeFile("f", [1, 2, 3, 4])
        var changes = AttributeChanges()
        changes.permissions = permissions
        _ = try volume.setAttributes(of: inode, changes, handle: nil, context: someone)
        return (inode, try volume.open(inode, flags: [.read, .write], context: someone))
    }

    @Test(arguments: [[], [.keepSize], [.keepSize, .punchHole], [.zeroRange]] as [AllocationMode])
    func allocationsDropSetIDBitsAndChangeTheTimes(_ mode: AllocationMode) throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (inode, handle) = try file(volume)
            let before = try volume.attributes(of: inode)
            harness.time.advance(by: .seconds(1))
            try volume.allocate(handle, mode: mode, offset: 0, length: 2, killsPrivileges: true)
            let after = try volume.attributes(of: inode)
            #expect(after.permissions == 0o777)
            #expect(after.modified > before.modified && after.changed > before.changed)
        }
    }

    @Test func clonesDropSetIDBits() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (inode, handle) = try file(volume)
            let count = try volume.copyRange(
                from: handle,
                offset: 0,
                to: handle,
                offset: 100,
                length: 4,
                killsPrivileges: true
            )
            #expect(count == 4)
            #expect(try volume.attributes(of: inode).permissions == 0o777)
        }
    }

    @Test func truncatingOpensKeepSetIDBitsUnlessTold() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (inode, _) = try file(volume)
            volume.release(try volume.open(inode, flags: [.write, .truncate], context: someone))
            #expect(try volume.attributes(of: inode).permissions == 0o6777)
        }
    }

    @Test func aChangeOfNothingDropsSetIDBitsForTheOwnerAlone() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (inode, _) = try file(volume)
            let stranger = RequestContext(user: 77, group: 77, process: 1, umask: 0)
            let cases: [(RequestContext, UInt16)] = [(stranger, 0o6777), (someone, 0o777)]
            for (context, expected) in cases {
                let found = try volume.setAttributes(
                    of: inode,
                    AttributeChanges(),
                    handle: nil,
                    context: context
                )
                #expect(found.permissions == expected)
            }
        }
    }

    @Test func attributesHaveKnownNamespaces() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f")
            let names: [(String, VolumeError)] = [
                ("none", .unsupported), ("other.a", .unsupported), ("system.a", .unsupported),
                ("user", .unsupported), ("user.", .invalidArgument),
                ("trusted.", .invalidArgument), ("security.", .invalidArgument),
            ]
            for (name, error) in names {
                #expect(throws: error, "\(name)") {
                    try volume.setExtendedAttribute(
                        of: inode,
                        volume.name(name),
                        [1],
                        mode: .createOrReplace,
                        context: someone
                    )
                }
                #expect(throws: error, "\(name)") {
                    _ = try volume.extendedAttribute(of: inode, volume.name(name))
                }
            }
        }
    }

    @Test func anAttributeSetToWhatItIsChangesNoTime() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f")
            func set() throws {
                try volume.setExtendedAttribute(
                    of: inode,
                    volume.name("user.a"),
                    [1],
                    mode: .createOrReplace,
                    context: someone
                )
            }
            try set()
            let before = try volume.attributes(of: inode).changed
            harness.time.advance(by: .seconds(1))
            try set()
            #expect(try volume.attributes(of: inode).changed == before)
        }
    }

    @Test func listingAnEmptyDirectoryIsAnAccess() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            harness.time.advance(by: .seconds(10))
            let before = try volume.attributes(of: .root).accessed
            let handle = try volume.openDirectory(.root)
            try volume.readDirectory(handle, after: 0) { _ in true }
            #expect(try volume.attributes(of: .root).accessed > before)
        }
    }

    @Test func readsMayLeaveTheAccessTime() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f", [1])
            let before = try volume.attributes(of: inode).accessed
            harness.time.advance(by: .seconds(10))
            let handle = try volume.open(inode, flags: [.read, .noAccessTime], context: someone)
            #expect(try volume.read(handle, 0, 1) == [1])
            #expect(try volume.attributes(of: inode).accessed == before)
        }
    }
}
