import BlobModel
import Codec
import Testing
import VolumeFormat

/// The row of a pack, with and without chunks that have left it (`Docs/Formats/rows.md`).
@Suite struct PackRowTests {
    private static func row(_ departed: Range<UInt64>?) -> PackRow {
        PackRow(
            blob: BlobID(bytes: [UInt8](repeating: 7, count: 32)),
            kind: PackKind.contents.rawValue,
            sequence: 0,
            salt: [UInt8](repeating: 9, count: 32),
            length: 1000,
            state: .certified,
            end: 12,
            departed: departed
        )
    }

    @Test func departuresComeAfterAllElseAndOnlyWhereThereAreAny() throws {
        let plain = Self.row(nil).bcsBytes
        let left = Self.row(3..<0x0102).bcsBytes
        #expect(plain.count == 1 + 32 + 1 + 8 + 32 + 8 + 1 + 4)
        #expect(left == plain + [3, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])
        for departed in [nil, 3..<0x0102, 5..<5] as [Range<UInt64>?] {
            let row = Self.row(departed)
            #expect(try PackRow(bcsBytes: row.bcsBytes) == row)
        }
    }

    @Test func rangesThatAreNoneAreRefused() {
        let plain = Self.row(nil).bcsBytes
        let back: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
        let long = Array(Self.row(1..<2).bcsBytes.suffix(16)) + [0]
        for rest in [back, [1], Array(back.prefix(8)), long] {
            #expect(throws: CodecError.self) { try PackRow(bcsBytes: plain + rest) }
        }
    }

    @Test func departuresAddUp() {
        var row = Self.row(nil)
        row.noteDeparture(5..<9)
        #expect(row.departed == 5..<9)
        row.noteDeparture(7..<11)
        #expect(row.departed == 5..<11)
        row.noteDeparture(2..<3)
        #expect(row.departed == 2..<11)
    }
}
