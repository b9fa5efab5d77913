internal import BlobModel
internal import VolumeFormat

/// When checkpoints are made, and of what size their parts are.
package struct CheckpointSettings: Sendable {
    /// Unpublished bytes, in packs, at which a checkpoint starts by itself; small packs count as
    /// the longest do.
    package var packsUnpublished = 4
    /// Age of the oldest unpublished change at which a checkpoint starts by itself, milliseconds.
    ///
    /// 30 s where storing is free; a priced network wants 10 minutes.
    package var ageMax: UInt64 = 30_000
    /// Checkpoints that nobody asked for start at least so far apart.
    package var spacing: Duration = .seconds(5)
    /// Bytes of a pack before it is doubled for networks with large metadata, or cut down to the
    /// longest blob that the network takes.
    package var packLength = 16 << 20
    /// Packs of all stores in flight have at most so many bytes together (one may be larger).
    ///
    /// Encoding takes several times a pack's bytes, and a mount stays under 1 GiB.
    package var bytesInFlightMax = 48 << 20
    /// Packs in flight at a time.
    package var packsInFlightMax = 8
    /// Deltas since the last base, at most.
    package var deltasMax = 64
    /// Checkpoints that are kept, the newest among them: what they need is not retired.
    package var checkpointsKept: UInt64 = 3
    /// What goes is looked for at least so far apart, and not sooner after a mount began.
    package var collectSpacing: Duration = .seconds(600)
    /// Stored bytes of chunks that move to other packs at a time, at most; of one pack at least.
    ///
    /// As many as make a checkpoint start by itself where packs are of 16 MiB, so that nobody waits
    /// longer for a move than for others' writes.
    package var moveBytesMax: UInt64 = 64 << 20
    /// How often a mount looks whether its lease is claimed, at least; see ``leaseCheck(within:)``.
    package var leaseCheck: Duration = .seconds(5)
    /// How long a person who takes a lease over waits, beyond the ledger's patience.
    package var takeOverSlack: Duration = .seconds(90)
    /// The first wait after a failure that may pass, and the longest.
    package var retryFirst: Duration = .milliseconds(500)
    package var retryLongest: Duration = .seconds(30)

    package init() {}

    /// How often a mount looks at its lease, on a ledger with this patience with a holder: several
    /// times within it.
    func leaseCheck(within patience: Duration?) -> Duration {
        guard let patience else { return leaseCheck }
        return min(leaseCheck, max(patience / 4, .milliseconds(50)))
    }

    /// The pack length on this network.
    ///
    /// Doubled until metadata is under 10 % of the encoded length; but never longer than the
    /// network takes (`Docs/Decisions/0070-pack-length.md`). nil when it takes no useful length.
    func packLength(on blobs: any BlobStore) -> Int? {
        func takes(_ length: Int) -> Bool { blobs.encodedLength(of: UInt64(length)) != nil }
        var length = packLength
        while let encoded = blobs.encodedLength(of: UInt64(length)),
            blobs.metadataLength * 10 > encoded, length < 1 << 30, takes(length * 2)
        {
            length *= 2
        }
        if takes(length) { return length }
        var shortest = ChunkLengths.packLengthMin
        guard takes(shortest) else { return nil }
        // The longest length that is taken lies in between.
        while shortest < length - 1 {
            let middle = (shortest + length) / 2
            if takes(middle) { shortest = middle } else { length = middle }
        }
        return shortest
    }
}
