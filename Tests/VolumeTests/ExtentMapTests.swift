import Testing
import VolumeFormat

@testable import Volume

struct ExtentMapTests {
    /// One byte of a file: where it is, or a hole.
    private struct Byte: Equatable {
        var slice: UInt64
        var offset: UInt32
    }

    private func bytes(_ map: ExtentMap, _ count: Int) -> [Byte?] {
        var bytes = [Byte?](repeating: nil, count: count)
        map.forEach(from: 0, to: .max) { extent in
            for index in 0..<Int(extent.length) {
                bytes[Int(extent.offset) + index] = Byte(
                    slice: extent.slice,
                    offset: extent.start + UInt32(index)
                )
            }
            return true
        }
        return bytes
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func aMapIsTheBytesThatWereWritten(seed: UInt64) {
        var random = TestRandom(state: seed)
        let size = seed % 2 == 0 ? 64 : 20_000
        var map = ExtentMap()
        var model = [Byte?](repeating: nil, count: size)
        var rows: [UInt64: ExtentRow] = [:]
        var next: UInt32 = 0
        for step in 0..<3000 {
            let lower = Int.random(in: 0..<size, using: &random)
            let upper = Int.random(in: lower + 1...min(size, lower + 40), using: &random)
            let isHole = random.next() % 4 == 0
            var new: Extent?
            if !isHole {
                new = Extent(
                    offset: UInt64(lower),
                    length: UInt32(upper - lower),
                    slice: 1,
                    start: next
                )
                for index in lower..<upper {
                    model[index] = Byte(slice: 1, offset: next + UInt32(index - lower))
                }
                next += UInt32(upper - lower)
            } else {
                for index in lower..<upper { model[index] = nil }
            }
            let change = map.replace(from: UInt64(lower), to: UInt64(upper), with: new)
            // Rows are kept by the change alone.
            for extent in change.removed { rows[extent.offset] = nil }
            for extent in change.added { rows[extent.offset] = extent.row }
            if step % 100 == 0 { map.checkInvariants() }
        }
        map.checkInvariants()
        #expect(bytes(map, size) == model, "seed \(seed)")
        let all = map.prefix(.max)
        #expect(rows == Dictionary(uniqueKeysWithValues: all.map { ($0.offset, $0.row) }))
        for _ in 0..<100 {
            let lower = Int.random(in: 0..<size, using: &random)
            let upper = Int.random(in: lower + 1...size, using: &random)
            let expected = all.filter { $0.end > UInt64(lower) && $0.offset < UInt64(upper) }
            let parts = map.parts(from: UInt64(lower), to: UInt64(upper))
            #expect(parts.count == expected.count)
            #expect(
                map.first(endingAfter: UInt64(lower)) == all.first { $0.end > UInt64(lower) }
            )
        }
    }

    @Test func aFileWrittenInOrderHasOneExtentASlice() {
        var map = ExtentMap()
        for index in 0..<10_000 as Range<UInt32> {
            let offset = UInt64(index) * 10
            _ = map.replace(
                from: offset,
                to: offset + 10,
                with: Extent(offset: offset, length: 10, slice: 1, start: index * 10)
            )
        }
        #expect(map.count == 1)
        _ = map.replace(
            from: 100_000,
            to: 100_010,
            with: Extent(offset: 100_000, length: 10, slice: 2, start: 0)
        )
        #expect(map.count == 2)
    }

    @Test func extentsAreCutWhereAnotherBegins() {
        for lower in 0..<12 as Range<UInt64> {
            for upper in lower + 1...13 as ClosedRange<UInt64> {
                var map = ExtentMap(sorted: [
                    Extent(offset: 2, length: 4, slice: 1, start: 0),
                    Extent(offset: 8, length: 3, slice: 2, start: 5),
                ])
                var model = bytes(map, 14)
                for index in lower..<upper {
                    model[Int(index)] = Byte(slice: 9, offset: UInt32(index - lower))
                }
                let new = Extent(
                    offset: lower,
                    length: UInt32(upper - lower),
                    slice: 9,
                    start: 0
                )
                _ = map.replace(from: lower, to: upper, with: new)
                map.checkInvariants()
                #expect(bytes(map, 14) == model)
            }
        }
    }
}
