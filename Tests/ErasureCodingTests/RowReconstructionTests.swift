import BlobModel
import ErasureCoding
import SystemIO
import Testing

/// Whole rows that are computed together are those that the encoder made.
@Suite struct RowReconstructionTests {
    @Test(arguments: [4, 7, 10, 52], [1, 64, 5000])
    func anyRowsGiveTheOthers(shards: Int, length: Int) throws {
        let parameters = try EncodingParameters(shardCount: shards)
        let codec = RedStuffCodec(parameters)
        let blob = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 131 ^ $0 >> 5) }
        let encoded = try RedStuffEncoder(parameters).encode(blob)
        let needed = parameters.sourceRows
        func row(_ index: Int) -> (sliver: SliverIndex, bytes: [UInt8]) {
            let index = SliverIndex(UInt16(index))
            return (index, encoded.sliver(.primary, index).bytes)
        }
        for workers in [Workers.none, Workers(BlockingPool(threads: 2, name: "test"))] {
            let decoder = RedStuffDecoder(codec, encoded.metadata, workers: workers)
            // None of the first, some of them in any order, and more than are needed.
            for given in [
                Array(shards - needed..<shards), Array((1...needed).reversed()),
                Array((1..<shards).filter { $0 != 2 }),
            ] {
                let targets = (0..<shards).filter { !given.contains($0) }
                let rows = try decoder.reconstructRows(
                    targets.map { SliverIndex(UInt16($0)) },
                    from: given.map(row)
                )
                #expect(rows == targets.map { row($0).bytes })
            }
        }
    }

    @Test func whatIsNoSetOfRowsIsRefused() throws {
        let parameters = try EncodingParameters(shardCount: 10)
        let encoded = try RedStuffEncoder(parameters).encode([1, 2, 3])
        let decoder = RedStuffDecoder(RedStuffCodec(parameters), encoded.metadata)
        let parts = (1..<5).map { index in
            let index = SliverIndex(UInt16(index))
            return (sliver: index, bytes: encoded.sliver(.primary, index).bytes)
        }
        let target = [SliverIndex(0)]
        #expect(throws: RangeDecodingError.notEnoughSlivers(3, needed: 4)) {
            try decoder.reconstructRows(target, from: Array(parts[..<3]))
        }
        #expect(throws: RangeDecodingError.notEnoughSlivers(3, needed: 4)) {
            try decoder.reconstructRows(target, from: Array(parts[..<3]) + Array(parts[..<2]))
        }
        #expect(throws: RangeDecodingError.invalidPart(SliverIndex(1))) {
            try decoder.reconstructRows([SliverIndex(1)], from: parts)
        }
        #expect(throws: RangeDecodingError.invalidPart(SliverIndex(4))) {
            try decoder.reconstructRows(target, from: Array(parts[..<3]) + [(SliverIndex(4), [0])])
        }
        #expect(throws: RangeDecodingError.invalidRange) {
            try decoder.reconstructRows([SliverIndex(10)], from: parts)
        }
        #expect(throws: RangeDecodingError.invalidRange) {
            try decoder.reconstructRows([], from: parts)
        }
    }
}
