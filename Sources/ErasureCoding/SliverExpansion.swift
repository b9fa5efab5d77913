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
        symbols.write(sliver.bytes, at: 0)
        unsafe codec.code(expanding: sliver.axis).encodePlan.apply(
            inputs: (0..<own).map { index in
                unsafe SymbolSource(start: symbols.start + index * size, stride: size)
            },
            outputs: (own..<all).map { index in
                unsafe SymbolTarget(start: symbols.start + index * size, stride: size)
            },
            size: size,
            count: 1
        )
        let bytes = unsafe UnsafeRawBufferPointer(start: symbols.start, count: symbols.count)
        tree = MerkleTree(
            leafHashes: unsafe BatchHash.digests(of: bytes, length: size, prefix: 0)
        )
        axis = sliver.axis
        index = sliver.index
        symbolSize = size
        self.symbols = symbols
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
