internal import BlobModel
internal import ErasureCoding

/// Everything that is done with one blob, on one core and on all.
struct BlobBench {
    let codec: RedStuffCodec
    let workers: Workers
    let length: Int
    private let blob: [UInt8]
    private let encoded: EncodedBlob

    init(shards: Int, length: Int, workers: Workers) throws {
        codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        self.workers = workers
        self.length = length
        var noise = Noise(UInt64(length))
        blob = noise.bytes(length)
        encoded = try RedStuffEncoder(codec, workers: workers).encode(blob)
    }

    private var parameters: EncodingParameters { codec.parameters }
    private var shards: Int { parameters.shardCount }
    private var expanded: Int { shards * shards * encoded.metadata.symbolSize }

    private func slivers(_ axis: SliverAxis, _ indexes: Range<Int>) -> [VerifiedSliver] {
        indexes.map { encoded.sliver(axis, SliverIndex(UInt16($0))) }
    }

    /// Prints a line: times, and the rates at which `bytes` are worked on.
    private func line(
        _ name: String,
        _ bytes: Int,
        _ work: @escaping (Workers) throws -> Void
    ) throws {
        let taken = try medians([{ try work(.none) }, { try work(workers) }])
        show(name, bytes, taken[0], taken[1])
    }

    /// A line about work that is too small to be shared.
    private func line(_ name: String, _ bytes: Int, _ work: @escaping () throws -> Void) throws {
        show(name, bytes, try medians([work])[0], nil)
    }

    private func medians(_ works: [() throws -> Void]) throws -> [Double] {
        let isLong = length > 64 << 20
        return try Measure.medians(
            works,
            roundsMin: isLong ? 1 : 3,
            budget: isLong ? 0.1 : 0.3
        )
    }

    private func show(_ name: String, _ bytes: Int, _ one: Double, _ all: Double?) {
        var text = "  " + Text.left(name, 34)
        for seconds in [one, all] {
            guard let seconds else { continue }
            text += Text.right(Text.time(seconds), 12)
            text += Text.right(Text.fixed(Double(bytes) / seconds / 1e6, 1), 10)
        }
        print(text)
    }

    func run() throws {
        print("\nn = \(shards), \(Text.bytes(length)): symbols of \(encoded.metadata.symbolSize) B")
        print("                                        one core      MB/s   all cores      MB/s")
        try line("encode", length) {
            Sink.take(try RedStuffEncoder(codec, workers: $0).encode(blob).metadata.symbolSize)
        }
        try line("metadata only", length) {
            Sink.take(try RedStuffEncoder(codec, workers: $0).metadata(of: blob).symbolSize)
        }
        try decoding()
        try verifying()
        try repairing()
        try yardsticks()
    }

    private func decoding() throws {
        let rows = parameters.sourceRows
        let missing = min(parameters.faultyMax, rows)
        for (name, range) in [
            ("decode, all systematic", 0..<rows),
            ("decode, f missing", missing..<rows + missing),
            ("decode, recovery slivers only", shards - rows..<shards),
        ] {
            let given = slivers(.primary, range)
            try line(name, length) {
                let decoder = RedStuffDecoder(codec, encoded.metadata, workers: $0)
                Sink.take(try decoder.decode(given).count)
            }
        }
    }

    private func verifying() throws {
        let verifier = SliverVerifier(codec, encoded.metadata)
        let pair = encoded.pair(SliverPairIndex(UInt16(shards - 1)))
        let (primary, secondary) = (pair.primary.sliver, pair.secondary.sliver)
        try line("verify one sliver (of its bytes)", primary.bytes.count) {
            _ = try verifier.verify(primary)
        }
        try line("verify a pair (of its bytes)", primary.bytes.count + secondary.bytes.count) {
            _ = try verifier.verify(primary)
            _ = try verifier.verify(secondary)
        }
        let pairs = (0..<shards).map { encoded.pair(SliverPairIndex(UInt16($0))) }
        try line("ten nodes verify the blob", length) { workers in
            try workers.forEach(
                shards,
                scratch: {},
                body: { (number, _) throws(SliverVerificationError) in
                    _ = try verifier.verify(pairs[number].primary.sliver)
                    _ = try verifier.verify(pairs[number].secondary.sliver)
                }
            )
        }
    }

    private func repairing() throws {
        let recovery = SliverRecovery(codec, encoded.metadata)
        let verifier = SliverVerifier(codec, encoded.metadata)
        let target = SliverIndex(UInt16(shards - 1))
        let needed = parameters.recoverySymbolsNeeded(for: .primary)
        let symbols = try slivers(.secondary, shards - needed..<shards).map {
            try verifier.expand($0).recoverySymbol(for: target)
        }
        let bytes = encoded.metadata.sliverLength(.primary)
        try line("repair one sliver (of its bytes)", bytes) {
            Sink.take(try recovery.recover(.primary, target, from: symbols).bytes.count)
        }
    }

    /// What the expanded size takes for less.
    private func yardsticks() throws {
        var noise = Noise(3)
        let symbols = noise.bytes(min(expanded, 64 << 20))
        var copy = symbols
        let share = Double(expanded) / Double(symbols.count)
        let taken = try Measure.medians(
            [
                {
                    unsafe copy.withUnsafeMutableBytes { target in
                        unsafe symbols.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
                    }
                },
                { Sink.take(Int(Blake2b256.hash(symbols)[0])) },
                { batchHash(symbols) },
            ],
            roundsMin: 1,
            budget: 0.2
        )
        show("memcpy of the expanded size", length, taken[0] * share, nil)
        show("libsodium's BLAKE2b of it", length, taken[1] * share, nil)
        show("batch hash of it, trees apart", length, taken[2] * share, nil)
    }

    private func batchHash(_ bytes: [UInt8]) {
        let size = encoded.metadata.symbolSize
        let whole = bytes.count / size * size
        unsafe bytes.withUnsafeBytes { bytes in
            let some = unsafe UnsafeRawBufferPointer(rebasing: bytes[0..<whole])
            Sink.take(unsafe BatchHash.digests(of: some, length: size, prefix: 0).count)
        }
    }
}
