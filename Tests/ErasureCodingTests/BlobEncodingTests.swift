internal import BlobModel
internal import Synchronization
internal import SystemIO
internal import Testing

@testable internal import ErasureCoding

/// Encoding in bands, in slices, by several threads and in parts gives what it gives in one piece.
@Suite struct BlobEncodingTests {
    private struct Refused: Error, Equatable {}

    private let workers = Workers(BlockingPool(threads: 3))

    /// Committees with trees of every shape over bands: from all leaves kept to eight to a node,
    /// with any number of columns in the last band.
    @Test(arguments: Array(4...16) + Array(63...73) + [100])
    func everySliverIsTheMetadatas(shards: Int) throws {
        var random = SplitMix64(state: UInt64(shards))
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        let symbols = codec.parameters.sourceSymbols
        // Symbols of 6 bytes are hashed in bands of eight columns, the long ones in narrower ones.
        for length in [symbols * 6 - 1] + (shards == 67 ? [symbols * 3000] : []) {
            let encoded = try RedStuffEncoder(codec).encode(random.bytes(length))
            let verifier = SliverVerifier(codec, encoded.metadata)
            for number in 0..<UInt16(shards) {
                for axis in SliverAxis.allCases {
                    let sliver = encoded.sliver(axis, SliverIndex(number)).sliver
                    #expect(throws: Never.self) { try verifier.verify(sliver) }
                }
            }
        }
    }

    @Test(arguments: [4, 10, 13, 67, 100])
    func threadsChangeNothing(shards: Int) throws {
        var random = SplitMix64(state: 31)
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        // Enough that the work is shared.
        let blob = random.bytes(390_000)
        let alone = try RedStuffEncoder(codec).encode(blob)
        let shared = try RedStuffEncoder(codec, workers: workers).encode(blob)
        #expect(shared.metadata == alone.metadata)
        for number in 0..<UInt16(shards) {
            let index = SliverPairIndex(number)
            #expect(shared.pair(index) == alone.pair(index))
        }
        let decoder = RedStuffDecoder(codec, alone.metadata, workers: workers)
        for axis in SliverAxis.allCases {
            let needed = codec.parameters.sliversNeeded(of: axis)
            let last = (shards - needed..<shards).map {
                alone.sliver(axis, SliverIndex(UInt16($0)))
            }
            for check in [ConsistencyCheck.skip, .standard, .strict] {
                #expect(try decoder.decode(last, check: check) == blob)
            }
        }
    }

    /// Parts from the stream, put together; and how often each byte came.
    private final class Collector: Sendable {
        let slivers = Mutex<[SliverAxis: [SliverIndex: [UInt8]]]>([:])
        let counts = Mutex<[SliverAxis: [SliverIndex: [UInt8]]]>([:])

        func add(_ part: SliverPart, _ length: Int) {
            let range = part.offset..<part.offset + part.bytes.count
            let empty = [UInt8](repeating: 0, count: length)
            slivers.withLock {
                $0[part.axis, default: [:]][part.index, default: empty]
                    .replaceSubrange(range, with: part.bytes)
            }
            counts.withLock { counts in
                for place in range {
                    counts[part.axis, default: [:]][part.index, default: empty][place] += 1
                }
            }
        }
    }

    /// With memory for everything, for some slices, and for as little as can be.
    @Test(arguments: [4, 10, 13, 66])
    func slicesChangeNothing(shards: Int) throws {
        var random = SplitMix64(state: 32)
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        let symbols = codec.parameters.sourceSymbols
        for size in [2, 64, 126, 128, 130, 192, 254, 256, 258, 300, 514, 1000] {
            if shards > 13 && size > 258 { continue }
            let blob = random.bytes(symbols * size - 3)
            let expected = try RedStuffEncoder(codec).encode(blob)
            for memory in [Int.max >> 1, symbols * 3 * 300, 0] {
                for workers in [Workers.none, workers] {
                    let encoding = try BlobEncoding(
                        codec,
                        length: UInt64(blob.count),
                        memory: memory,
                        workers: workers
                    )
                    #expect(encoding.metadata(from: BlobSource(blob)) == expected.metadata)
                    try check(encoding, blob, expected)
                }
            }
        }
    }

    private func check(_ encoding: BlobEncoding, _ blob: [UInt8], _ expected: EncodedBlob) throws {
        let collector = Collector()
        let metadata = expected.metadata
        let found = encoding.slivers(
            from: BlobSource(blob),
            to: { collector.add($0, metadata.sliverLength($0.axis)) }
        )
        #expect(found == metadata)
        for axis in SliverAxis.allCases {
            let slivers = collector.slivers.withLock { $0[axis] ?? [:] }
            let counts = collector.counts.withLock { $0[axis] ?? [:] }
            #expect(slivers.count == metadata.parameters.shardCount)
            for (index, bytes) in slivers {
                #expect(bytes == expected.sliver(axis, index).bytes, "\(axis) \(index)")
                #expect(counts[index]?.allSatisfy { $0 == 1 } == true)
            }
        }
    }

    @Test func slicesCoverSymbolsAndBlocks() {
        for symbolSize in stride(from: 2, through: 1200, by: 2) {
            for memory in [0, 1000, 2000, 4000, 1_000_000] {
                let slices = EncodingSlice.slices(
                    symbolSize: symbolSize,
                    symbols: 5,
                    memory: memory
                )
                #expect(slices.flatMap { Array($0.own) } == Array(0..<symbolSize))
                #expect(slices.flatMap { Array($0.hashBlocks) } == Array(0..<symbolSize / 128 + 1))
                #expect(slices.filter(\.isLast).count == 1 && slices.last?.isLast == true)
                for slice in slices {
                    #expect(slice.held.lowerBound.isMultiple(of: 64))
                    #expect(5 * slice.held.count <= max(memory, 5 * 192))
                }
            }
        }
    }

    /// What `walrus` promises: less than twice a file of 256 MiB, and a bound for any file.
    @Test func theMemoryForAnIDIsBounded() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 1000))
        let file = try BlobEncoding(codec, length: 256 << 20)
        #expect(file.memoryNeeded < 440 << 20)
        for length in [codec.parameters.blobLengthMax, 1 << 30, 400_000_000] {
            let encoding = try BlobEncoding(codec, length: length)
            #expect(encoding.memoryNeeded < 620 << 20)
        }
        #expect(try BlobEncoding(codec, length: 0).memoryNeeded < 5 << 20)
    }

    @Test func whoeverReadsOrTakesMayEndIt() throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: 10))
        for workers in [Workers.none, workers] {
            let encoding = try BlobEncoding(codec, length: 300_000, workers: workers)
            let broken = unsafe BlobSource<Refused> { (target, offset) throws(Refused) in
                guard offset < 100_000 else { throw Refused() }
                unsafe target.initializeMemory(as: UInt8.self, repeating: 1)
            }
            #expect(throws: Refused()) { try encoding.metadata(from: broken) }
            let whole = unsafe BlobSource<Refused> { (target, _) throws(Refused) in
                unsafe target.initializeMemory(as: UInt8.self, repeating: 1)
            }
            #expect(throws: Refused()) {
                try encoding.slivers(from: whole, to: { (_) throws(Refused) in throw Refused() })
            }
        }
        #expect(throws: EncodingParametersError.self) {
            try BlobEncoding(codec, length: codec.parameters.blobLengthMax + 1)
        }
    }
}
