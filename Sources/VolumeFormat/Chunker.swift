// FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking. `Docs/Formats/chunking.md` is
// normative: the same bytes must be cut alike by every writer, or nothing is ever deduplicated.

/// Finds where chunks end.
package struct Chunker: Sendable {
    package static let lengthMin = 256 << 10
    package static let lengthAverage = 1 << 20
    package static let lengthMax = 4 << 20
    private static let bitsBeforeAverage: UInt64 = 22
    private static let bitsAfterAverage: UInt64 = 18

    private let gear: GearTable

    package init(gear: GearTable) { self.gear = gear }

    /// The length of the first chunk of `bytes`.
    ///
    /// - Precondition: `bytes` is not empty, and holds `lengthMax` bytes or the whole rest of the
    ///   stream.
    package func firstChunkLength(in bytes: UnsafeRawBufferPointer) -> Int {
        precondition(bytes.count > 0)
        let end = min(bytes.count, Self.lengthMax)
        guard end > Self.lengthMin else { return end }
        let middle = min(end, Self.lengthAverage)
        return unsafe gear.values.withUnsafeBufferPointer { gear in
            var hash: UInt64 = 0
            var at = Self.lengthMin
            // The loops are unchecked: `at` stays below `end`, and a byte indexes 256 values.
            let strict: UInt64 = 1 << (64 - Self.bitsBeforeAverage)
            while at < middle {
                hash = unsafe (hash &<< 1) &+ gear[Int(bytes[at])]
                at &+= 1
                if hash < strict { return at }
            }
            let loose: UInt64 = 1 << (64 - Self.bitsAfterAverage)
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
