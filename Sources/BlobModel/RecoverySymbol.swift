package import Codec

// What nodes send each other so that a lost sliver can be computed again, and what proves that a
// blob was encoded wrongly. The target is the sliver to recover; sources are slivers of the other
// axis. `Docs/Formats/bcs.md` has the layouts.

/// A symbol, and the sliver that it was taken from.
package struct DecodingSymbol: Hashable, Sendable, BCSCodable {
    /// The *source* sliver, on the axis orthogonal to the target's.
    package let index: SliverIndex
    package let bytes: [UInt8]

    package init(index: SliverIndex, bytes: [UInt8]) {
        self.index = index
        self.bytes = bytes
    }

    // The index comes first here, unlike in a sliver.
    package func encode(to writer: inout ByteWriter) {
        writer.write(index)
        writer.write(bytes: bytes)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        index = try SliverIndex(from: &reader)
        bytes = try reader.readBytes(limit: EncodingParameters.symbolSizeMax)
    }
}

/// A symbol with the proof that it is in its source sliver, for a target known from elsewhere.
package struct RecoverySymbol: Hashable, Sendable, BCSCodable {
    package let symbol: DecodingSymbol
    /// Leads from the symbol, at the leaf with the target's index, to the root of the source.
    package let proof: MerkleProof

    package init(symbol: DecodingSymbol, proof: MerkleProof) {
        self.symbol = symbol
        self.proof = proof
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(symbol)
        writer.write(proof)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        symbol = try DecodingSymbol(from: &reader)
        proof = try MerkleProof(from: &reader)
    }
}

/// A recovery symbol that says which sliver it is for.
package struct GeneralRecoverySymbol: Hashable, Sendable, BCSCodable {
    package let targetAxis: SliverAxis
    package let targetIndex: SliverIndex
    package let recoverySymbol: RecoverySymbol

    package init(
        targetAxis: SliverAxis,
        targetIndex: SliverIndex,
        recoverySymbol: RecoverySymbol
    ) {
        self.targetAxis = targetAxis
        self.targetIndex = targetIndex
        self.recoverySymbol = recoverySymbol
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(targetAxis)
        writer.write(recoverySymbol.symbol)
        writer.write(targetIndex)
        writer.write(recoverySymbol.proof)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        targetAxis = try SliverAxis(from: &reader)
        let symbol = try DecodingSymbol(from: &reader)
        targetIndex = try SliverIndex(from: &reader)
        recoverySymbol = RecoverySymbol(symbol: symbol, proof: try MerkleProof(from: &reader))
    }
}

extension GeneralRecoverySymbol {
    /// The bytes of the BCS, without writing it.
    package var encodedLength: Int {
        let count = recoverySymbol.symbol.bytes.count
        let length = count < 1 << 7 ? 1 : count < 1 << 14 ? 2 : 3
        let path = recoverySymbol.proof.path.reduce(1) { $0 + ($1 == .empty ? 1 : 33) }
        return 5 + length + count + path
    }
}

extension GeneralRecoverySymbol {
    /// Reads an answer with at most `limit` symbols.
    package static func vector(
        bcsBytes bytes: [UInt8],
        limit: Int
    ) throws(CodecError) -> [GeneralRecoverySymbol] {
        var reader = ByteReader(bytes)
        let symbols = try reader.readVector(of: Self.self, limit: limit, itemSize: 7)
        try reader.finish()
        return symbols
    }
}

/// Recovery symbols, each proven, that give a sliver other than the one in the metadata.
package struct InconsistencyProof: Hashable, Sendable, BCSCodable {
    package let targetAxis: SliverAxis
    package let targetIndex: SliverIndex
    package let symbols: [RecoverySymbol]

    package init(targetAxis: SliverAxis, targetIndex: SliverIndex, symbols: [RecoverySymbol]) {
        self.targetAxis = targetAxis
        self.targetIndex = targetIndex
        self.symbols = symbols
    }

    /// The longest ``dataBytes`` of a proof with so many symbols of that size.
    package static func dataLengthMax(symbols: Int, symbolSize: Int) -> Int {
        // Index, length and bytes of a symbol; a count and nodes of its proof; index and count.
        symbols * (2 + 3 + symbolSize + 1 + 33 * MerkleProof.pathMax) + 2 + 3
    }

    /// The form without the axis, which is in the path of the request that carries it.
    package var dataBytes: [UInt8] {
        var writer = ByteWriter()
        encodeData(to: &writer)
        return writer.bytes
    }

    package func encodeData(to writer: inout ByteWriter) {
        writer.write(targetIndex)
        writer.write(vector: symbols)
    }

    package init(targetAxis: SliverAxis, dataBytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(dataBytes)
        self = try InconsistencyProof(targetAxis: targetAxis, from: &reader)
        try reader.finish()
    }

    package init(targetAxis: SliverAxis, from reader: inout ByteReader) throws(CodecError) {
        self.targetAxis = targetAxis
        targetIndex = try SliverIndex(from: &reader)
        // Each symbol takes at least an index, a length and a count.
        symbols = try reader.readVector(limit: BlobMetadata.hashesMax, itemSize: 4)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(targetAxis)
        encodeData(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let axis = try SliverAxis(from: &reader)
        self = try InconsistencyProof(targetAxis: axis, from: &reader)
    }
}
