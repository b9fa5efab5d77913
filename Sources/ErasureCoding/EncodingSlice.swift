/// The bytes of every symbol that are encoded at a time: all of them, or, of a blob that is too
/// long for that, some.
///
/// Codes work on blocks of 64 bytes, each by itself, so slices of symbols can be encoded one after
/// another. Hashes go on where they stopped, in blocks of 128 bytes counted with the byte in front
/// of each message: a slice holds, besides its own bytes, the block of 64 before them.
struct EncodingSlice: Sendable {
    /// The bytes of a symbol that are held.
    let held: Range<Int>
    /// The bytes of a symbol that the slice is about; `held` ends where they do.
    let own: Range<Int>
    /// The blocks of a symbol's hash that can be hashed.
    let hashBlocks: Range<Int>
    let isLast: Bool

    /// The whole of every symbol.
    static func whole(_ symbolSize: Int) -> EncodingSlice {
        EncodingSlice(0..<symbolSize, of: symbolSize)
    }

    private init(_ own: Range<Int>, of symbolSize: Int) {
        self.own = own
        isLast = own.upperBound == symbolSize
        held = max(0, own.lowerBound - 64)..<own.upperBound
        // The last block may be one that begins past the symbol's last byte but one.
        hashBlocks = own.lowerBound / 128..<(isLast ? symbolSize / 128 + 1 : own.upperBound / 128)
    }

    /// Slices of all symbols, such that `symbols` of them take at most `memory` bytes, or as little
    /// as can be.
    static func slices(symbolSize: Int, symbols: Int, memory: Int) -> [EncodingSlice] {
        if symbols * symbolSize <= memory { return [.whole(symbolSize)] }
        let most = max(128, (memory / symbols - 64) / 128 * 128)
        let count = (symbolSize + most - 1) / most
        let length = ((symbolSize + count - 1) / count + 127) / 128 * 128
        return stride(from: 0, to: symbolSize, by: length).map { first in
            EncodingSlice(first..<min(first + length, symbolSize), of: symbolSize)
        }
    }

    var isWhole: Bool { isLast && own.lowerBound == 0 }
    /// How many of the held bytes are before the slice's own.
    var overlap: Int { own.lowerBound - held.lowerBound }
}
