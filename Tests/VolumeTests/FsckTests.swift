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

    private static let sabotages: [(FsckProblem.Kind, Sabotage)] = [
        (
            .unreadableRow,
            { try $0.change($1, [(.inodes, RowKey.number(5), [1, 2])]) }
        ),
        (.noInode, { try $0.change($1, [(.symlinks, RowKey.number(4), nil)]) }),
        (.noInode, { try $0.change($1, [(.xattrs, RowKey.named(77, [0x61]), [1])]) }),
        (.directory, { try $0.inode($1, 2) { $0.entries = 9 } }),
        (.directory, { try $0.inode($1, 2) { $0.cookie = 3 } }),
        (.linkCount, { try $0.inode($1, 3) { $0.links = 2 } }),
        (.linkCount, { try $0.inode($1, 1) { $0.links = 2 } }),
        (.unreachable, { try $0.inode($1, 2) { $0.parent = 2 } }),
        (.extent, { try $0.inode($1, 3) { $0.size = 10 } }),
        (
            .extent,
            { test, volume in
                let extent = ExtentRow(length: 10, slice: 999, start: 0)
                let key = RowKey.extent(3, offset: 4000)
                try test.change(volume, [(.extents, key, extent.bcsBytes)])
            }
        ),
        (.storedBytes, { try $0.inode($1, 3) { $0.stored = 1 } }),
        (
            .sliceReferences,
            { test, volume in
                var (key, row) = try test.slice(of: volume)
                row.refs += 1
                try test.change(volume, [(.slices, key, row.bcsBytes)])
            }
        ),
        (
            .sliceLife,
            { test, volume in
                var (key, row) = try test.slice(of: volume)
                row.died = 1
                try test.change(volume, [(.slices, key, row.bcsBytes)])
            }
        ),
        (
            .lostBytes,
            { _, volume in
                try volume.locked { (core) throws(VolumeError) in
                    for slice in core.slices.values { slice.pieces = [] }
                }
            }
        ),
        (
            .placement,
            { test, volume in
                let row = SliceChunkRow(
                    chunk: [UInt8](repeating: 3, count: 32),
                    start: 0,
                    length: 10
                )
                let key = RowKey.sliceChunk(5, offset: 0)
                try test.change(volume, [(.sliceChunks, key, row.bcsBytes)])
            }
        ),
        (
            .mark,
            { _, volume in
                try volume.locked { (core) throws(VolumeError) in core.inodeMark = 3 }
            }
        ),
        (
            .total,
            { _, volume in
                try volume.locked { (core) throws(VolumeError) in core.inodeCount += 1 }
            }
        ),
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

    @Test(arguments: sabotages.indices)
    func whatDisagreesIsFound(index: Int) throws {
        let (kind, sabotage) = Self.sabotages[index]
        try VolumeHarness.with { harness in
            try plant(harness.volume)
            try sabotage(self, harness.volume)
            let report = try harness.volume.check()
            #expect(
                report.problems.contains { $0.kind == kind },
                "\(kind): \(report.problems)"
            )
            #expect(report.exitCode == 4)
        }
    }

    @Test func everyKindOfProblemIsTried() {
        #expect(Set(Self.sabotages.map(\.0)) == Set(FsckProblem.Kind.allCases))
    }
}
