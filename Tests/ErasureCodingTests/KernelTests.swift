internal import BlobModel
internal import CKernels
internal import ErasureCoding
internal import Testing

/// All forms of the kernels that this processor has against the portable one.
///
/// Serialized, because the switch between them is the whole program's. Others that run meanwhile
/// get the same answers from any.
@Suite(.serialized) struct KernelTests {
    /// In order of their numbers.
    private static let names = ["portable", "NEON", "AVX2", "AVX2 and GFNI", "AVX-512 and GFNI"]

    private static var others: [Int32] {
        (1..<Int32(WALRUS_FORM_COUNT)).filter { walrus_kernels_has($0) }
    }

    private func on<Value>(_ form: Int32, _ body: () throws -> Value) rethrows -> Value {
        let before = walrus_kernels_form()
        walrus_kernels_use(form)
        defer { walrus_kernels_use(before) }
        return try body()
    }

    private func onPortable<Value>(_ body: () throws -> Value) rethrows -> Value {
        try on(0, body)
    }

    @Test func theSwitchSwitches() {
        #expect(Self.names.count == Int(WALRUS_FORM_COUNT))
        for form in [0] + Self.others {
            #expect(on(form) { walrus_kernels_form() } == form)
        }
        #expect(walrus_kernels_form() == Self.others.last ?? 0)
        #expect(!walrus_kernels_has(-1) && !walrus_kernels_has(99))
        for (form, name) in Self.names.enumerated() where !walrus_kernels_has(Int32(form)) {
            print("KernelTests: this processor has no \(name), so that form is not tested.")
        }
    }

    @Test(arguments: [4, 10, 13, 100]) func wholeBlobsEncodeTheSame(shards: Int) throws {
        var random = SplitMix64(state: 5)
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        for size in [2, 62, 64, 66, 130] {
            let blob = random.bytes(codec.parameters.sourceSymbols * size)
            let portable = try onPortable { try RedStuffEncoder(codec).encode(blob) }
            let last = SliverPairIndex(UInt16(shards - 1))
            let given = (1...codec.parameters.sourceRows).map {
                portable.sliver(.primary, SliverIndex(UInt16($0)))
            }
            let decoder = RedStuffDecoder(codec, portable.metadata)
            #expect(try onPortable { try decoder.decode(given) } == blob)
            for form in Self.others {
                try on(form) {
                    let encoded = try RedStuffEncoder(codec).encode(blob)
                    #expect(encoded.metadata == portable.metadata, "form \(form)")
                    #expect(encoded.pair(last) == portable.pair(last), "form \(form)")
                    #expect(try decoder.decode(given) == blob, "form \(form)")
                }
            }
        }
    }

    /// Every small code at one of the sizes, by each form, against the closed form.
    @Test func everyFormEncodesAndDecodesAsTheClosedForm() throws {
        for form in [0] + Self.others {
            var random = SplitMix64(state: 14)
            for originals in 1...9 {
                for recoveries in 1...9 {
                    let sizes = ReedSolomonTests.sizes
                    let size = sizes[(originals * 9 + recoveries) % sizes.count]
                    let symbols = (0..<originals).map { _ in random.bytes(size) }
                    let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
                    let closed = ClosedFormCode(originals: originals, recoveries: recoveries)
                    let all = symbols + closed.encode(symbols)
                    let order = (0..<all.count).shuffled(using: &random)
                    let given = order.prefix(originals).map { (index: $0, bytes: all[$0]) }
                    try on(form) {
                        #expect(try code.encode(symbols) == Array(all[originals...]))
                        for method in [ReedSolomonCode.Method.matrix, .transform] {
                            let wanted = Array(0..<all.count)
                            let found = try code.reconstruct(wanted, from: given, method: method)
                            #expect(found == all, "\(originals) + \(recoveries), form \(form)")
                        }
                    }
                }
            }
        }
    }

    /// Hashing in parts of any number of blocks is hashing at once, by each form.
    @Test func hashesGoOnWhereTheyStopped() {
        var random = SplitMix64(state: 15)
        for form in [0] + Self.others {
            for length in [1, 127, 128, 129, 255, 256, 511, 512, 700] {
                for count in [1, 2, 5, 9] {
                    let bytes = random.bytes(length * count)
                    let whole = onPortable {
                        unsafe bytes.withUnsafeBytes {
                            unsafe BatchHash.digests(of: $0, length: length, prefix: 0)
                        }
                    }
                    for step in 1...3 {
                        let parts = on(form) { inParts(bytes, length, count, step) }
                        #expect(parts == whole, "\(length) by \(step), form \(form)")
                    }
                }
            }
        }
    }

    private func inParts(_ bytes: [UInt8], _ length: Int, _ count: Int, _ step: Int) -> [UInt8] {
        var digests = [UInt8](repeating: 0, count: 32 * count)
        var states = [UInt64](repeating: 0, count: 8 * count)
        for first in stride(from: 0, to: length / 128 + 1, by: step) {
            unsafe bytes.withUnsafeBufferPointer { bytes in
                guard let start = bytes.baseAddress else { return }
                var row: [UnsafePointer<UInt8>] = unsafe [start + 128 * first]
                unsafe digests.withUnsafeMutableBufferPointer { digests in
                    unsafe states.withUnsafeMutableBufferPointer { states in
                        unsafe row.withUnsafeMutableBufferPointer { row in
                            guard let digests = digests.baseAddress, let row = row.baseAddress
                            else { return }
                            var grid = unsafe walrus_hash_grid(
                                rows: row,
                                row_count: 1,
                                column_count: count,
                                column_stride: length,
                                length: length,
                                prefix: 0,
                                first_block: first,
                                end_block: first + step,
                                digests: digests,
                                digest_row_stride: 0,
                                digest_column_stride: 32,
                                copies: nil,
                                copy_row_stride: 0,
                                copy_column_stride: 0,
                                states: states.baseAddress,
                                state_row_stride: 0,
                                state_column_stride: 8
                            )
                            unsafe walrus_blake2b256_grid(&grid)
                        }
                    }
                }
            }
        }
        return digests
    }

    private typealias Operation = (inout [UInt8], [UInt8], Int) -> Void

    /// Each on rows of a length, four of them in the first array.
    private func operations(_ tables: [UInt8]) -> [Operation] {
        func table(_ number: Int) -> [UInt8] { Array(tables[160 * number..<160 * (number + 1)]) }
        let (first, second, third) = (table(0), table(1), table(2))
        return [
            { unsafe walrus_gf_butterfly(&$0, $1, $2, $2, first) },
            { unsafe walrus_gf_butterfly(&$0, $1, 2 * $2, $2, nil) },
            { rows, _, length in
                unsafe rows.withUnsafeMutableBufferPointer { rows in
                    guard let start = rows.baseAddress else { return }
                    unsafe walrus_gf_butterfly(start, start, length, length, nil)
                    unsafe walrus_gf_butterfly4(start, start, length, length, first, nil, second)
                }
            },
            { unsafe walrus_gf_inverse_butterfly(&$0, $2, $2, first) },
            { rows, _, length in unsafe walrus_gf_inverse_butterfly(&rows, length, length, nil) },
            { unsafe walrus_gf_butterfly4(&$0, $1, $2, $2, first, second, third) },
            { unsafe walrus_gf_butterfly4(&$0, $1, $2, $2, nil, nil, third) },
            { unsafe walrus_gf_inverse_butterfly4(&$0, $2, $2, first, second, third) },
            { rows, _, length in
                unsafe walrus_gf_inverse_butterfly4(&rows, length, length, nil, first, nil)
            },
            { unsafe walrus_gf_add_products(&$0, $1, $2, 1, $2, tables) },
            { unsafe walrus_gf_add_products(&$0, $1, $2, 4, $2, tables) },
            { rows, _, length in unsafe walrus_gf_scale(&rows, length, first) },
            { unsafe walrus_gf_add(&$0, $1, 4 * $2) },
        ]
    }

    @Test func rowOperationsAgree() {
        var random = SplitMix64(state: 6)
        for length in [64, 128, 192, 1024] {
            let x = random.bytes(4 * length)
            let y = random.bytes(4 * length)
            var tables: [UInt8] = []
            for _ in 0..<4 {
                let products = (0..<16).map { _ in UInt16(truncatingIfNeeded: random.next()) }
                var table = [UInt8](repeating: 0, count: Int(WALRUS_GF_TABLE))
                unsafe walrus_gf_table(products, &table)
                tables += table
            }
            for (number, operation) in operations(tables).enumerated() {
                var portable = x
                onPortable { operation(&portable, y, length) }
                #expect(portable != x)
                for form in Self.others {
                    var rows = x
                    on(form) { operation(&rows, y, length) }
                    #expect(rows == portable, "operation \(number), form \(form)")
                }
            }
        }
    }

    /// Every number of messages up to three batches, and lengths around the borders of words,
    /// registers and blocks; nodes of Merkle trees too.
    @Test func hashesAgree() {
        var random = SplitMix64(state: 7)
        for length in [1, 7, 8, 30, 31, 32, 62, 63, 64, 65, 126, 127, 128, 129, 255, 256, 300] {
            for prefix: UInt8 in [0, 1] {
                for count in 1...17 {
                    let bytes = random.bytes(length * count)
                    func digests() -> [UInt8] {
                        unsafe bytes.withUnsafeBytes {
                            unsafe BatchHash.digests(of: $0, length: length, prefix: prefix)
                        }
                    }
                    let portable = onPortable { digests() }
                    for form in Self.others {
                        #expect(on(form) { digests() } == portable, "\(length), form \(form)")
                    }
                }
            }
        }
    }

    /// Gathering any part of wide rows and scattering it again is the identity on symbols.
    @Test func wideRowsKeepEveryByte() {
        var random = SplitMix64(state: 8)
        for size in [2, 4, 62, 64, 66, 126, 128, 130] {
            for count in [1, 2, 3, 31, 33, 64] {
                let stride = size + 6
                let symbols = random.bytes(stride * count)
                let width = walrus_wide_length(size, count)
                var back = [UInt8](repeating: 0, count: symbols.count)
                for from in Swift.stride(from: 0, to: width, by: 128) {
                    let to = min(from + 128, width)
                    var row = [UInt8](repeating: 0xEE, count: to - from)
                    unsafe walrus_wide_gather(&row, symbols, stride, size, count, from, to)
                    unsafe walrus_wide_scatter(&back, stride, size, count, row, from, to)
                }
                for symbol in 0..<count {
                    let range = symbol * stride..<symbol * stride + size
                    #expect(back[range] == symbols[range], "\(size) x \(count)")
                    let gap = range.upperBound..<min(range.upperBound + 6, back.count)
                    #expect(back[gap].allSatisfy { $0 == 0 })
                }
            }
        }
    }
}
