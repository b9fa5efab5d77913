import BlobModel
import Codec
import Testing
import VolumeFormat

@Suite struct RunTests {
    /// Builds a run and returns its packs and what a manifest says of it.
    private func build(
        _ rows: [RowImage],
        kind: PackKind = .delta,
        packLength: Int = 300_000
    ) -> (packs: [SealedPack], run: Run) {
        var id: UInt64 = 0
        var packs: [SealedPack] = []
        let builder = RunBuilder(
            kind: kind,
            sequence: 3,
            volume: Sample.volume,
            keys: Sample.keys,
            packLength: packLength,
            numbering: PackNumbering(
                nextID: {
                    id += 1
                    return id
                },
                nextSalt: { [UInt8](repeating: UInt8(id & 255), count: 32) }
            )
        )
        for row in rows {
            if let full = builder.append(row) { packs.append(full) }
        }
        let (last, unplaced) = builder.finish()
        packs += last
        let references = packs.enumerated().map { number, pack in
            PackReference(
                header: pack.header,
                blob: Sample.blob(UInt8(number)),
                length: UInt64(pack.bytes.count)
            )
        }
        return (packs, unplaced.placed(in: references))
    }

    private func load(
        _ packs: [SealedPack],
        _ run: Run
    ) throws -> (entries: [RunIndex.Entry], rows: [RowImage]) {
        let readers = try packs.map {
            try PackReader($0.bytes, volume: Sample.volume, keys: Sample.keys)
        }
        var bytes: [UInt8] = []
        for place in run.index {
            bytes += try readers[Int(place.pack)].open(place.chunk, place.layout)
        }
        let index = try RunIndex(bytes: bytes, of: run)
        var rows: [RowImage] = []
        for entry in index.entries {
            let place = entry.place
            let plain = try readers[Int(place.pack)].open(place.chunk, place.layout)
            rows += try RunIndex.leaf(plain, of: entry).rows
        }
        return (index.entries, rows)
    }

    private func rows(_ count: Int, seed: UInt64) -> [RowImage] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { number in
            var key = ByteWriter()
            key.write(bigEndian: UInt64(number / 3))
            key.write(UInt8(number % 3))
            let value = number % 17 == 0 ? nil : random.bytes(Int(random.next() % 120))
            return RowImage(table: number < count / 2 ? 1 : 2, key: key.bytes, value: value)
        }
    }

    @Test(arguments: [0, 1, 2, 700, 12_000])
    func whatGoesInComesOutInOrder(count: Int) throws {
        let rows = rows(count, seed: 8)
        let (packs, run) = build(rows)
        #expect(run.rowCount == UInt64(count))
        #expect(count < 10_000 || packs.count > 1)
        for pack in packs { #expect(pack.bytes.count <= 300_000) }
        let loaded = try load(packs, run)
        #expect(loaded.rows == rows)
        #expect(try Run(bcsBytes: run.bcsBytes) == run)
    }

    @Test func leavesAreOfAUsefulSize() throws {
        let (packs, run) = build(rows(40_000, seed: 9))
        let entries = try load(packs, run).entries
        let average = Int(run.byteCount) / entries.count
        #expect((20_000...200_000).contains(average))
        for entry in entries { #expect(entry.place.layout.length <= 260 << 10) }
    }

    @Test func aRowMoreChangesFewLeaves() throws {
        var rows = rows(30_000, seed: 10)
        let before = build(rows)
        rows.insert(RowImage(table: 0, key: [1], value: [2]), at: 0)
        let after = build(rows)
        let old = Set(try load(before.packs, before.run).entries.map(\.place.chunk))
        let new = Set(try load(after.packs, after.run).entries.map(\.place.chunk))
        #expect(new.subtracting(old).count <= 2)
        #expect(old.count > 10)
    }

    @Test func longRowsFitAndMakeLeavesOfTheirOwn() throws {
        let rows = (0..<5).map {
            RowImage(
                table: 3,
                key: [UInt8](repeating: UInt8($0), count: RowImage.keyLengthMax),
                value: [UInt8](repeating: 5, count: RowImage.valueLengthMax)
            )
        }
        let (packs, run) = build(rows)
        #expect(try load(packs, run).rows == rows)
    }

    @Test func aLeafOutOfOrderIsRefused() {
        let row = { (key: UInt8) in RowImage(table: 1, key: [key], value: nil) }
        let good = Leaf(rows: [row(1), row(2)]).bcsBytes
        var swapped = good
        swapped.swapAt(3, 7)
        #expect(throws: CodecError.unsortedMap) { try Leaf(bcsBytes: swapped) }
        var twice = good
        twice[7] = twice[3]
        #expect(throws: CodecError.unsortedMap) { try Leaf(bcsBytes: twice) }
    }

    @Test func anIndexMustFitItsRun() throws {
        let (packs, run) = build(rows(700, seed: 11))
        let entries = try load(packs, run).entries
        let place = entries[0].place
        let far = RunPlace(pack: 99, chunk: place.chunk, layout: place.layout)
        let wrong = RunIndex(entries: [
            RunIndex.Entry(table: 1, key: entries[0].key, place: far)
        ])
        #expect(throws: VolumeFormatError.self) {
            try RunIndex(bytes: wrong.bcsBytes, of: run)
        }
        let twice = RunIndex(entries: [entries[0], entries[0]])
        #expect(throws: VolumeFormatError.malformed(.unsortedMap)) {
            try RunIndex(bytes: twice.bcsBytes, of: run)
        }
    }
}
