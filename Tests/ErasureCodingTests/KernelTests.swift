internal import BlobModel
internal import CKernels
internal import ErasureCoding
internal import Testing

/// The portable kernels against those of the processor.
///
/// Serialized, because the switch between them
/// is the whole program's. Others that run meanwhile get the same answers from either.
@Suite(.serialized) struct KernelTests {
    private func onPortable<Value>(_ body: () throws -> Value) rethrows -> Value {
        walrus_kernels_set_portable(true)
        defer { walrus_kernels_set_portable(false) }
        return try body()
    }

    @Test func theSwitchSwitches() {
        #expect(!onPortable { walrus_kernels_are_wide() })
        if !walrus_kernels_are_wide() {
            print("KernelTests: this processor has no AVX2, so there is one form to test only.")
        }
    }

    @Test(arguments: [4, 10, 13, 100]) func wholeBlobsEncodeTheSame(shards: Int) throws {
        var random = SplitMix64(state: 5)
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        for size in [2, 62, 64, 66, 130] {
            let blob = random.bytes(codec.parameters.sourceSymbols * size)
            let wide = try RedStuffEncoder(codec).encode(blob)
            let portable = try onPortable { try RedStuffEncoder(codec).encode(blob) }
            #expect(wide.metadata == portable.metadata)
            let last = SliverPairIndex(UInt16(shards - 1))
            #expect(wide.pair(last) == portable.pair(last))
            let given = (1...codec.parameters.sourceRows).map {
                wide.sliver(.primary, SliverIndex(UInt16($0)))
            }
            let decoder = RedStuffDecoder(codec, wide.metadata)
            #expect(try onPortable { try decoder.decode(given) } == blob)
        }
    }

    @Test func rowOperationsAgree() {
        var random = SplitMix64(state: 6)
        for length in [64, 128, 192, 1024] {
            let x = random.bytes(length)
            let y = random.bytes(length)
            let table = random.bytes(128)
            let operations: [(inout [UInt8], inout [UInt8]) -> Void] = [
                { unsafe walrus_gf_fft(&$0, &$1, length, table) },
                { unsafe walrus_gf_ifft(&$0, &$1, length, table) },
                { unsafe walrus_gf_fft(&$0, &$1, length, nil) },
                { unsafe walrus_gf_add_product(&$0, $1, length, table) },
                { a, _ in unsafe walrus_gf_scale(&a, length, table) },
            ]
            for operation in operations {
                var (wideX, wideY) = (x, y)
                operation(&wideX, &wideY)
                var (portableX, portableY) = (x, y)
                onPortable { operation(&portableX, &portableY) }
                #expect(wideX == portableX)
                #expect(wideY == portableY)
            }
        }
    }

    @Test func hashesAgree() {
        var random = SplitMix64(state: 7)
        for length in [1, 64, 127, 128, 300] {
            let bytes = random.bytes(length * 11)
            func digests() -> [UInt8] {
                unsafe bytes.withUnsafeBytes {
                    unsafe BatchHash.digests(of: $0, length: length, prefix: 1)
                }
            }
            #expect(digests() == onPortable { digests() })
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
