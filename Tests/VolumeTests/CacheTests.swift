import Synchronization
import SystemIO
import Testing

@testable import Volume

/// What is in memory, and what is not.
struct CacheTests {
    private func names(_ entries: [DirectoryEntry]) -> [String] {
        entries.map { String(decoding: $0.name, as: UTF8.self) }
    }

    /// All entries of the root, asked for `limit` at a time; each answer must be full but the last.
    private func list(_ volume: Volume, by limit: Int) throws -> [DirectoryEntry] {
        let handle = try volume.openDirectory(.root)
        defer { volume.releaseDirectory(handle) }
        var entries: [DirectoryEntry] = []
        while true {
            let after = entries.last?.cookie ?? 2
            let part = try volume.locked { (core) throws(VolumeError) in
                try core.readDirectory(handle, after: after, limit: limit)
            }
            #expect(part.count <= limit)
            entries += part
            if part.count < limit { return entries }
        }
    }

    @Test(arguments: [1, 2, 3, 5, 100])
    func aListingMergesMemoryWithTheDatabase(limit: Int) throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            for index in 0..<12 { try volume.makeFile("old\(index)") }
            try volume.locked { (core) throws(VolumeError) in try core.flush() }
            // Removed, replaced by a rename, moved to the end, removed and made anew.
            for index in [0, 3, 4, 5, 11] {
                try volume.unlink(.root, volume.name("old\(index)"), context: someone)
            }
            for (from, to) in [("old1", "old2"), ("old6", "new6")] {
                try volume.rename(
                    .root,
                    volume.name(from),
                    to: .root,
                    volume.name(to),
                    flags: [],
                    context: someone
                )
            }
            try volume.makeFile("old4")
            try volume.makeFile("new1")
            try volume.makeFile("gone")
            try volume.unlink(.root, volume.name("gone"), context: someone)
            let merged = try list(volume, by: limit)
            try volume.locked { (core) throws(VolumeError) in
                #expect(!core.pendingNames.isEmpty, "a listing leaves in memory what is there")
                try core.flush()
                #expect(core.pendingNames.isEmpty)
            }
            let stored = try list(volume, by: limit)
            #expect(merged.map(\.cookie) == stored.map(\.cookie))
            #expect(names(merged) == names(stored))
            #expect(merged.map(\.cookie) == merged.map(\.cookie).sorted())
            let expected = ["old2", "old4", "old7", "old8", "old9", "old10", "new6", "new1"]
            #expect(Set(names(merged)) == Set(expected))
            #expect(merged.count == expected.count)
        }
    }

    @Test func aWalkKeepsTheCachesWithinTheirBound() throws {
        try VolumeHarness.with { harness in
            harness.configuration.cacheBytes = 1 << 20
            for folder in 0..<12 {
                let made = try harness.volume.makeDirectory(
                    in: .root,
                    harness.volume.name("d\(folder)"),
                    permissions: 0o755,
                    context: someone
                )
                for index in 0..<1000 { try harness.volume.makeFile("f\(index)", in: made.inode) }
            }
            try harness.kill()
            let volume = harness.volume
            var most = 0
            for folder in 0..<12 {
                let inode = try volume.lookup(.root, volume.name("d\(folder)")).inode
                for index in 0..<1000 { _ = try volume.lookup(inode, volume.name("f\(index)")) }
                most = max(most, volume.core.withLock { $0.inodes.count })
            }
            // A mebibyte of 320 bytes each, the steps in between, and the last sweep's survivors.
            #expect(most < 8000, "\(most) inodes stay in memory")
        }
    }

    /// A directory whose names are all in memory is asked nothing else; swept, it is again.
    @Test func namesAreFoundAfterTheCachesWereSwept() throws {
        try VolumeHarness.with { harness in
            harness.configuration.cacheBytes = 1 << 16
            try harness.kill()
            let volume = harness.volume
            let folder = try volume.makeDirectory(
                in: .root,
                volume.name("d"),
                permissions: 0o755,
                context: someone
            ).inode
            try volume.makeFile("first", in: folder)
            volume.core.withLock { core in
                #expect(core.inodes[folder.rawValue]?.hasAllNames == true)
            }
            for index in 0..<6000 { try volume.makeFile("f\(index)", in: folder) }
            volume.core.withLock { core in
                #expect(core.inodes[folder.rawValue]?.hasAllNames != true)
            }
            _ = try volume.lookup(folder, volume.name("first"))
            #expect(throws: VolumeError.notFound) {
                try volume.lookup(folder, volume.name("none"))
            }
            #expect(throws: VolumeError.exists) { try volume.makeFile("f17", in: folder) }
            #expect(try volume.list(folder).count == 6001)
        }
    }

    /// As a million of them would drive out everything else.
    @Test func aListingOfNamesLooksAtNoInode() throws {
        try VolumeHarness.with { harness in
            for index in 0..<300 { try harness.volume.makeFile("f\(index)") }
            try harness.volume.synchronize()
            try harness.kill()
            let volume = harness.volume
            let handle = try volume.openDirectory(.root)
            defer { volume.releaseDirectory(handle) }
            var names: [DirectoryEntry] = []
            try volume.readDirectory(handle, after: 2, withAttributes: false) { entry in
                names.append(entry)
                return true
            }
            #expect(names.count == 300)
            #expect(names.allSatisfy { $0.attributes == nil && $0.kind == .regular })
            volume.core.withLock { #expect($0.inodes.count == 1) }
            let whole = try volume.list(.root)
            #expect(whole.map(\.inode) == names.map(\.inode))
            #expect(whole.map(\.attributes?.inode) == names.map(\.inode))
        }
    }

    /// It had 4 GiB after some hundred thousand changes all over a large directory, and each read
    /// of a page took longer for it.
    @Test func theViewsOwnLogBeginsAnew() throws {
        try VolumeHarness.with { harness in
            harness.configuration.viewLogPages = 64
            try harness.kill()
            let volume = harness.volume
            var most = 0
            for round in 0..<40 {
                for index in 0..<100 { try volume.makeFile("\(round)-\(index)") }
                harness.time.advance(by: harness.configuration.commitAge)
                try volume.tick()
                most = max(most, volume.core.withLock { $0.database.logPages })
            }
            // What one round adds may come on top.
            #expect(most > 64 && most < 64 + 400, "\(most) pages")
            try harness.kill()
            #expect(try harness.volume.list(.root).count == 4000)
            try harness.volume.checkInvariants()
        }
    }
}
