internal import BlobModel

/// When checkpoints are made, and of what size their parts are.
package struct CheckpointSettings: Sendable {
    /// Unpublished bytes, in packs, at which a checkpoint starts by itself.
    package var packsUnpublished = 4
    /// Age of the oldest unpublished change at which a checkpoint starts by itself, milliseconds.
    ///
    /// 30 s where storing is free; a priced network wants 10 minutes.
    package var ageMax: UInt64 = 30_000
    /// Checkpoints that nobody asked for start at least so far apart.
    package var spacing: Duration = .seconds(5)
    /// Bytes of a pack before it is doubled for networks with large metadata.
    package var packLength = 16 << 20
    /// Packs of all stores in flight have at most so many bytes together (one may be larger).
    ///
    /// Encoding takes several times a pack's bytes, and a mount stays under 1 GiB.
    package var bytesInFlightMax = 48 << 20
    /// Packs in flight at a time.
    package var packsInFlightMax = 3
    /// Deltas since the last base, at most.
    package var deltasMax = 64
    /// The first wait after a failure that may pass, and the longest.
    package var retryFirst: Duration = .milliseconds(500)
    package var retryLongest: Duration = .seconds(30)

    package init() {}

    /// The pack length on this network: doubled until metadata is under 10 % of the encoded length.
    func packLength(on blobs: any BlobStore) -> Int {
        var length = packLength
        while let encoded = blobs.encodedLength(of: UInt64(length)),
            blobs.metadataLength * 10 > encoded,
            length < 1 << 30,
            blobs.encodedLength(of: UInt64(length * 2)) != nil
        {
            length *= 2
        }
        return length
    }
}
