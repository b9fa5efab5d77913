internal import BlobModel

/// 256 secret numbers, one for each byte value, that decide where chunks and leaves end.
package struct GearTable: Sendable {
    package let values: [UInt64]

    /// Derives the table (`Docs/Formats/chunking.md`).
    init(chunkIDKey: [UInt8]) {
        var values: [UInt64] = []
        values.reserveCapacity(256)
        for block in UInt8(0)..<64 {
            let digest = Blake2b256.hash(Array("walrusfs/gear/1".utf8) + [block], key: chunkIDKey)
            for start in stride(from: 0, to: 32, by: 8) {
                var value: UInt64 = 0
                for index in 0..<8 { value |= UInt64(digest[start + index]) << UInt64(8 * index) }
                values.append(value)
            }
        }
        self.values = values
    }
}
