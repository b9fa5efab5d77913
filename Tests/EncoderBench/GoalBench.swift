internal import BlobModel
internal import ErasureCoding
internal import Foundation

/// The goals that are about whole blobs.
struct GoalBench {
    let workers: Workers

    /// A thousand shards, 16 MiB: against the reference's way, and against hashing alone.
    func thousandShards() throws -> [Goal] {
        let parameters = try EncodingParameters(shardCount: 1000)
        let codec = RedStuffCodec(parameters)
        let encoder = RedStuffEncoder(codec)
        let reference = try ReferenceLoop(parameters)
        var noise = Noise(16)
        let blob = noise.bytes(16 << 20)
        let (theirs, ours) = (try reference.encode(blob).id, try encoder.encode(blob).blobID)
        precondition(theirs == ours)
        let size = try parameters.symbolSize(of: UInt64(blob.count))
        let symbols = noise.bytes(1_000_000 * size)
        let pairs = noise.bytes(1_000_000 * 64)
        func digests(_ bytes: [UInt8], _ length: Int, _ prefix: UInt8) {
            unsafe bytes.withUnsafeBytes {
                Sink.take(unsafe BatchHash.digests(of: $0, length: length, prefix: prefix).count)
            }
        }
        let taken = try Measure.medians(
            [
                { Sink.take(try encoder.encode(blob).metadata.symbolSize) },
                { Sink.take(try reference.encode(blob).matrix.count) },
                { digests(symbols, size, 0) },
                {
                    // Two trees with 999 inner nodes for each of a thousand indexes.
                    digests(pairs, 64, 1)
                    digests(pairs, 64, 1)
                },
            ],
            roundsMin: 5
        )
        let hashing = taken[2] + taken[3]
        print(
            """

            n = 1000, 16 MiB, one core: encode \(Text.time(taken[0])), the reference's way \
            \(Text.time(taken[1])), batch hash of \(Text.bytes(symbols.count)) of symbols \
            \(Text.time(taken[2])) and of the 2 million nodes over them \(Text.time(taken[3]))
            """
        )
        return [
            Goal(
                "n = 1000, 16 MiB: speed over the reference's way",
                taken[1] / taken[0],
                atLeast: 3
            ),
            Goal("n = 1000, 16 MiB: time over hashing alone", taken[0] / hashing, atMost: 1.6),
        ]
    }

    /// Ten shards: 16 MiB of packs, each as long as a blob can be.
    func tenShards() throws -> [Goal] {
        let parameters = try EncodingParameters(shardCount: 10)
        let codec = RedStuffCodec(parameters)
        var noise = Noise(10)
        let packs = (0..<10).map { _ in noise.bytes(min(16 << 20 / 10, 1_834_952)) }
        let bytes = packs.reduce(0) { $0 + $1.count }
        @Sendable func encode(
            _ pack: [UInt8],
            _ workers: Workers = .none
        ) throws(EncodingParametersError) {
            let encoder = RedStuffEncoder(codec, workers: workers)
            Sink.take(try encoder.encode(pack).metadata.symbolSize)
        }
        let taken = try Measure.medians(
            [
                { for pack in packs { try encode(pack) } },
                {
                    try workers.forEach(
                        packs.count,
                        scratch: {},
                        body: { (number, _) throws(EncodingParametersError) in
                            try encode(packs[number])
                        }
                    )
                },
                { for pack in packs { try encode(pack, workers) } },
                { for _ in packs { Self.spin() } },
                { workers.forEach(packs.count, scratch: {}) { _, _ in Self.spin() } },
            ],
            roundsMin: 15
        )
        let rates = taken.prefix(3).map { Double(bytes) / $0 / 1e6 }
        let free = taken[3] / taken[4]
        print(
            """

            n = 10, packs of 16 MiB in all: \(Text.fixed(rates[0], 0)) MB/s on one core; on all \
            \(Text.fixed(rates[1], 0)) MB/s, each core a pack, and \(Text.fixed(rates[2], 0)) \
            MB/s, all at one pack; a loop that only counts is \(Text.fixed(free, 2)) times as fast \
            on all cores as on one
            """
        )
        let ratio = rates[1] / rates[0]
        return [
            Goal("n = 10, packs: MB/s on one core", rates[0], atLeast: 400),
            // 1.7 of two cores; others that use them take as much from a loop that only counts.
            Goal("n = 10, packs: all cores over one, of what is free", ratio / free, atLeast: 0.85),
        ]
    }

    /// About as long as the encoding of a pack, in no memory at all.
    private static func spin() {
        var word: UInt64 = 1
        for _ in 0..<1_000_000 { word = word &* 6_364_136_223_846_793_005 &+ 1 }
        Sink.take(Int(truncatingIfNeeded: word >> 40))
    }

    /// `walrus blob-id` next to `b2sum`.
    func blobID(walrus: String?) throws -> [Goal] {
        guard let walrus else {
            print("\nSKIPPED: walrus blob-id next to b2sum: no --walrus was given")
            return []
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "encoder-bench.blob")
        defer { try? FileManager.default.removeItem(at: file) }
        var noise = Noise(256)
        try Data(noise.bytes(256 << 20)).write(to: file)
        var peak = 0
        let taken = try Measure.medians(
            [
                { peak = max(peak, try Command.run(walrus, ["blob-id", file.path])) },
                { _ = try Command.run("/usr/bin/b2sum", [file.path]) },
            ],
            roundsMin: 5
        )
        print(
            """

            256 MiB, n = 1000: walrus blob-id \(Text.time(taken[0])), b2sum \
            \(Text.time(taken[1])); walrus' peak memory \(peak >> 20) MiB
            """
        )
        return [
            Goal("walrus blob-id, 256 MiB: time over b2sum", taken[0] / taken[1], atMost: 3),
            Goal(
                "walrus blob-id, 256 MiB: peak memory over the file",
                Double(peak) / Double(256 << 20),
                atMost: 2
            ),
        ]
    }
}
