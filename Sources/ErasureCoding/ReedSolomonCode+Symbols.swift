/// The code applied to symbols in arrays, one symbol at each position.
extension ReedSolomonCode {
    /// The recovery symbols of `originals`.
    package func encode(_ symbols: [[UInt8]]) throws(ReedSolomonError) -> [[UInt8]] {
        guard symbols.count == originals else {
            throw .wrongSymbolCount(symbols.count, expected: originals)
        }
        let size = try Self.commonSize(symbols)
        return apply(encodePlan, to: symbols, outputs: recoveries, size: size)
    }

    /// The symbols `wanted`, from any `originals` others; more than those are ignored.
    package func reconstruct(
        _ wanted: [Int],
        from given: [(index: Int, bytes: [UInt8])]
    ) throws(ReedSolomonError) -> [[UInt8]] {
        try reconstruct(wanted, from: given, method: .automatic)
    }

    /// The same with a choice of computation, for tests.
    package func reconstruct(
        _ wanted: [Int],
        from given: [(index: Int, bytes: [UInt8])],
        method: Method
    ) throws(ReedSolomonError) -> [[UInt8]] {
        var present: [Int: [UInt8]] = [:]
        for symbol in given {
            guard (0..<symbolCount).contains(symbol.index) else {
                throw .indexOutOfRange(symbol.index)
            }
            guard present.updateValue(symbol.bytes, forKey: symbol.index) == nil else {
                throw .duplicateIndex(symbol.index)
            }
        }
        for index in wanted where !(0..<symbolCount).contains(index) {
            throw .indexOutOfRange(index)
        }
        let used = Array(given.prefix(originals))
        guard used.count == originals else {
            throw .notEnoughSymbols(used.count, needed: originals)
        }
        let size = try Self.commonSize(used.map(\.bytes))
        let inUse = Set(used.map(\.index))
        let missing = wanted.filter { !inUse.contains($0) }
        let plan = decodePlan(given: used.map(\.index), wanted: missing, method: method)
        let computed = apply(plan, to: used.map(\.bytes), outputs: missing.count, size: size)
        for (index, bytes) in zip(missing, computed) { present[index] = bytes }
        return wanted.map { present[$0] ?? [] }
    }

    private static func commonSize(_ symbols: [[UInt8]]) throws(ReedSolomonError) -> Int {
        let size = symbols[0].count
        guard size > 0, size.isMultiple(of: 2) else { throw .wrongSymbolSize(size) }
        for symbol in symbols where symbol.count != size {
            throw .wrongSymbolSize(symbol.count)
        }
        return size
    }

    private func apply(
        _ plan: CodePlan,
        to symbols: [[UInt8]],
        outputs: Int,
        size: Int
    ) -> [[UInt8]] {
        let input = AlignedBuffer(count: symbols.count * size)
        for (index, symbol) in symbols.enumerated() { input.write(symbol, at: index * size) }
        let output = AlignedBuffer(count: outputs * size)
        plan.apply(
            inputs: SymbolRuns(
                buffer: input,
                offsets: symbols.indices.map { $0 * size },
                stride: size
            ),
            outputs: SymbolRuns(
                buffer: output,
                offsets: (0..<outputs).map { $0 * size },
                stride: size
            ),
            size: size,
            count: 1
        )
        return (0..<outputs).map { output.bytes(at: $0 * size, count: size) }
    }
}
