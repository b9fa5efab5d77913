// The numbers that follow from the number of shards alone: how a blob becomes a matrix of symbols,
// how large everything is, and which shard holds what. `Docs/Formats/blob-metadata.md` has the
// formulas in one table.

/// How blobs are written, the byte that starts their ids.
package enum EncodingType: UInt8, Hashable, Sendable {
    /// RedStuff over Reed-Solomon. 0 was RaptorQ, which is gone; others do not exist.
    case redStuff = 1

    /// The text that people read, as the reference prints it.
    package var displayName: String { "RedStuff/Reed-Solomon" }
    /// The text in JSON, as the reference prints it.
    package var jsonName: String { "RS2" }
}

/// Why a blob or a committee has no encoding.
package enum EncodingParametersError: Error, Equatable, Sendable {
    /// No code for this number of shards: it must be in 4...49155.
    case unsupportedShardCount(Int)
    /// The blob is longer than `maximum`, where symbols reach 65,534 bytes.
    case dataTooLarge(length: UInt64, maximum: UInt64)
}

/// The encoding of a committee of `shardCount` shards.
package struct EncodingParameters: Hashable, Sendable {
    /// `n`.
    package let shardCount: Int

    /// Four shards are the fewest with a recovery symbol; past 49,155 the field has no points left.
    package static let shardCounts = 4...49_155
    /// The largest even number that the 16-bit size in a sliver holds.
    package static let symbolSizeMax = 65_534

    package init(shardCount: Int) throws(EncodingParametersError) {
        guard Self.shardCounts.contains(shardCount) else {
            throw .unsupportedShardCount(shardCount)
        }
        self.shardCount = shardCount
    }

    /// `f`: how many shards may be in wrong hands.
    package var faultyMax: Int { (shardCount - 1) / 3 }
    /// `k_p = n - 2f`: rows of the source matrix, and symbols in a secondary sliver.
    package var sourceRows: Int { shardCount - 2 * faultyMax }
    /// `k_s = n - f`: columns of the source matrix, and symbols in a primary sliver.
    package var sourceColumns: Int { shardCount - faultyMax }
}

/// Sizes. All are in bytes.
extension EncodingParameters {
    /// The number of symbols in the blob itself.
    package var sourceSymbols: Int { sourceRows * sourceColumns }

    /// The longest blob: at 10 shards 1,834,952 bytes, at 1,000 shards 14.6 GB.
    package var blobLengthMax: UInt64 { UInt64(sourceSymbols * Self.symbolSizeMax) }

    /// The size of a symbol of a blob of `length` bytes; even, and 2 for the empty blob.
    package func symbolSize(of length: UInt64) throws(EncodingParametersError) -> Int {
        guard length <= blobLengthMax else {
            throw .dataTooLarge(length: length, maximum: blobLengthMax)
        }
        let sized = max(Int(length), 1)
        let exact = (sized + sourceSymbols - 1) / sourceSymbols
        return exact + exact % 2
    }

    /// How many symbols a sliver of this axis has: as many as are needed to recover it.
    package func symbolCount(of axis: SliverAxis) -> Int {
        axis == .primary ? sourceColumns : sourceRows
    }

    /// How many distinct slivers of this axis, all verified, give the blob.
    package func sliversNeeded(of axis: SliverAxis) -> Int {
        axis == .primary ? sourceRows : sourceColumns
    }

    /// How many distinct recovery symbols give a sliver of this axis.
    package func recoverySymbolsNeeded(for axis: SliverAxis) -> Int { symbolCount(of: axis) }

    package func sliverLength(_ axis: SliverAxis, symbolSize: Int) -> Int {
        symbolCount(of: axis) * symbolSize
    }

    /// What the metadata of any blob counts for in the encoded length.
    package var metadataLength: UInt64 { UInt64(shardCount * 64 + 32) }

    /// What a blob of `length` bytes takes on the whole network: what its owner pays for.
    package func encodedLength(of length: UInt64) throws(EncodingParametersError) -> UInt64 {
        let symbols = UInt64(sourceRows + sourceColumns) * UInt64(try symbolSize(of: length))
        return UInt64(shardCount) * (symbols + metadataLength)
    }
}

/// Weights, counted in shards.
extension EncodingParameters {
    /// Whether `weight` shards are a quorum on the ledger: `3w >= 2n + 1`, which is `w >= n - f`.
    package func isQuorum(weight: Int) -> Bool { 3 * weight >= 2 * shardCount + 1 }
    /// The smallest quorum.
    package var quorumWeight: Int { shardCount - faultyMax }
    /// Whether `weight` shards include one in right hands on the ledger: `3w >= n + 1`.
    package func includesCorrect(weight: Int) -> Bool { 3 * weight >= shardCount + 1 }
    /// Whether a client takes `weight` shards for a quorum: `w > 2f`.
    package func isClientQuorum(weight: Int) -> Bool { weight > 2 * faultyMax }
    /// Whether a client takes `weight` shards to include one in right hands: `w > f`.
    package func isAboveValidity(weight: Int) -> Bool { weight > faultyMax }
}

/// Placement. Pairs are rotated over the shards by the blob id, so that pair 0, which readers ask
/// for first, is not the same shard's of every blob.
extension EncodingParameters {
    package func contains(_ index: some CommitteeIndex) -> Bool { index.value < shardCount }

    /// The pair that contains this sliver.
    ///
    /// Secondary slivers run backwards through the pairs.
    ///
    /// - Precondition: The index is below `shardCount`.
    package func pair(of sliver: SliverIndex, _ axis: SliverAxis) -> SliverPairIndex {
        precondition(contains(sliver))
        return SliverPairIndex(mirrored(sliver.value, axis))
    }

    /// The sliver of this axis in a pair.
    ///
    /// - Precondition: The index is below `shardCount`.
    package func sliver(of pair: SliverPairIndex, _ axis: SliverAxis) -> SliverIndex {
        precondition(contains(pair))
        return SliverIndex(mirrored(pair.value, axis))
    }

    private func mirrored(_ index: Int, _ axis: SliverAxis) -> UInt16 {
        UInt16(axis == .primary ? index : shardCount - 1 - index)
    }

    /// The blob id as a big-endian number, modulo `shardCount`.
    package func rotation(of blob: BlobID) -> Int {
        blob.bytes.reduce(0) { ($0 * 256 + Int($1)) % shardCount }
    }

    /// The shard that holds this pair of `blob`; ``pair(on:of:)`` undoes it.
    ///
    /// - Precondition: The index is below `shardCount`.
    package func shard(holding pair: SliverPairIndex, of blob: BlobID) -> ShardIndex {
        precondition(contains(pair))
        return ShardIndex(UInt16((pair.value + rotation(of: blob)) % shardCount))
    }

    /// The pair of `blob` that this shard holds.
    ///
    /// - Precondition: The index is below `shardCount`.
    package func pair(on shard: ShardIndex, of blob: BlobID) -> SliverPairIndex {
        precondition(contains(shard))
        return SliverPairIndex(
            UInt16((shardCount + shard.value - rotation(of: blob)) % shardCount)
        )
    }
}
