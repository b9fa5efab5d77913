/// Where the bytes of a blob are read from, piece by piece, in any order and by any thread.
///
/// Safe, because a buffer is lent only for the time of a call, and is as long as what is wanted.
@safe package struct BlobSource<Failure: Error>: Sendable {
    package typealias Read =
        @Sendable (UnsafeMutableRawBufferPointer, _ offset: Int) throws(Failure) -> Void

    private let read: Read

    /// - Parameter read: Fills a buffer, which is never empty, with the bytes from an offset on.
    package init(_ read: @escaping Read) { unsafe self.read = read }

    /// Reads `count` bytes from `offset` to a place of `buffer`.
    func read(_ count: Int, at offset: Int, to place: Int, of buffer: AlignedBuffer) throws(Failure)
    {
        precondition(place >= 0 && count > 0 && place + count <= buffer.count)
        let target = unsafe UnsafeMutableRawBufferPointer(
            start: buffer.start + place,
            count: count
        )
        try unsafe read(target, offset)
    }
}

extension BlobSource<Never> {
    /// A blob in memory.
    package init(_ blob: [UInt8]) {
        unsafe self.init { target, offset in
            unsafe blob.withUnsafeBytes { bytes in
                unsafe target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + target.count])
                )
            }
        }
    }
}
