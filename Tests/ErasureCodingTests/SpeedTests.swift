internal import BlobModel
internal import ErasureCoding
internal import Foundation
internal import Testing

/// Prints speeds; judges nothing. Runs only when `WALRUS_SPEED` is set, on a release build:
///
///     WALRUS_SPEED=1 swift test -c release --filter SpeedTests
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["WALRUS_SPEED"] != nil))
struct SpeedTests {
    private func report(_ name: String, bytes: Int, _ body: () throws -> Void) rethrows {
        try body()
        var best = Duration.seconds(1000)
        for _ in 0..<5 {
            let taken = try ContinuousClock().measure(body)
            best = min(best, taken)
        }
        let seconds = best / .seconds(1)
        let rate = Double(bytes) / seconds / 1e6
        print("\(name): \(Int(seconds * 1e6)) µs, \(Int(rate)) MB/s of blob bytes")
    }

    @Test(arguments: [(10, 1_834_952), (10, 65_536), (100, 16 << 20), (1000, 16 << 20)])
    func speeds(shards: Int, length: Int) throws {
        var random = SplitMix64(state: 1)
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        let blob = random.bytes(length)
        let encoder = RedStuffEncoder(codec)
        print("n = \(shards), \(length) bytes")
        try report("  metadata", bytes: length) { _ = try encoder.metadata(of: blob) }
        try report("  encode", bytes: length) { _ = try encoder.encode(blob) }
        let encoded = try encoder.encode(blob)
        report("  copy all slivers out", bytes: length) {
            for number in 0..<UInt16(shards) { _ = encoded.pair(SliverPairIndex(number)) }
        }
        let decoder = RedStuffDecoder(codec, encoded.metadata)
        for axis in SliverAxis.allCases {
            let needed = codec.parameters.sliversNeeded(of: axis)
            let last = (shards - needed..<shards).map {
                encoded.sliver(axis, SliverIndex(UInt16($0)))
            }
            for check in [ConsistencyCheck.skip, .standard] {
                try report("  decode \(axis), \(check)", bytes: length) {
                    _ = try decoder.decode(last, check: check)
                }
            }
            let verifier = SliverVerifier(codec, encoded.metadata)
            try report("  verify one \(axis) sliver", bytes: last[0].bytes.count) {
                _ = try verifier.verify(last[0].sliver)
            }
        }
    }
}
