internal import CShims

/// A search that recovery makes over whole files, too slow for a loop in a debug build.
package enum WordSearch {
    /// Where the four bytes of `word` (little-endian) stand in `bytes` from `start` on, at a
    /// multiple of `stride` from there.
    package static func firstOffset(
        of word: UInt32,
        in bytes: [UInt8],
        from start: Int,
        stride: Int
    ) -> Int? {
        precondition(start >= 0 && start <= bytes.count && stride > 0)
        let found = unsafe bytes.withBytes { buffer in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
            return unsafe walrus_find_word(rest.baseAddress, rest.count, stride, word.littleEndian)
        }
        return start + found < bytes.count ? start + found : nil
    }
}
