import BlobModel
import Codec
import Testing
import VolumeFormat

@testable import Volume

/// What the look for waste decides, row by row.
struct WasteScanTests {
    private static func blob(_ id: UInt8) -> BlobID {
        BlobID(bytes: [UInt8](repeating: id, count: 32))
    }

    private static func pack(_ id: UInt8, _ state: PackState = .certified) -> RowImage {
        let row = PackRow(
            blob: state == .sealed ? nil : blob(id),
            kind: PackKind.contents.rawValue,
            sequence: 0,
            salt: [UInt8](repeating: 0, count: 32),
            length: 1000,
            state: state,
            end: 9
        )
        return RowImage(
            table: RowTable.packs.rawValue,
            key: RowKey.number(UInt64(id)),
            value: row.bcsBytes
        )
    }

    private static func chunk(_ id: UInt8, in pack: UInt8) -> RowImage {
        let row = ChunkRow(pack: UInt64(pack), offset: 64, first: 0, length: 100, frames: [116])
        return RowImage(
            table: RowTable.chunks.rawValue,
            key: [UInt8](repeating: id, count: 32),
            value: row.bcsBytes
        )
    }

    private static func slice(_ id: UInt64, refs: UInt32, died: UInt64) -> RowImage {
        let row = SliceRow(length: 100, refs: refs, born: 1, died: died)
        return RowImage(
            table: RowTable.slices.rawValue,
            key: RowKey.number(id),
            value: row.bcsBytes
        )
    }

    private static func stretch(_ slice: UInt64, of chunk: UInt8) -> RowImage {
        let row = SliceChunkRow(chunk: [UInt8](repeating: chunk, count: 32), start: 0, length: 100)
        return RowImage(
            table: RowTable.sliceChunks.rawValue,
            key: RowKey.sliceChunk(slice, offset: 0),
            value: row.bcsBytes
        )
    }

    /// A look at rows: slices with the chunks that they lie in, one each.
    private static func scan(
        packs: [RowImage],
        chunks: [RowImage],
        slices: [(row: RowImage?, stretch: RowImage?)],
        gone: Set<BlobID> = [],
        kept: KeptCheckpoints = KeptCheckpoints(newest: 9, count: 3, pins: [])
    ) throws(CheckpointError) -> WasteScan.Waste {
        var scan = WasteScan(kept, gone: gone)
        for row in packs { try scan.add(pack: row) }
        for row in chunks { try scan.add(chunk: row) }
        for (slice, stretch) in slices {
            if let slice { try scan.begin(slice: slice) }
            if let stretch { try scan.add(stretch: stretch) }
        }
        scan.endSlices()
        for row in chunks { try scan.weigh(chunk: row) }
        scan.finish()
        return scan.waste
    }

    @Test func aSliceIsNeededByWhatIsKept() {
        let kept = KeptCheckpoints(newest: 9, count: 3, pins: [3])
        #expect(kept.oldest == 7)
        #expect([3, 7, 8, 9, 10].allSatisfy(kept.keeps))
        #expect(![1, 2, 4, 6].contains(where: kept.keeps))
        let table: [(refs: UInt32, born: UInt64, died: UInt64, isNeeded: Bool)] = [
            (1, 1, 0, true), (0, 1, 0, true), (2, 1, 5, true), (0, 8, 9, true), (0, 5, 8, true),
            (0, 5, 7, false), (0, 4, 5, false), (0, 1, 4, true), (0, 3, 4, true), (0, 1, 3, false),
        ]
        for (refs, born, died, isNeeded) in table {
            let row = SliceRow(length: 1, refs: refs, born: born, died: died)
            #expect(kept.need(row) == isNeeded, "\(refs) references, \(born) to \(died)")
        }
        #expect(KeptCheckpoints(newest: 2, count: 3, pins: []).oldest == 1)
    }

    @Test func theLedgersRuleIsOurs() {
        func retired(_ bornAfter: UInt64, _ sequence: UInt64) -> RetiredBlob {
            RetiredBlob(
                blob: Self.blob(1),
                encodedLength: 1,
                bornAfter: bornAfter,
                sequence: sequence,
                deletableFrom: 100
            )
        }
        #expect(retired(2, 5).isDeletable(head: 6, pins: [2, 6], at: 100))
        #expect(!retired(2, 5).isDeletable(head: 6, pins: [], at: 99))
        #expect(!retired(2, 5).isDeletable(head: 5, pins: [], at: 100))
        #expect(!retired(2, 5).isDeletable(head: 6, pins: [3], at: 100))
        #expect(!retired(2, 5).isDeletable(head: 6, pins: [5], at: 100))
    }

    @Test func aPackWithoutANeededChunkIsRetired() throws {
        let waste = try Self.scan(
            packs: [Self.pack(1), Self.pack(2), Self.pack(3), Self.pack(4, .sealed)],
            chunks: [Self.chunk(11, in: 1), Self.chunk(12, in: 2), Self.chunk(13, in: 2)],
            slices: [
                (Self.slice(1, refs: 0, died: 5), Self.stretch(1, of: 11)),
                (Self.slice(2, refs: 1, died: 0), Self.stretch(2, of: 12)),
                (Self.slice(3, refs: 0, died: 5), Self.stretch(3, of: 13)),
                (Self.slice(4, refs: 0, died: 9), nil),
            ]
        )
        #expect(try waste.retired.map { try RowKey.readNumber($0.key) } == [1, 3])
        #expect(waste.packs.isEmpty && waste.stretches.isEmpty && waste.slices.isEmpty)
        #expect(waste.sparseBytes == 116)
        #expect(waste.heldBytes == 100)
    }

    @Test func rowsOfWhatIsGoneGoAndOthersStay() throws {
        let waste = try Self.scan(
            packs: [Self.pack(1, .retired), Self.pack(2, .retired), Self.pack(3)],
            chunks: [Self.chunk(11, in: 1), Self.chunk(12, in: 2), Self.chunk(13, in: 3)],
            slices: [
                (Self.slice(1, refs: 0, died: 5), Self.stretch(1, of: 11)),
                (Self.slice(2, refs: 0, died: 5), Self.stretch(2, of: 12)),
                (Self.slice(3, refs: 1, died: 0), Self.stretch(3, of: 13)),
            ],
            gone: [Self.blob(1)]
        )
        #expect(try waste.packs.map { try RowKey.readNumber($0.key) } == [1])
        #expect(waste.chunks.map(\.key) == [[UInt8](repeating: 11, count: 32)])
        #expect(waste.stretches.map(\.key) == [RowKey.sliceChunk(1, offset: 0)])
        #expect(waste.slices == [1])
        #expect(waste.retired.isEmpty)
    }

    /// Whatever is in doubt ends the look, or is needed.
    @Test func inDoubtNothingGoes() throws {
        // A stretch of a slice that has no row.
        let waste = try Self.scan(
            packs: [Self.pack(1)],
            chunks: [Self.chunk(11, in: 1)],
            slices: [(nil, Self.stretch(1, of: 11))]
        )
        #expect(waste.isEmpty)
        // Something needed in a pack that is retired, or gone.
        for gone in [Set<BlobID>(), [Self.blob(1)]] {
            #expect(throws: CheckpointError.self) {
                try Self.scan(
                    packs: [Self.pack(1, .retired)],
                    chunks: [Self.chunk(11, in: 1)],
                    slices: [(Self.slice(1, refs: 1, died: 0), Self.stretch(1, of: 11))],
                    gone: gone
                )
            }
        }
        let bad = RowImage(table: RowTable.packs.rawValue, key: [1], value: [1])
        #expect(throws: CheckpointError.self) {
            try Self.scan(packs: [bad], chunks: [], slices: [])
        }
    }
}
