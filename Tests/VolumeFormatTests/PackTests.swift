import BlobModel
import Codec
import Testing
import VolumeFormat

@Suite struct PackTests {
    private let frame = StoredFrame.plainLengthMax

    private func pack(
        _ plaintexts: [[UInt8]],
        kind: PackKind = .contents,
        sequence: UInt64 = 0
    ) -> SealedPack {
        let builder = PackBuilder(
            header: Sample.header(kind, sequence: sequence),
            volume: Sample.volume,
            keys: Sample.keys
        )
        for (number, plaintext) in plaintexts.enumerated() {
            let id = Sample.keys.chunkID(of: plaintext)
            builder.append(id, plaintext)
            builder.record(
                SliceChunk(
                    slice: UInt64(number),
                    offset: 5,
                    chunk: id,
                    start: 0,
                    length: UInt32(plaintext.count)
                )
            )
        }
        return builder.finish()
    }

    private func open(_ bytes: [UInt8]) throws(VolumeFormatError) -> PackReader {
        try PackReader(bytes, volume: Sample.volume, keys: Sample.keys)
    }

    @Test func whatIsSealedOpens() throws {
        var random = SeededGenerator(seed: 4)
        let lengths = [
            1, 2, 100, frame - 1, frame, frame + 1, 2 * frame - 1, 2 * frame, 3 * frame + 17,
        ]
        let plaintexts =
            lengths.map { random.bytes($0) }
            + lengths.map { [UInt8](repeating: UInt8($0 & 255), count: $0) }
        let sealed = pack(plaintexts)
        let reader = try open(sealed.bytes)
        #expect(reader.header == sealed.header)
        #expect(reader.trailer == sealed.trailer)
        #expect(reader.trailer.slices.count == plaintexts.count)
        #expect(reader.trailer.chunks.count == plaintexts.count)
        for (chunk, plaintext) in zip(reader.trailer.chunks, plaintexts) {
            #expect(try reader.open(chunk) == plaintext)
        }
    }

    @Test func aSingleFrameOpensFromItsOwnBytes() throws {
        var random = SeededGenerator(seed: 5)
        let plaintexts = [random.bytes(100), random.bytes(3 * frame + 1)]
        let sealed = pack(plaintexts)
        let sealing = FrameSealing(
            header: sealed.header,
            volume: Sample.volume,
            keys: Sample.keys
        )
        let chunk = sealed.trailer.chunks[1]
        let frames = chunk.layout.frameRange(of: frame + 5..<2 * frame + 1)
        #expect(frames == 1..<3)
        for index in frames {
            let range = chunk.layout.storedRange(ofFrames: index..<index + 1)
            let stored = sealed.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
            let plain = try sealing.open(stored, of: chunk.id, layout: chunk.layout, index: index)
            #expect(plain[...] == plaintexts[1][chunk.layout.plainRange(ofFrame: index)])
            // The same bytes at another place of the chunk are refused.
            #expect(throws: VolumeFormatError.self) {
                try sealing.open(stored, of: chunk.id, layout: chunk.layout, index: 3 - index)
            }
        }
    }

    @Test func compressibleBytesShrink() {
        let sealed = pack([[UInt8](repeating: 1, count: 1 << 20)])
        #expect(sealed.bytes.count < 10_000)
    }

    @Test func noFlippedBitIsAccepted() throws {
        var random = SeededGenerator(seed: 6)
        let plaintexts = [random.bytes(40), [UInt8](repeating: 3, count: 300)]
        let sealed = pack(plaintexts)
        for at in sealed.bytes.indices {
            for bit in 0..<8 where bit == at % 8 || at < 16 || at > sealed.bytes.count - 20 {
                var bytes = sealed.bytes
                bytes[at] ^= 1 << UInt8(bit)
                #expect(throws: VolumeFormatError.self, "byte \(at) bit \(bit)") {
                    let reader = try open(bytes)
                    for chunk in reader.trailer.chunks { _ = try reader.open(chunk) }
                }
            }
        }
    }

    @Test func noTruncatedPackIsAccepted() {
        let sealed = pack([[1, 2, 3]])
        for count in 0..<sealed.bytes.count {
            #expect(throws: VolumeFormatError.self) { try open(Array(sealed.bytes.prefix(count))) }
            #expect(throws: VolumeFormatError.self) { try open(Array(sealed.bytes.suffix(count))) }
        }
    }

    @Test func aPackOfAnotherVolumeOrKeyIsCorrupt() {
        let sealed = pack([[1, 2, 3]])
        let volume = VolumeID(bytes: [UInt8](repeating: 0x12, count: 32))
        #expect(throws: VolumeFormatError.corrupt("the trailer of pack \(sealed.header.id)")) {
            try PackReader(sealed.bytes, volume: volume, keys: Sample.keys)
        }
        let keys = VolumeKeys(rootSecret: [UInt8](repeating: 1, count: 32))
        #expect(throws: VolumeFormatError.corrupt("the trailer of pack \(sealed.header.id)")) {
            try PackReader(sealed.bytes, volume: Sample.volume, keys: keys)
        }
    }

    @Test func foreignAndNewerBytesAreTold() {
        #expect(throws: VolumeFormatError.foreign) {
            try PackHeader(bytes: [UInt8](repeating: 0, count: 64))
        }
        var bytes = Sample.header(.contents).bytes
        bytes[9] = 2
        #expect(throws: VolumeFormatError.unsupportedVersion(kind: 1, version: 2)) {
            try PackHeader(bytes: bytes)
        }
        bytes = Sample.header(.contents).bytes
        bytes[8] = 5
        #expect(throws: VolumeFormatError.unsupportedVersion(kind: 5, version: 1)) {
            try PackHeader(bytes: bytes)
        }
    }

    @Test func aKindSealsForItselfOnly() {
        var bytes = pack([[1, 2, 3]], kind: .delta, sequence: 9).bytes
        bytes[8] = PackKind.base.rawValue
        #expect(throws: VolumeFormatError.self) { try open(bytes) }
    }

    @Test func randomBytesNeverTrapAReader() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let count = Int.random(in: 0..<200, using: &random)
            let noise = random.bytes(count)
            #expect(throws: VolumeFormatError.self) { try open(noise) }
            let begun = Sample.header(.contents).bytes + noise
            #expect(throws: VolumeFormatError.self) { try open(begun) }
            // Structures that come authenticated are bounded all the same.
            _ = try? ChunkLayout(bcsBytes: noise)
            _ = try? Leaf(bcsBytes: noise)
            _ = try? RunIndex(bcsBytes: noise)
            _ = try? Run(bcsBytes: noise)
            _ = try? Manifest(bcsBytes: noise)
            _ = try? SliceChunk(bcsBytes: noise)
        }
    }
}
