// A sliver as an HTTP body is BCS: the length of the symbols in ULEB128, the symbols, the size of
// one and the index, two bytes each. Readers who want a part of the symbols ask for a range of that
// (`Docs/Decisions/0121-ranges-count-the-body.md`).

/// Where the parts of a sliver's body lie.
package struct SliverBody: Hashable, Sendable {
    /// How many bytes of symbols there are.
    package let symbols: Int

    package init(symbols: Int) {
        precondition(symbols >= 0)
        self.symbols = symbols
    }

    /// Bytes before the symbols.
    package var prefix: Int {
        var count = 1
        var rest = symbols >> 7
        while rest > 0 {
            count += 1
            rest >>= 7
        }
        return count
    }

    /// All bytes.
    package var count: Int { prefix + symbols + 4 }

    /// As many as a body with no more symbols than this has.
    package var countMax: Int { symbols + 9 }

    /// The range of the body in which these symbols lie.
    package func range(ofSymbols range: Range<Int>) -> Range<Int> {
        range.lowerBound + prefix..<range.upperBound + prefix
    }

    /// The range of the symbols that this range of the body is; nil when it is more than symbols.
    package func symbols(of range: Range<Int>) -> Range<Int>? {
        guard range.lowerBound >= prefix, range.upperBound <= prefix + symbols else { return nil }
        return range.lowerBound - prefix..<range.upperBound - prefix
    }
}
