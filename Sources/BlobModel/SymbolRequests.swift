package import Codec

// What is asked of a node whose slivers cross one that is missing (`Docs/Formats/node-api.md`).

/// A node as those see it that have lost a sliver.
package protocol SymbolSource: Sendable {
    /// Symbols of the node's slivers with their proofs, unverified; at least one.
    func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol]

    /// Symbols of the node's slivers for systematic slivers of `axis`, without proofs: only for
    /// who verifies what they give.
    func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols
}

/// Which recovery symbols are wanted.
package struct RecoverySymbolsRequest: Hashable, Sendable {
    package enum Wanted: Hashable, Sendable {
        /// These; of those that the node does not have, nothing is said as long as it has one.
        case symbols([SymbolID])
        /// All that the node has for this sliver.
        case target(SliverAxis, SliverIndex)
    }

    package let wanted: Wanted
    /// The axis of the sliver that each symbol is proven to be in; nil leaves it to the node.
    package let proofAxis: SliverAxis?

    package init(_ wanted: Wanted, proofAxis: SliverAxis? = nil) {
        self.wanted = wanted
        self.proofAxis = proofAxis
    }

    /// The symbols in which the slivers `sources` cross the target, proven to be in the sources.
    package init(target: SliverIndex, _ axis: SliverAxis, from sources: [SliverIndex]) {
        self.init(
            .symbols(sources.map { SymbolID(of: target, axis, crossing: $0) }),
            proofAxis: axis.orthogonal
        )
    }
}

extension SymbolID {
    /// Where sliver `target` of this axis and sliver `source` of the other one cross.
    package init(of target: SliverIndex, _ axis: SliverAxis, crossing source: SliverIndex) {
        switch axis {
        case .primary: self.init(primary: target, secondary: source)
        case .secondary: self.init(primary: source, secondary: target)
        }
    }

    package func index(on axis: SliverAxis) -> SliverIndex {
        axis == .primary ? primary : secondary
    }
}

extension SymbolID: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.primary, left.secondary) < (right.primary, right.secondary)
    }
}

/// Symbols without proofs, by the systematic sliver that they are for.
package struct DecodingSymbols: Hashable, Sendable {
    /// The axis of the slivers that they are for.
    package let axis: SliverAxis
    package let symbols: [SliverIndex: [DecodingSymbol]]

    package init(axis: SliverAxis, symbols: [SliverIndex: [DecodingSymbol]]) {
        self.axis = axis
        self.symbols = symbols
    }
}

extension DecodingSymbols: BCSEncodable {
    package func encode(to writer: inout ByteWriter) {
        // A key of two bytes, little-endian: BCS orders maps by the encoded bytes.
        let targets = symbols.keys.sorted {
            $0.rawValue.byteSwapped < $1.rawValue.byteSwapped
        }
        writer.write(length: targets.count)
        for target in targets {
            let found = symbols[target] ?? []
            writer.write(target)
            writer.write(length: found.count)
            for symbol in found {
                writer.write(axis)
                writer.write(symbol)
            }
        }
    }

    /// Reads an answer for slivers of `axis`, with at most `limit` targets and as many symbols of
    /// each.
    package init(
        axis: SliverAxis,
        bcsBytes bytes: [UInt8],
        limit: Int
    ) throws(CodecError) {
        var reader = ByteReader(bytes)
        var symbols: [SliverIndex: [DecodingSymbol]] = [:]
        var last: UInt16?
        for _ in 0..<(try reader.readLength(limit: limit, itemSize: 3)) {
            let target = try reader.read(SliverIndex.self)
            let key = target.rawValue.byteSwapped
            if let last, last >= key { throw .invalidValue("keys of a map out of order") }
            last = key
            var found: [DecodingSymbol] = []
            for _ in 0..<(try reader.readLength(limit: limit, itemSize: 4)) {
                guard try reader.read(SliverAxis.self) == axis else {
                    throw .invalidValue("a symbol for a sliver of the other axis")
                }
                found.append(try reader.read())
            }
            symbols[target] = found
        }
        try reader.finish()
        self.init(axis: axis, symbols: symbols)
    }
}
