internal import CKernels

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

    /// Symbols are copied piece by piece between their arrays and the work area, and nowhere else.
    private func apply(
        _ plan: CodePlan,
        to symbols: [[UInt8]],
        outputs: Int,
        size: Int
    ) -> [[UInt8]] {
        var results = (0..<outputs).map { _ in
            // Each byte is written by one of the pieces.
            unsafe [UInt8](unsafeUninitializedCapacity: size) { _, written in written = size }
        }
        unsafe plan.forEachPiece(ofSize: size) { rows, bytes in
            for (index, symbol) in symbols.enumerated() {
                let row = unsafe rows.row(plan.inputRow(index))
                unsafe symbol.withUnsafeBufferPointer { symbol in
                    guard let from = symbol.baseAddress else { return }
                    let (first, end) = (bytes.lowerBound, bytes.upperBound)
                    unsafe walrus_wide_gather(row, from, size, size, 1, first, end)
                }
            }
            unsafe plan.run(rows)
            for index in results.indices {
                let row = unsafe rows.row(plan.outputRow(index))
                unsafe results[index].withUnsafeMutableBufferPointer { symbol in
                    guard let to = symbol.baseAddress else { return }
                    let (first, end) = (bytes.lowerBound, bytes.upperBound)
                    unsafe walrus_wide_scatter(to, size, size, 1, row, first, end)
                }
            }
        }
        return results
    }
}
