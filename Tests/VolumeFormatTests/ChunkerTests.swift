import Testing
import VolumeFormat

@Suite struct ChunkerTests {
    let chunker = Chunker(gear: Sample.keys.gear, lengths: .standard)

    private func lengths(_ bytes: [UInt8]) -> [Int] {
        unsafe bytes.withUnsafeBytes { bytes in unsafe chunker.chunkLengths(in: bytes) }
    }

    private func chunks(_ bytes: [UInt8]) -> [ChunkID] {
        var at = 0
        return lengths(bytes).map { length in
            defer { at += length }
            return Sample.keys.chunkID(of: Array(bytes[at..<at + length]))
        }
    }

    @Test(arguments: [1, 2, ChunkLengths.standard.min - 1, ChunkLengths.standard.min])
    func whatIsNotLongerThanTheMinimumIsOneChunk(length: Int) {
        #expect(lengths([UInt8](repeating: 7, count: length)) == [length])
    }

    @Test func cutsLieBetweenMinimumAndMaximumAndCoverAll() {
        var random = SeededGenerator(seed: 1)
        let bytes = random.bytes(20 << 20)
        let lengths = lengths(bytes)
        #expect(lengths.reduce(0, +) == bytes.count)
        for length in lengths.dropLast() {
            #expect(length > ChunkLengths.standard.min && length <= ChunkLengths.standard.max)
        }
        // Normalised chunking keeps chunks near the average.
        #expect((10...40).contains(lengths.count))
    }

    @Test func bytesThatNeverCutEndAtTheMaximum() {
        let length = ChunkLengths.standard.max + 3
        let found = lengths([UInt8](repeating: 0, count: length))
        #expect(found.allSatisfy { $0 <= ChunkLengths.standard.max })
        #expect(found.reduce(0, +) == length)
    }

    @Test(arguments: [ChunkLengths.packLengthMin, 1_834_952, 4 << 20, 16 << 20, 64 << 20])
    func lengthsFollowThePacksOfTheNetwork(packLength: Int) {
        let lengths = ChunkLengths(packLength: packLength)
        #expect(lengths.max < packLength && lengths.max <= ChunkLayout.lengthMax)
        #expect(lengths.average * 3 <= lengths.max)
        #expect(lengths.min * 4 == lengths.average)
        let chunker = Chunker(gear: Sample.keys.gear, lengths: lengths)
        let zeros = [UInt8](repeating: 0, count: 5 << 20)
        let found = unsafe zeros.withUnsafeBytes { bytes in
            unsafe chunker.chunkLengths(in: bytes)
        }
        #expect(found.allSatisfy { $0 <= lengths.max })
        #expect(found.reduce(0, +) == zeros.count)
    }

    @Test func aByteInFrontMovesFewCuts() {
        var random = SeededGenerator(seed: 2)
        let bytes = random.bytes(10 << 20)
        let before = Set(chunks(bytes))
        let after = Set(chunks([1] + bytes))
        #expect(after.subtracting(before).count <= 2)
    }

    @Test func anotherSecretCutsElsewhere() {
        var random = SeededGenerator(seed: 3)
        let bytes = random.bytes(8 << 20)
        let other = VolumeKeys(rootSecret: [UInt8](repeating: 9, count: 32))
        let lengths = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Chunker(gear: other.gear, lengths: .standard).chunkLengths(in: bytes)
        }
        #expect(lengths != self.lengths(bytes))
        #expect(other.chunkID(of: bytes) != Sample.keys.chunkID(of: bytes))
    }
}
