package import BlobModel

// A lost sliver is computed again from the symbols in which slivers of the other axis cross it.
// Each comes with a proof that it is in its source sliver. When proven symbols give a sliver other
// than the metadata's, the blob was encoded wrongly, and the symbols themselves prove it to anyone.

/// Why a recovery symbol is not one for the target.
package enum RecoverySymbolError: Error, Equatable, Sendable {
    case sourceIndexTooLarge(SliverIndex)
    case wrongSymbolSize(Int, expected: Int)
    /// It is for another sliver than was asked for.
    case wrongTarget(SliverAxis, SliverIndex)
    /// The proof does not lead to the root of the source sliver.
    case invalidProof(source: SliverIndex)
}

/// Why a sliver could not be recovered.
package enum SliverRecoveryError: Error, Equatable, Sendable {
    case targetIndexTooLarge(SliverIndex)
    /// Too few distinct symbols that verify.
    case notEnoughSymbols(Int, needed: Int)
    /// The blob is inconsistent, and this is the proof.
    case inconsistent(InconsistencyProof)
}

/// Why an inconsistency proof proves nothing.
package enum InconsistencyProofError: Error, Equatable, Sendable {
    case targetIndexTooLarge(SliverIndex)
    case incorrectSymbolCount(Int, expected: Int)
    case invalidRecoverySymbol(RecoverySymbolError)
    /// Symbols occur twice, so that they give no sliver.
    case recoveryFailure
    /// The symbols give the very sliver that the metadata describes.
    case sliverNotInconsistent
}

/// Recovers slivers of one blob from symbols of others, and judges proofs that it is inconsistent.
package struct SliverRecovery: Sendable {
    package let metadata: VerifiedBlobMetadata
    private let codec: RedStuffCodec

    private var parameters: EncodingParameters { codec.parameters }

    /// - Precondition: Codec and metadata are of the same committee.
    package init(_ codec: RedStuffCodec, _ metadata: VerifiedBlobMetadata) {
        precondition(codec.parameters == metadata.parameters)
        self.codec = codec
        self.metadata = metadata
    }

    /// Checks that a symbol is where its source sliver crosses the target.
    package func verify(
        _ symbol: RecoverySymbol,
        axis: SliverAxis,
        target: SliverIndex
    ) throws(RecoverySymbolError) {
        let source = symbol.symbol.index
        guard parameters.contains(source) else { throw .sourceIndexTooLarge(source) }
        guard symbol.symbol.bytes.count == metadata.symbolSize else {
            throw .wrongSymbolSize(symbol.symbol.bytes.count, expected: metadata.symbolSize)
        }
        guard
            symbol.proof.verifies(
                root: metadata.hash(of: source, axis.orthogonal),
                leafCount: parameters.shardCount,
                leaf: symbol.symbol.bytes,
                index: target.value
            )
        else { throw .invalidProof(source: source) }
    }

    /// The same for many at once: for each, its error, or nil.
    private func errors(
        of symbols: [RecoverySymbol],
        axis: SliverAxis,
        target: SliverIndex
    ) -> [RecoverySymbolError?] {
        var errors: [RecoverySymbolError?] = symbols.map { symbol in
            let source = symbol.symbol.index
            guard parameters.contains(source) else { return .sourceIndexTooLarge(source) }
            guard symbol.symbol.bytes.count == metadata.symbolSize else {
                return .wrongSymbolSize(symbol.symbol.bytes.count, expected: metadata.symbolSize)
            }
            return nil
        }
        let places = errors.indices.filter { errors[$0] == nil }
        let verdicts = MerkleProof.verify(
            places.map { place in
                let symbol = symbols[place]
                return MerkleProof.Claim(
                    leaf: symbol.symbol.bytes,
                    proof: symbol.proof,
                    root: metadata.hash(of: symbol.symbol.index, axis.orthogonal)
                )
            },
            leafCount: parameters.shardCount,
            index: target.value
        )
        for (place, isProven) in zip(places, verdicts) where !isProven {
            errors[place] = .invalidProof(source: symbols[place].symbol.index)
        }
        return errors
    }

    /// Checks that a symbol is for the target that was asked for, and verifies.
    package func verify(
        _ symbol: GeneralRecoverySymbol,
        axis: SliverAxis,
        target: SliverIndex
    ) throws(RecoverySymbolError) -> RecoverySymbol {
        guard symbol.targetAxis == axis, symbol.targetIndex == target else {
            throw .wrongTarget(symbol.targetAxis, symbol.targetIndex)
        }
        try verify(symbol.recoverySymbol, axis: axis, target: target)
        return symbol.recoverySymbol
    }

    /// Those of `symbols` that are for the target and verify, and what is wrong with the first of
    /// the others.
    package func proven(
        _ symbols: [GeneralRecoverySymbol],
        axis: SliverAxis,
        target: SliverIndex
    ) -> (proven: [RecoverySymbol], error: RecoverySymbolError?) {
        if let other = symbols.first(where: {
            $0.targetAxis != axis || $0.targetIndex != target
        }) {
            return ([], .wrongTarget(other.targetAxis, other.targetIndex))
        }
        let symbols = symbols.map(\.recoverySymbol)
        let errors = errors(of: symbols, axis: axis, target: target)
        let proven = zip(symbols, errors).compactMap { $1 == nil ? $0 : nil }
        return (proven, errors.lazy.compactMap { $0 }.first)
    }

    /// The sliver `target`, from symbols of which those that do not verify are left out.
    package func recover(
        _ axis: SliverAxis,
        _ target: SliverIndex,
        from symbols: [RecoverySymbol]
    ) throws(SliverRecoveryError) -> VerifiedSliver {
        guard parameters.contains(target) else { throw .targetIndexTooLarge(target) }
        let needed = parameters.recoverySymbolsNeeded(for: axis)
        var chosen: [RecoverySymbol] = []
        var sources: Set<SliverIndex> = []
        // As many at a time as are wanted still: mostly all of them verify, and no more are looked
        // at.
        var rest = symbols[...]
        while chosen.count < needed, !rest.isEmpty {
            let some = Array(rest.prefix(needed - chosen.count))
            rest = rest.dropFirst(some.count)
            for (symbol, error) in zip(some, errors(of: some, axis: axis, target: target))
            where error == nil && sources.insert(symbol.symbol.index).inserted {
                chosen.append(symbol)
            }
        }
        guard chosen.count == needed else {
            throw .notEnoughSymbols(chosen.count, needed: needed)
        }
        let sliver = decode(axis, target, chosen.map(\.symbol))
        do {
            return try SliverVerifier(codec, metadata).verify(sliver)
        } catch {
            // Its shape is right by construction, so only the root can differ.
            throw .inconsistent(
                InconsistencyProof(targetAxis: axis, targetIndex: target, symbols: chosen)
            )
        }
    }

    /// Checks that `proof` shows that the blob is inconsistent.
    package func verify(_ proof: InconsistencyProof) throws(InconsistencyProofError) {
        let (axis, target) = (proof.targetAxis, proof.targetIndex)
        guard parameters.contains(target) else { throw .targetIndexTooLarge(target) }
        let needed = parameters.recoverySymbolsNeeded(for: axis)
        guard proof.symbols.count == needed else {
            throw .incorrectSymbolCount(proof.symbols.count, expected: needed)
        }
        for case let error? in errors(of: proof.symbols, axis: axis, target: target) {
            throw .invalidRecoverySymbol(error)
        }
        guard Set(proof.symbols.map(\.symbol.index)).count == needed else {
            throw .recoveryFailure
        }
        let sliver = decode(axis, target, proof.symbols.map(\.symbol))
        guard SliverExpansion.root(codec, sliver) != metadata.hash(of: target, axis) else {
            throw .sliverNotInconsistent
        }
    }

    /// The sliver through these symbols, distinct and just enough.
    private func decode(
        _ axis: SliverAxis,
        _ target: SliverIndex,
        _ symbols: [DecodingSymbol]
    ) -> Sliver {
        let size = metadata.symbolSize
        let own = parameters.symbolCount(of: axis)
        let given = symbols.map(\.index.value)
        let present = Set(given)
        let missing = (0..<own).filter { !present.contains($0) }
        let input = AlignedBuffer(count: symbols.count * size)
        let output = AlignedBuffer(count: own * size)
        for (place, symbol) in symbols.enumerated() {
            input.write(symbol.bytes, at: place * size)
            if symbol.index.value < own {
                output.write(symbol.bytes, at: symbol.index.value * size)
            }
        }
        if !missing.isEmpty {
            let plan = codec.code(expanding: axis).decodePlan(given: given, wanted: missing)
            plan.apply(
                inputs: SymbolRuns(
                    buffer: input,
                    offsets: symbols.indices.map { $0 * size },
                    stride: size
                ),
                outputs: SymbolRuns(
                    buffer: output,
                    offsets: missing.map { $0 * size },
                    stride: size
                ),
                size: size,
                count: 1
            )
        }
        return Sliver(
            axis: axis,
            index: target,
            symbolSize: UInt16(size),
            bytes: output.bytes(at: 0, count: output.count)
        )
    }
}
