package import BlobModel
internal import CKernels

/// A sliver extended to the symbols of the whole committee, and the Merkle tree over them.
package struct SliverExpansion: Sendable {
    package let axis: SliverAxis
    package let index: SliverIndex
    package let tree: MerkleTree
    private let symbols: AlignedBuffer
    private let symbolSize: Int

    /// Expands a sliver whose length is known to be right.
    init(_ codec: RedStuffCodec, _ sliver: Sliver) {
        let size = Int(sliver.symbolSize)
        let own = codec.parameters.symbolCount(of: sliver.axis)
        let all = codec.parameters.shardCount
        precondition(sliver.bytes.count == own * size)
        let symbols = AlignedBuffer(count: all * size)
        Self.expand(codec, sliver, into: symbols, WorkArea(codec))
        let bytes = unsafe UnsafeRawBufferPointer(start: symbols.start, count: symbols.count)
        tree = MerkleTree(
            leafHashes: unsafe BatchHash.digests(of: bytes, length: size, prefix: 0)
        )
        axis = sliver.axis
        index = sliver.index
        symbolSize = size
        self.symbols = symbols
    }

    /// Writes all symbols of a sliver whose length is known to be right, one after another.
    private static func expand(
        _ codec: RedStuffCodec,
        _ sliver: Sliver,
        into symbols: AlignedBuffer,
        _ area: WorkArea
    ) {
        let size = Int(sliver.symbolSize)
        let own = codec.parameters.symbolCount(of: sliver.axis)
        func run(_ indexes: Range<Int>) -> SymbolRuns {
            SymbolRuns(buffer: symbols, offsets: indexes.map { $0 * size }, stride: size)
        }
        symbols.write(sliver.bytes, at: 0)
        codec.code(expanding: sliver.axis).encodePlan.apply(
            inputs: run(0..<own),
            outputs: run(own..<codec.parameters.shardCount),
            size: size,
            count: 1,
            in: area
        )
    }

    /// The root alone, of a sliver whose length is known to be right.
    static func root(_ codec: RedStuffCodec, _ sliver: Sliver) -> MerkleNode {
        let size = Int(sliver.symbolSize)
        let all = codec.parameters.shardCount
        precondition(
            sliver.bytes.count == codec.parameters.symbolCount(of: sliver.axis) * size
        )
        let area = WorkArea(codec)
        let symbols = AlignedBuffer(count: all * size, pool: codec.buffers)
        expand(codec, sliver, into: symbols, area)
        return unsafe RowRoot.root(of: symbols.start, size: size, count: all, area)
    }

    /// Every symbol, one after another.
    package var bytes: [UInt8] { symbols.bytes(at: 0, count: symbols.count) }

    /// The symbol in which this sliver crosses sliver `target` of the other axis, with its proof.
    ///
    /// - Precondition: The target is below the number of shards.
    package func recoverySymbol(for target: SliverIndex) -> RecoverySymbol {
        RecoverySymbol(
            symbol: DecodingSymbol(
                index: index,
                bytes: symbols.bytes(at: target.value * symbolSize, count: symbolSize)
            ),
            proof: tree.proof(of: target.value)
        )
    }

    /// The same, saying which sliver it is for.
    ///
    /// - Precondition: The target is below the number of shards.
    package func generalRecoverySymbol(for target: SliverIndex) -> GeneralRecoverySymbol {
        GeneralRecoverySymbol(
            targetAxis: axis.orthogonal,
            targetIndex: target,
            recoverySymbol: recoverySymbol(for: target)
        )
    }
}

/// The root over symbols that lie one after another.
enum RowRoot {
    static func root(
        of symbols: UnsafePointer<UInt8>,
        size: Int,
        count: Int,
        _ area: WorkArea
    ) -> MerkleNode {
        let leaves = area.buffer(count: (count + 1) * 32, use: 4)
        unsafe walrus_blake2b256_many(symbols, size, size, count, 0, leaves.start)
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe walrus_merkle_root(leaves.start, count, leaves.start, &digest)
        return MerkleNode(digest: digest)
    }
}
