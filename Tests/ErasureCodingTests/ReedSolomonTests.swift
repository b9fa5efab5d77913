internal import Codec
internal import TestSupport
internal import Testing

@testable internal import ErasureCoding

@Suite struct ReedSolomonTests {
    struct Known: Decodable {
        let k: Int
        let r: Int
        let symbolSize: Int
        let original: Content
        let recoverySha256: String
        let recoveryHex: String?
    }

    @Test func recoverySymbolsAreTheReferences() throws {
        for known in try Fixtures.json("vectors/rs_1d.json", as: [Known].self) {
            let bytes = try known.original.bytes()
            let symbols = (0..<known.k).map {
                Array(bytes[$0 * known.symbolSize..<($0 + 1) * known.symbolSize])
            }
            let code = try ReedSolomonCode(originals: known.k, recoveries: known.r)
            let recoveries = try code.encode(symbols).flatMap { $0 }
            #expect(sha256(recoveries) == known.recoverySha256, "\(known.k) + \(known.r)")
            if let hex = known.recoveryHex { #expect(Hex.encode(recoveries) == hex) }
        }
    }

    @Test func theClosedFormHasTheWorkedExamples() {
        let two = ClosedFormCode(originals: 2, recoveries: 2).generator
        #expect(two == [[3, 2], [2, 3]])
        #expect(ClosedFormCode(originals: 3, recoveries: 1).generator == [[1, 1, 1]])
        let ten = ClosedFormCode(originals: 4, recoveries: 6).generator
        #expect(ten[0] == [0xC, 0xF, 0xA, 8])
        #expect(ten[4] == [0xA, 0xF, 8, 0xC])
    }

    /// On both sides of the borders of elements and blocks.
    static let sizes = [2, 4, 62, 64, 66, 126, 128, 130]

    /// Transforms of every number of layers and of every share of zeros, by what they are made for:
    /// codes of few, some and many symbols, against the closed form.
    @Test func largerCodesEncodeTheSame() throws {
        var random = SplitMix64(state: 12)
        for (originals, recoveries) in [
            (11, 20), (16, 16), (17, 5), (5, 17), (32, 33), (33, 32), (34, 66), (67, 33), (1, 70),
            (70, 1), (64, 64), (65, 63),
        ] {
            let symbols = (0..<originals).map { _ in random.bytes(4) }
            let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
            let closed = ClosedFormCode(originals: originals, recoveries: recoveries)
            #expect(try code.encode(symbols) == closed.encode(symbols))
        }
    }

    /// Plans are kept by pattern, few of them, and give the same when they are made again.
    @Test func decodePlansAreKeptAndBounded() throws {
        var random = SplitMix64(state: 13)
        let code = try ReedSolomonCode(originals: 5, recoveries: 6)
        let symbols = (0..<5).map { _ in random.bytes(66) }
        let all = symbols + (try code.encode(symbols))
        for round in 0..<60 {
            let order = (0..<all.count).shuffled(using: &random)
            let given = order.prefix(5).map { (index: $0, bytes: all[$0]) }
            for _ in 0..<2 { #expect(try code.reconstruct(Array(0..<11), from: given) == all) }
            #expect(code.plansKept == min(round + 1, PlanCache.plansMax))
        }
    }

    /// Every small code, at sizes around the borders of blocks.
    @Test func bothEnginesEncodeTheSame() throws {
        var random = SplitMix64(state: 1)
        for originals in 1...9 {
            for recoveries in 1...9 {
                let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
                let closed = ClosedFormCode(originals: originals, recoveries: recoveries)
                for size in Self.sizes {
                    let symbols = (0..<originals).map { _ in random.bytes(size) }
                    let expected = closed.encode(symbols)
                    #expect(try code.encode(symbols) == expected, "\(originals) + \(recoveries)")
                }
            }
        }
    }

    /// Any `originals` symbols give every other one, by either way of decoding.
    @Test(arguments: [ReedSolomonCode.Method.matrix, .transform])
    func anyErasuresAreRepaired(method: ReedSolomonCode.Method) throws {
        var random = SplitMix64(state: 2)
        for originals in 1...10 {
            for recoveries in 1...9 {
                for size in Self.sizes {
                    let symbols = (0..<originals).map { _ in random.bytes(size) }
                    let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
                    let all = symbols + (try code.encode(symbols))
                    let order = (0..<all.count).shuffled(using: &random)
                    let given = order.prefix(originals).map { (index: $0, bytes: all[$0]) }
                    let wanted = Array(0..<all.count)
                    let rebuilt = try code.reconstruct(wanted, from: given, method: method)
                    #expect(rebuilt == all, "\(originals) + \(recoveries), \(order)")
                }
            }
        }
    }

    @Test func theClosedFormDecodesTheSame() throws {
        var random = SplitMix64(state: 3)
        for (originals, recoveries) in [(4, 6), (7, 3), (5, 4), (3, 9), (8, 8)] {
            let symbols = (0..<originals).map { _ in random.bytes(66) }
            let closed = ClosedFormCode(originals: originals, recoveries: recoveries)
            let all = symbols + closed.encode(symbols)
            let chosen = (0..<all.count).shuffled(using: &random).prefix(originals)
            let given = chosen.map { (index: $0, bytes: all[$0]) }
            #expect(closed.decode(given) == symbols)
            let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
            #expect(try code.reconstruct(Array(0..<originals), from: given) == symbols)
        }
    }

    @Test(arguments: [(334, 666), (667, 333)])
    func thousandShardCodesDecode(originals: Int, recoveries: Int) throws {
        var random = SplitMix64(state: 4)
        let symbols = (0..<originals).map { _ in random.bytes(6) }
        let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
        let all = symbols + (try code.encode(symbols))
        let chosen = (0..<all.count).shuffled(using: &random).prefix(originals)
        let given = chosen.map { (index: $0, bytes: all[$0]) }
        #expect(try code.reconstruct(Array(0..<1000), from: given) == all)
    }

    @Test func countsPastTheFieldAreRefused() throws {
        for (originals, recoveries) in [
            (0, 1), (1, 0), (-1, 5), (32_769, 32_768), (65_536, 1), (1, 65_536), (Int.max, 1),
        ] {
            let refusal = ReedSolomonError.unsupportedCounts(
                originals: originals,
                recoveries: recoveries
            )
            #expect(throws: refusal) {
                try ReedSolomonCode(originals: originals, recoveries: recoveries)
            }
        }
        _ = try ReedSolomonCode(originals: 32_768, recoveries: 32_768)
        _ = try ReedSolomonCode(originals: 65_535, recoveries: 1)
    }

    @Test func malformedSymbolsAreRefused() throws {
        let code = try ReedSolomonCode(originals: 3, recoveries: 2)
        let good: [[UInt8]] = [[1, 2], [3, 4], [5, 6]]
        #expect(throws: ReedSolomonError.wrongSymbolCount(2, expected: 3)) {
            try code.encode(Array(good.prefix(2)))
        }
        #expect(throws: ReedSolomonError.wrongSymbolSize(3)) {
            try code.encode([[1, 2, 3], [1, 2, 3], [1, 2, 3]])
        }
        #expect(throws: ReedSolomonError.wrongSymbolSize(0)) { try code.encode([[], [], []]) }
        #expect(throws: ReedSolomonError.wrongSymbolSize(4)) {
            try code.encode([[1, 2], [3, 4], [1, 2, 3, 4]])
        }
        let given = good.enumerated().map { (index: $0.offset, bytes: $0.element) }
        #expect(throws: ReedSolomonError.notEnoughSymbols(2, needed: 3)) {
            try code.reconstruct([4], from: Array(given.prefix(2)))
        }
        #expect(throws: ReedSolomonError.duplicateIndex(0)) {
            try code.reconstruct([4], from: given + [given[0]])
        }
        #expect(throws: ReedSolomonError.indexOutOfRange(5)) {
            try code.reconstruct([5], from: given)
        }
        #expect(throws: ReedSolomonError.indexOutOfRange(-1)) {
            try code.reconstruct([4], from: [(index: -1, bytes: [0, 0])])
        }
    }
}
