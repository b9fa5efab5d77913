// FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking. `Docs/Formats/chunking.md` is
// normative: the same bytes must be cut alike by every writer, or nothing is ever deduplicated.

/// How long the chunks of a volume are.
package struct ChunkLengths: Hashable, Sendable {
    /// What the trailer and the tags of a pack with one chunk may take beside it.
    private static let packRoom = 96 << 10
    /// No network that takes shorter blobs can hold a volume.
    package static let packLengthMin = 512 << 10

    package let min: Int
    /// A power of two.
    package let average: Int
    package let max: Int

    /// The lengths where packs are as long as they like.
    package static let standard = ChunkLengths(packLength: 16 << 20)

    /// The lengths on a network whose packs have at most `packLength` bytes.
    ///
    /// - Precondition: `packLength` is at least `packLengthMin`.
    package init(packLength: Int) {
        precondition(packLength >= Self.packLengthMin)
        max = Swift.min(ChunkLayout.lengthMax, packLength - Self.packRoom)
        let third = max / 3
        let power = 1 << (Int.bitWidth - 1 - third.leadingZeroBitCount)
        average = Swift.min(1 << 20, power)
        min = average / 4
    }
}

/// Finds where chunks end.
package struct Chunker: Sendable {
    package let lengths: ChunkLengths
    private let gear: GearTable
    /// A hash below these ends a chunk, before the average and after it.
    private let strict: UInt64
    private let loose: UInt64

    package init(gear: GearTable, lengths: ChunkLengths) {
        self.gear = gear
        self.lengths = lengths
        let bits = UInt64(lengths.average.trailingZeroBitCount)
        strict = 1 << (64 - bits - 2)
        loose = 1 << (64 - bits + 2)
    }

    /// The length of the first chunk of `bytes`.
    ///
    /// - Precondition: `bytes` is not empty, and holds the maximum or the whole rest of the stream.
    package func firstChunkLength(in bytes: UnsafeRawBufferPointer) -> Int {
        precondition(bytes.count > 0)
        let end = min(bytes.count, lengths.max)
        guard end > lengths.min else { return end }
        let middle = min(end, lengths.average)
        let strict = strict
        let loose = loose
        return unsafe gear.values.withUnsafeBufferPointer { gear in
            var hash: UInt64 = 0
            var at = lengths.min
            // The loops are unchecked: `at` stays below `end`, and a byte indexes 256 values.
            while at < middle {
                hash = unsafe (hash &<< 1) &+ gear[Int(bytes[at])]
                at &+= 1
                if hash < strict { return at }
            }
            while at < end {
                hash = unsafe (hash &<< 1) &+ gear[Int(bytes[at])]
                at &+= 1
                if hash < loose { return at }
            }
            return end
        }
    }

    /// The lengths of all chunks of a stream that lies in memory.
    package func chunkLengths(in bytes: UnsafeRawBufferPointer) -> [Int] {
        var lengths: [Int] = []
        var at = 0
        while at < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[at...])
            let length = unsafe firstChunkLength(in: rest)
            lengths.append(length)
            at += length
        }
        return lengths
    }
}
