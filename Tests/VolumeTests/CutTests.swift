import Codec
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

struct CutTests {
    /// The rows that a snapshot calls dirty.
    private func dirty(_ snapshot: any CutSnapshot) throws -> [RowImage] {
        var rows: [RowImage] = []
        try snapshot.forEachDirtyRow { rows.append($0) }
        return rows
    }

    private func rows(_ rows: [RowImage], _ table: RowTable) -> [RowImage] {
        rows.filter { $0.table == table.rawValue }
    }

    @Test func aCutShowsTheVolumeAsItWas() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try volume.makeFile("a", [1, 2, 3])
            let snapshot = try volume.cut()
            try volume.makeFile("b", [4])
            try volume.unlink(.root, volume.name("a"), context: someone)
            let rows = try dirty(snapshot)
            #expect(self.rows(rows, .dirents).map(\.key) == [RowKey.named(1, [0x61])])
            #expect(self.rows(rows, .inodes).allSatisfy { $0.value != nil })
            #expect(self.rows(rows, .inodes).count == 2)
            #expect(self.rows(rows, .slices).count == 1)
            let ranges = try snapshot.unplacedRanges()
            #expect(ranges.map(\.length) == [3])
            let range = try #require(ranges.first)
            // What was deleted since is still there to be uploaded.
            #expect(
                try volume.readSlice(range.slice, offset: range.offset, length: 3) == [1, 2, 3]
            )
            snapshot.close()
        }
    }

    @Test func aFinishedCutIsForgottenAndTheNextHasOnlyWhatCameAfter() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try volume.makeFile("a", [1, 2, 3])
            let first = try volume.cut()
            #expect(volume.cutInFlight() == first.generation)
            try volume.makeFile("b", [4])
            first.close()
            try volume.finishCut(generation: first.generation, sequence: 1)
            #expect(volume.cutInFlight() == nil)
            #expect(volume.unpublished().bytes > 0)
            let second = try volume.cut()
            #expect(volume.unpublished().bytes == 0)
            let rows = try dirty(second)
            #expect(self.rows(rows, .dirents).map(\.key) == [RowKey.named(1, [0x62])])
            #expect(try second.unplacedRanges().map(\.length) == [1])
            let slices: [SliceRow] = try self.rows(rows, .slices).map { row in
                try SliceRow(bcsBytes: row.value ?? [])
            }
            // Written while the first cut was in flight, so it may have been the first's.
            #expect(slices.map(\.born) == [1])
            second.close()
        }
    }

    @Test(arguments: [false, true])
    func anAbandonedCutGoesIntoTheNext(crashes: Bool) throws {
        try VolumeHarness.with { harness in
            try harness.volume.makeFile("a", [1, 2, 3])
            try harness.volume.makeFile("c", [7])
            let first = try harness.volume.cut()
            try harness.volume.makeFile("b", [4])
            try harness.volume.unlink(.root, [0x63], context: someone)
            first.close()
            if crashes { try harness.kill() }
            let volume = harness.volume
            #expect(volume.cutInFlight() == first.generation)
            try volume.abandonCut(generation: first.generation)
            #expect(volume.unpublished().bytes >= 4)
            let second = try volume.cut()
            let rows = try dirty(second)
            let names = self.rows(rows, .dirents)
            #expect(names.map { $0.key.last } == [0x61, 0x62, 0x63])
            #expect(names.map { $0.value == nil } == [false, false, true])
            #expect(try second.unplacedRanges().map(\.length) == [3, 1])
            try volume.checkInvariants()
            second.close()
        }
    }

    @Test func whatIsUnpublishedIsKnownAfterARestart() throws {
        try VolumeHarness.with { harness in
            try harness.volume.makeFile("a", [1])
            try harness.volume.synchronize()
            try harness.kill()
            #expect(harness.volume.unpublished().bytes == 1)
            let cut = try harness.volume.cut()
            cut.close()
            try harness.volume.finishCut(generation: cut.generation, sequence: 1)
            try harness.kill()
            #expect(harness.volume.unpublished().bytes == 0)
            #expect(harness.volume.unpublished().age == 0)
        }
    }

    @Test(arguments: [false, true])
    func anOrphanIsInNoCheckpointUntilItGetsAName(crashes: Bool) throws {
        try VolumeHarness.with { harness in
            let (attributes, handle) = try harness.volume.createUnnamed(
                in: .root,
                permissions: 0o600,
                flags: [.read, .write],
                context: someone
            )
            try harness.volume.write(handle, 0, [1, 2])
            let key = RowKey.number(attributes.inode.rawValue)
            let first = try harness.volume.cut()
            let rows = try dirty(first)
            #expect(self.rows(rows, .inodes).first { $0.key == key }?.value == nil)
            #expect(self.rows(rows, .extents).allSatisfy { $0.value == nil })
            // Its bytes are placed nevertheless: the log does not keep them for it alone.
            #expect(try first.unplacedRanges().map(\.length) == [2])
            first.close()
            try harness.volume.finishCut(generation: first.generation, sequence: 1)
            _ = try harness.volume.link(attributes.inode, to: .root, [0x61], context: someone)
            if crashes { try harness.kill() }
            let second = try harness.volume.cut()
            let again = try dirty(second)
            #expect(self.rows(again, .inodes).contains { $0.key == key && $0.value != nil })
            #expect(self.rows(again, .extents).count == 1)
            #expect(self.rows(again, .extents).allSatisfy { $0.value != nil })
            second.close()
        }
    }

    @Test func sharedBytesAreUnplacedOnce() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try volume.makeFile("a", [UInt8](1...100))
            let a = try volume.open(
                try volume.lookup(.root, [0x61]).inode,
                flags: [.read],
                context: someone
            )
            let (_, b) = try volume.create(
                in: .root,
                [0x62],
                permissions: 0o644,
                flags: [.write],
                context: someone
            )
            #expect(try volume.copyRange(from: a, offset: 0, to: b, offset: 7, length: 60) == 60)
            let snapshot = try volume.cut()
            let ranges = try snapshot.unplacedRanges()
            #expect(ranges.reduce(0) { $0 + Int($1.length) } == 100)
            snapshot.close()
        }
    }

    @Test func placedBytesAreReadFromTheNetworkOnceTheLogHasLetThemGo() async throws {
        struct Placed: PlacedReader {
            func readCached(
                _ slice: UInt64,
                offset: UInt32,
                into buffer: UnsafeMutableRawBufferPointer
            ) throws(VolumeError) -> Bool { false }
            func read(
                _ slice: UInt64,
                offset: UInt32,
                length: UInt32
            ) async throws(VolumeError) -> [UInt8] {
                [UInt8](repeating: 0x5A, count: Int(length))
            }
        }
        let pending = try VolumeHarness.with { harness in
            harness.configuration.cleanCap = 0
            try harness.kill()
            let volume = harness.volume
            volume.setPlacedReader(Placed())
            let block = [UInt8](repeating: 7, count: 600_000)
            for name in ["a", "b", "c", "d"] { try volume.makeFile(name, block) }
            let cut = try volume.cut()
            cut.close()
            try volume.synchronize()
            try volume.finishCut(generation: cut.generation, sequence: 1)
            let inode = try volume.lookup(.root, [0x61]).inode
            let handle = try volume.open(inode, flags: [.read], context: someone)
            var bytes = [UInt8](repeating: 0, count: 100)
            let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
                try unsafe volume.read(handle, offset: 5, into: buffer)
            }
            try volume.checkInvariants()
            guard case .pending(let fetch) = outcome else { throw VolumeError.notFound }
            return fetch
        }
        #expect(try await pending() == [UInt8](repeating: 0x5A, count: 100))
    }

    @Test func aVolumeIsLoadedFromTheRowsOfAnother() throws {
        var loaded: [RowImage] = []
        var mark: UInt64 = 0
        let expected = try VolumeHarness.with { harness in
            let volume = harness.volume
            let folder = try volume.makeDirectory(
                in: .root,
                [0x64],
                permissions: 0o755,
                context: someone
            )
            _ = try volume.makeSymlink(
                in: folder.inode,
                [0x73],
                target: [0x74],
                context: someone
            )
            try volume.makeFile("empty", in: folder.inode)
            let cut = try volume.cut()
            for table in RowTable.allCases {
                try cut.forEachRow(of: table) { loaded.append($0) }
            }
            mark = cut.inodeMark
            cut.close()
            return try volume.describe()
        }
        try VolumeHarness.with(hasRoot: false) { harness in
            try harness.volume.load(loaded)
            try harness.volume.finishLoading(sequence: 1, inodeMark: mark)
            try harness.kill()
            #expect(try harness.volume.describe() == expected)
            #expect(harness.volume.unpublished().bytes == 0)
            let inode = try harness.volume.makeFile("new")
            #expect(inode.rawValue >= mark)
            try harness.volume.checkInvariants()
        }
    }

    @Test func placementAndLocalValuesAreKept() throws {
        try VolumeHarness.with { harness in
            let row = RowImage(
                table: RowTable.packs.rawValue,
                key: RowKey.number(5),
                value: [1, 2]
            )
            try harness.volume.place([row])
            try harness.volume.setLocalValue("intent", [9])
            try harness.crash(seed: 0)
            #expect(try harness.volume.value(of: .packs, RowKey.number(5)) == [1, 2])
            #expect(
                try harness.volume.rows(of: .packs, from: [], to: nil, limit: 10) == [row]
            )
            #expect(try harness.volume.localValue("intent") == [9])
            try harness.volume.setLocalValue("intent", nil)
            #expect(try harness.volume.localValue("intent") == nil)
        }
    }

    @Test func withoutALeaseNothingIsWritten() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            try volume.makeFile("a", [1])
            try volume.setLeaseToken(nil)
            #expect(throws: VolumeError.readOnly) { try volume.makeFile("b") }
            #expect(throws: VolumeError.readOnly) {
                try volume.unlink(.root, [0x61], context: someone)
            }
            #expect(try volume.contents(try volume.lookup(.root, [0x61]).inode) == [1])
            try volume.setLeaseToken(7)
            let inode = try volume.makeFile("b", [2])
            #expect(try volume.attributes(of: inode).generation == 7)
            let cut = try volume.cut()
            #expect(try cut.unplacedRanges().map { $0.slice >> 40 } == [1, 7])
            cut.close()
        }
    }
}
