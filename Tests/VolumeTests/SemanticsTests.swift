import SystemIO
import Testing

@testable import Volume

/// What POSIX and Linux say beyond errors.
struct SemanticsTests {
    @Test func aSetGroupDirectoryHandsItsGroupDown() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let folder = try volume.makeDirectory(
                in: .root,
                [0x64],
                permissions: 0o2755,
                context: someone
            )
            var changes = AttributeChanges()
            changes.group = 77
            let parent = try volume.setAttributes(
                of: folder.inode,
                changes,
                handle: nil,
                context: someone
            )
            #expect(parent.permissions == 0o2755, "a directory keeps its bits")
            let below = try volume.makeDirectory(
                in: folder.inode,
                [0x61],
                permissions: 0o700,
                context: someone
            )
            #expect(below.group == 77)
            #expect(below.permissions == 0o2700)
            let file = try volume.makeNode(
                in: folder.inode,
                [0x62],
                kind: .regular,
                permissions: 0o644,
                device: 0,
                context: someone
            )
            #expect(file.group == 77)
            #expect(file.permissions == 0o644)
        }
    }

    @Test(
        arguments: [
            (0o6755, 0o0755), (0o4711, 0o0711), (0o2745, 0o2745), (0o2755, 0o0755),
            (0o0644, 0o0644),
        ] as [(UInt16, UInt16)]
    )
    func writesAndChownsDropSetIDBits(before: UInt16, after: UInt16) throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let capability = Array("security.capability".utf8)
            for way in 0..<4 {
                let inode = try volume.makeFile("f\(way)", [1])
                var changes = AttributeChanges()
                changes.permissions = before
                _ = try volume.setAttributes(of: inode, changes, handle: nil, context: someone)
                try volume.setExtendedAttribute(
                    of: inode,
                    capability,
                    [1],
                    mode: .create,
                    context: someone
                )
                let handle = try volume.open(inode, flags: [.write], context: someone)
                changes = AttributeChanges()
                switch way {
                case 0:
                    _ = try unsafe [UInt8]([1]).withUnsafeBytes { bytes in
                        try unsafe volume.write(handle, offset: 0, bytes, killsPrivileges: true)
                    }
                case 1:
                    changes.user = 5
                    _ = try volume.setAttributes(
                        of: inode,
                        changes,
                        handle: nil,
                        context: someone
                    )
                case 2:
                    changes.size = 0
                    changes.killsPrivileges = true
                    _ = try volume.setAttributes(
                        of: inode,
                        changes,
                        handle: handle,
                        context: someone
                    )
                default:
                    let again = try volume.open(
                        inode,
                        flags: [.write, .truncate, .killsPrivileges],
                        context: someone
                    )
                    volume.release(again)
                }
                #expect(try volume.attributes(of: inode).permissions == after, "way \(way)")
                #expect(throws: VolumeError.noAttribute, "way \(way)") {
                    _ = try volume.extendedAttribute(of: inode, capability)
                }
                volume.release(handle)
            }
        }
    }

    @Test func holesAreFoundAndReadAsZeros() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (attributes, handle) = try volume.create(
                in: .root,
                [0x66],
                permissions: 0o644,
                flags: [.read, .write],
                context: someone
            )
            try volume.write(handle, 100, [1, 1])
            try volume.write(handle, 200, [2, 2])
            try volume.allocate(handle, mode: [], offset: 0, length: 300)
            let table: [(UInt64, Bool, UInt64?)] = [
                (0, true, 100), (100, true, 100), (101, true, 101), (102, true, 200),
                (202, true, nil), (299, true, nil), (300, true, nil),
                (0, false, 0), (100, false, 102), (101, false, 102), (200, false, 202),
                (299, false, 299), (300, false, nil),
            ]
            for (offset, toData, expected) in table {
                let found = try? volume.seek(handle, offset: offset, toData: toData)
                #expect(found == expected, "from \(offset), data \(toData)")
            }
            let bytes = try volume.read(handle, 0, 400)
            #expect(bytes.count == 300)
            #expect(bytes.indices.filter { bytes[$0] != 0 } == [100, 101, 200, 201])
            #expect(try volume.attributes(of: attributes.inode).blocks == 1)
            try volume.allocate(
                handle,
                mode: [.punchHole, .keepSize],
                offset: 101,
                length: 1000
            )
            #expect(try volume.read(handle, 99, 400).prefix(4) == [0, 1, 0, 0])
            #expect(try volume.attributes(of: attributes.inode).size == 300)
            try volume.allocate(handle, mode: [.zeroRange], offset: 0, length: 500)
            #expect(try volume.read(handle, 0, 600) == [UInt8](repeating: 0, count: 500))
            #expect(try volume.attributes(of: attributes.inode).blocks == 0)
        }
    }

    @Test func anOpenFileOutlivesItsName() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let (attributes, handle) = try volume.create(
                in: .root,
                [0x66],
                permissions: 0o644,
                flags: [.read, .write],
                context: someone
            )
            try volume.write(handle, 0, [1, 2, 3])
            volume.remember(attributes.inode)
            volume.remember(attributes.inode)
            try volume.unlink(.root, [0x66], context: someone)
            try volume.write(handle, 3, [4])
            #expect(try volume.read(handle, 0, 9) == [1, 2, 3, 4])
            #expect(try volume.attributes(of: attributes.inode).linkCount == 0)
            volume.release(handle)
            #expect(try volume.attributes(of: attributes.inode).size == 4)
            volume.forget(attributes.inode, count: 1)
            #expect(try volume.attributes(of: attributes.inode).size == 4)
            volume.forget(attributes.inode, count: 1)
            #expect(try volume.statistics().inodesUsed == 1)
            #expect(throws: VolumeError.stale) {
                _ = try volume.attributes(of: attributes.inode)
            }
            try volume.checkInvariants()
        }
    }

    @Test func orphansAreRemovedAfterACrash() throws {
        try VolumeHarness.with { harness in
            let (attributes, handle) = try harness.volume.create(
                in: .root,
                [0x66],
                permissions: 0o644,
                flags: [.write],
                context: someone
            )
            try harness.volume.write(handle, 0, [1, 2, 3])
            try harness.volume.unlink(.root, [0x66], context: someone)
            try harness.kill()
            try harness.volume.tick()
            #expect(throws: VolumeError.stale) {
                _ = try harness.volume.attributes(of: attributes.inode)
            }
            #expect(try harness.volume.statistics().inodesUsed == 1)
            try harness.volume.checkInvariants()
        }
    }

    @Test func aListingIsRightWhileEntriesComeAndGo() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            for index in 0..<600 { try volume.makeFile("old\(index)") }
            let handle = try volume.openDirectory(.root)
            var seen: [String] = []
            var count = 0
            try volume.readDirectory(handle, after: 0) { entry in
                seen.append(String(decoding: entry.name, as: UTF8.self))
                count += 1
                // Changes in the middle of the listing, behind and before it.
                if count == 100 {
                    do {
                        try volume.unlink(.root, volume.name("old5"), context: someone)
                        try volume.unlink(.root, volume.name("old500"), context: someone)
                        try volume.makeFile("new")
                    } catch { Issue.record(error) }
                }
                return true
            }
            volume.releaseDirectory(handle)
            #expect(seen.prefix(2) == [".", ".."])
            #expect(Set(seen).count == seen.count, "no entry comes twice")
            let steady = (0..<600).filter { $0 != 5 && $0 != 500 }.map { "old\($0)" }
            #expect(Set(steady).isSubset(of: Set(seen)))
        }
    }

    @Test func timesAreKeptToTheNanosecond() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f", [1])
            var changes = AttributeChanges()
            changes.accessed = .exactly(Timestamp(seconds: -5, nanoseconds: 999_999_999))
            changes.modified = .exactly(Timestamp(seconds: 1 << 33, nanoseconds: 1))
            _ = try volume.setAttributes(of: inode, changes, handle: nil, context: someone)
            try harness.kill()
            let found = try harness.volume.attributes(of: inode)
            #expect(found.accessed == Timestamp(seconds: -5, nanoseconds: 999_999_999))
            #expect(found.modified == Timestamp(seconds: 1 << 33, nanoseconds: 1))
        }
    }

    @Test func accessTimesAreKeptAsRelatimeDoes() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f", [1])
            func accessed() throws -> Timestamp { try volume.attributes(of: inode).accessed }
            let made = try accessed()
            harness.time.advance(by: .seconds(10))
            _ = try volume.contents(inode)
            let first = try accessed()
            #expect(first > made, "the first read after a change counts")
            harness.time.advance(by: .seconds(10))
            _ = try volume.contents(inode)
            #expect(try accessed() == first, "the next does not")
            harness.time.advance(by: .seconds(24 * 60 * 60))
            _ = try volume.contents(inode)
            #expect(try accessed() > first, "but it does after a day")
        }
    }

    @Test func aFullLogMakesWritesWaitAndLetsTheRestGoOn() async throws {
        let wait = try VolumeHarness.with { harness in
            harness.configuration.logCap = 1 << 20
            harness.configuration.hasUploader = true
            try harness.kill()
            let volume = harness.volume
            let (_, handle) = try volume.create(
                in: .root,
                [0x66],
                permissions: 0o644,
                flags: [.read, .write],
                context: someone
            )
            let bytes = [UInt8](repeating: 1, count: 600_000)
            try volume.write(handle, 0, bytes)
            let outcome = try unsafe bytes.withUnsafeBytes { bytes in
                try unsafe volume.write(handle, offset: 600_000, bytes, killsPrivileges: false)
            }
            guard case .mustWait(let wait) = outcome else { throw VolumeError.badHandle }
            try volume.makeFile("empty")
            try volume.unlink(.root, [0x66], context: someone)
            volume.release(handle)
            return wait
        }
        // Nothing is left of the file, so there is room again.
        try await wait()
    }

    @Test func aRenameCanLeaveAWhiteout() throws {
        try VolumeHarness.with { harness in
            let inode = try harness.volume.makeFile("a", [1, 2])
            try harness.volume.makeFile("b", [3])
            try harness.volume.rename(
                .root,
                [0x61],
                to: .root,
                [0x62],
                flags: [.whiteout],
                context: someone
            )
            try harness.kill()
            let volume = harness.volume
            let left = try volume.lookup(.root, [0x61])
            #expect(left.kind == .characterDevice && left.device == 0 && left.permissions == 0)
            #expect(left.user == someone.user)
            #expect(try volume.lookup(.root, [0x62]).inode == inode)
            #expect(try volume.list(.root).count == 2)
            #expect(try volume.statistics().inodesUsed == 3)
            try volume.checkInvariants()
        }
    }

    /// The kernel looks up `.` of what it has a file handle of and has forgotten.
    @Test func everyInodeIsFoundByItsNumber() throws {
        try VolumeHarness.with { harness in
            let inode = try harness.volume.makeFile("a")
            try harness.kill()
            #expect(try harness.volume.lookup(inode, [0x2E]).inode == inode)
            try harness.volume.unlink(.root, [0x61], context: someone)
            try harness.kill()
            #expect(throws: VolumeError.stale) { try harness.volume.lookup(inode, [0x2E]) }
        }
    }
}
