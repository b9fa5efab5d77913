internal import CKernels

/// BLAKE2b-256 of many messages of one length, each with one byte in front.
package enum BatchHash {
    /// The digests, 32 bytes each, of the messages of `length` bytes that follow one another in
    /// `messages`.
    ///
    /// When `length` is 0 there is one, empty, message.
    ///
    /// - Precondition: `messages` is a whole number of them.
    package static func digests(
        of messages: UnsafeRawBufferPointer,
        length: Int,
        prefix: UInt8
    ) -> [UInt8] {
        let bytes = messages.count
        precondition(length > 0 ? bytes.isMultiple(of: length) : bytes == 0)
        let count = length > 0 ? bytes / length : 1
        return unsafe [UInt8](unsafeUninitializedCapacity: 32 * count) { digests, written in
            guard let to = digests.baseAddress else { return }
            let from = unsafe messages.bindMemory(to: UInt8.self).baseAddress
            unsafe walrus_blake2b256_many(from, length, length, count, prefix, to)
            written = 32 * count
        }
    }
}
