import Codec
import Testing
import VolumeFormat

@testable import Volume

/// What a check finds in volumes whose rows were changed behind their back.
struct FsckTests {
    /// A tree with one of everything: inode 2 is a folder, 3 a file in it, 4 a symlink, 5 a file.
    private func plant(_ volume: Volume) throws {
        let folder = try volume.makeDirectory(
            in: .root,
            volume.name("folder"),
            permissions: 0o755,
            context: someone
        ).inode
        let file = try volume.makeFile("file", in: folder, [UInt8](repeating: 7, count: 5000))
        _ = try volume.makeSymlink(
            in: .root,
            volume.name("soft"),
            target: [0x74],
            context: someone
        )
        try volume.makeFile("other", [1, 2, 3])
        try volume.setExtendedAttribute(
            of: file,
            volume.name("user.a"),
            [1],
            mode: .create,
            context: someone
        )
    }

    private func change(_ volume: Volume, _ rows: [(RowTable, [UInt8], [UInt8]?)]) throws {
        try volume.locked { (core) throws(VolumeError) in
            for (table, key, value) in rows { core.put(table, key, value) }
            try core.finish()
        }
    }

    private func inode(
        _ volume: Volume,
        _ number: UInt64,
        _ body: (inout InodeRow) -> Void
    ) throws {
        let bytes = try volume.value(of: .inodes, RowKey.number(number))
        var row = try InodeRow(bcsBytes: bytes ?? [])
        body(&row)
        try change(volume, [(.inodes, RowKey.number(number), row.bcsBytes)])
    }

    private func slice(of volume: Volume) throws -> (key: [UInt8], row: SliceRow) {
        let rows = try volume.rows(of: .slices, from: [], to: nil, limit: 1)
        let row = try #require(rows.first)
        return (row.key, try SliceRow(bcsBytes: row.value ?? []))
    }

    private typealias Sabotage = @Sendable (FsckTests, Volume) throws -> Void

    /// A kind of damage, what is done, and whether what is right is certain.
    private struct Damage: Sendable {
        let kind: FsckProblem.Kind
        let isCertain: Bool
        let sabotage: Sabotage

        init(_ kind: FsckProblem.Kind, isCertain: Bool = true, _ sabotage: @escaping Sabotage) {
            self.kind = kind
            self.isCertain = isCertain
            self.sabotage = sabotage
        }
    }

    private func dirent(
        _ volume: Volume,
        _ parent: UInt64,
        _ name: String,
        _ body: (inout DirentRow) -> Void
    ) throws {
        let key = RowKey.named(parent, volume.name(name))
        var row = try DirentRow(bcsBytes: try volume.value(of: .dirents, key) ?? [])
        body(&row)
        try change(volume, [(.dirents, key, row.bcsBytes)])
    }

    private func forget(_ volume: Volume, _ parent: UInt64, _ name: String) throws {
        try change(volume, [(.dirents, RowKey.named(parent, volume.name(name)), nil)])
    }

    private static let sabotages: [Damage] = [
        Damage(.unreadableRow, isCertain: false) {
            try $0.change($1, [(.inodes, RowKey.number(5), [1, 2])])
        },
        Damage(.noInode, isCertain: false) {
            try $0.change($1, [(.symlinks, RowKey.number(4), nil)])
        },
        Damage(.noInode, isCertain: false) {
            try $0.change($1, [(.xattrs, RowKey.named(77, [0x61]), [1])])
        },
        // A name of nothing at all goes; one of an inode that left something behind stays.
        Damage(.noInode) { test, volume in
            let row = DirentRow(inode: 900, kind: 1, cookie: 3)
            try test.change(volume, [(.dirents, RowKey.named(2, [0x67]), row.bcsBytes)])
        },
        Damage(.noInode, isCertain: false) { test, volume in
            try test.change(volume, [(.inodes, RowKey.number(3), nil)])
        },
        Damage(.directory) { try $0.inode($1, 2) { $0.entries = 9 } },
        Damage(.directory) { try $0.inode($1, 2) { $0.cookie = 3 } },
        Damage(.directory) { try $0.dirent($1, 2, "file") { $0.kind = 3 } },
        Damage(.directory) { try $0.dirent($1, 1, "other") { $0.cookie = 3 } },
        Damage(.linkCount) { try $0.inode($1, 3) { $0.links = 2 } },
        Damage(.linkCount) { try $0.inode($1, 1) { $0.links = 2 } },
        Damage(.linkCount) { try $0.forget($1, 1, "other") },
        Damage(.linkCount) { try $0.forget($1, 1, "folder") },
        Damage(.unreachable) { try $0.inode($1, 2) { $0.parent = 2 } },
        Damage(.extent, isCertain: false) { try $0.inode($1, 3) { $0.size = 10 } },
        Damage(.extent, isCertain: false) { test, volume in
            let extent = ExtentRow(length: 10, slice: 999, start: 0)
            let key = RowKey.extent(3, offset: 4000)
            try test.change(volume, [(.extents, key, extent.bcsBytes)])
        },
        Damage(.storedBytes) { try $0.inode($1, 3) { $0.stored = 1 } },
        Damage(.sliceReferences) { test, volume in
            var (key, row) = try test.slice(of: volume)
            row.refs += 1
            try test.change(volume, [(.slices, key, row.bcsBytes)])
        },
        Damage(.sliceLife) { test, volume in
            var (key, row) = try test.slice(of: volume)
            row.died = 1
            try test.change(volume, [(.slices, key, row.bcsBytes)])
        },
        Damage(.sliceLife) { test, volume in
            var (key, row) = try test.slice(of: volume)
            row.born = 99
            try test.change(volume, [(.slices, key, row.bcsBytes)])
        },
        Damage(.lostBytes, isCertain: false) { _, volume in
            try volume.locked { (core) throws(VolumeError) in
                for slice in core.slices.values {
                    slice.pieces = []
                    core.batch.rewritten.insert(slice.number)
                }
            }
        },
        Damage(.placement, isCertain: false) { test, volume in
            let row = SliceChunkRow(
                chunk: [UInt8](repeating: 3, count: 32),
                start: 0,
                length: 10
            )
            let key = RowKey.sliceChunk(5, offset: 0)
            try test.change(volume, [(.sliceChunks, key, row.bcsBytes)])
        },
        Damage(.mark) { _, volume in
            try volume.locked { (core) throws(VolumeError) in core.inodeMark = 3 }
        },
        Damage(.total) { _, volume in
            try volume.locked { (core) throws(VolumeError) in core.inodeCount += 1 }
        },
    ]

    @Test func aSoundVolumeIsClean() throws {
        try VolumeHarness.with { harness in
            try plant(harness.volume)
            for _ in 0..<2 {
                let report = try harness.volume.check()
                #expect(report.isClean, "\(report.problems)")
                #expect(report.exitCode == 0)
                #expect(report.inodes == 5 && report.names == 4)
                #expect(report.extents == 2 && report.slices == 2)
                try harness.kill()
            }
        }
    }

    /// Damage is told by its kind; what is certain is repaired for good, by ordinary operations;
    /// the rest is told and left as it is.
    @Test(arguments: sabotages.indices)
    func whatDisagreesIsFoundAndRepairedIfCertain(index: Int) throws {
        let damage = Self.sabotages[index]
        try VolumeHarness.with { harness in
            // Reading would write inodes as memory has them.
            harness.volume.setOmitsAccessTimes(true)
            try plant(harness.volume)
            let sizes = try sizes(in: harness.volume)
            try damage.sabotage(self, harness.volume)
            let found = try harness.volume.check()
            let problem = try #require(found.problems.first { $0.kind == damage.kind })
            #expect(problem.outcome == (damage.isCertain ? .repairable : .left), "\(problem)")
            #expect(found.exitCode == 4)
            // A check changes nothing.
            #expect(try harness.volume.check() == found)
            let repaired = try harness.volume.repair()
            #expect(repaired.problemCount == found.problemCount)
            guard damage.isCertain else {
                #expect(repaired.exitCode & 4 == 4)
                let left = try harness.volume.check()
                #expect(left.problems.contains { $0.kind == damage.kind }, "\(left.problems)")
                return
            }
            #expect(repaired.exitCode == 1, "\(repaired.problems)")
            #expect(repaired.problems.allSatisfy { $0.outcome == .repaired })
            #expect(try sizes == self.sizes(in: harness.volume))
            // Also for the next process, and for one after a power cut.
            for _ in 0..<2 {
                let after = try harness.volume.check()
                #expect(after.isClean, "\(after.problems)")
                try harness.volume.checkInvariants()
                try harness.crash(seed: UInt64(index))
            }
        }
    }

    /// The sizes of all files, wherever they are.
    private func sizes(in volume: Volume, _ inode: InodeNumber = .root) throws -> [UInt64] {
        var found: [UInt64] = []
        for entry in try volume.list(inode) {
            let attributes = try volume.lookup(inode, entry.name)
            switch attributes.kind {
            case .directory: found += try sizes(in: volume, attributes.inode)
            case .regular: found.append(UInt64(try volume.contents(attributes.inode).count))
            default: break
            }
        }
        return found.sorted()
    }

    @Test func whatLostItsNameComesToLostAndFound() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try plant(volume)
            // The name is taken already, and so is the place of the second.
            try volume.makeFile("lost+found", [1])
            try forget(volume, 1, "folder")
            try forget(volume, 1, "other")
            let report = try volume.repair()
            #expect(report.exitCode == 1, "\(report.problems)")
            let lost = try volume.lookup(.root, volume.name("lost+found#"))
            let folder = try volume.lookup(lost.inode, volume.name("#2"))
            let file = try volume.lookup(folder.inode, volume.name("file"))
            #expect(try volume.contents(file.inode) == [UInt8](repeating: 7, count: 5000))
            let other = try volume.lookup(lost.inode, volume.name("#5"))
            #expect(try volume.contents(other.inode) == [1, 2, 3])
            #expect(try volume.lookup(folder.inode, volume.name("..")).inode == lost.inode)
            #expect(try volume.check().isClean)
        }
    }

    @Test func everyKindOfProblemIsTried() {
        #expect(Set(Self.sabotages.map(\.kind)) == Set(FsckProblem.Kind.allCases))
    }

    /// A check of a volume in use sees one moment of it.
    @Test func aCheckSeesOneMoment() throws {
        try VolumeHarness.with { harness in
            try plant(harness.volume)
            let (facts, view) = try harness.volume.beginCheck()
            defer { view.close() }
            try harness.volume.makeFile("later", [UInt8](repeating: 1, count: 100))
            try harness.volume.unlink(.root, harness.volume.name("other"), context: someone)
            while try harness.volume.tick() {}
            try harness.volume.synchronize()
            var check = VolumeCheck(facts, view, checksPlacement: true)
            try check.run()
            #expect(check.report.isClean, "\(check.report.problems)")
            #expect(check.report.inodes == 5)
        }
    }
}
