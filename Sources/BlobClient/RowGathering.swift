package import BlobModel

/// Decides which primary slivers of a blob to ask for, so that some rows can be given: each comes
/// from its holder, or all that are missing from any `needed` others together.
///
/// No more is asked for than is needed: a read with nodes down moves about the bytes that it moves
/// without.
package struct RowGathering {
    /// Rows that give all others: k_p.
    package let needed: Int
    /// Those that are to be given and are not here yet.
    private var wanted: Set<SliverIndex>
    /// Those that are here.
    package private(set) var known: Set<SliverIndex> = []
    /// Those that were asked for; and of these, those that take long.
    private var underWay: Set<SliverIndex> = []
    private var slow: Set<SliverIndex> = []
    /// Wanted rows to be asked for first, and what takes the place of those that do not come.
    private var first: ArraySlice<SliverIndex>
    private var others: ArraySlice<SliverIndex>

    /// The `wanted` rows are asked for in this order, and of `others`, which are all other rows,
    /// the first takes the place of one that does not come.
    ///
    /// Wanted rows whose holders are not expected to answer (`isUsable`) are asked for last.
    package init(
        needed: Int,
        wanted: [SliverIndex],
        others: [SliverIndex],
        isUsable: (SliverIndex) -> Bool
    ) {
        precondition(needed > 0 && !wanted.isEmpty)
        self.needed = needed
        self.wanted = Set(wanted)
        first = wanted.filter(isUsable)[...]
        self.others = (others + wanted.filter { !isUsable($0) })[...]
    }

    package var isComplete: Bool { wanted.isEmpty || known.count >= needed }

    /// Nothing is under way, and nothing is left to ask for.
    package var isHopeless: Bool {
        !isComplete && underWay.isEmpty && first.isEmpty && others.isEmpty
    }

    /// Rows that take long, and others have come instead.
    package var late: Set<SliverIndex> { underWay.intersection(slow) }

    /// The rows to ask for next, so that at most `limit` are under way.
    package mutating func requests(limit: Int) -> [SliverIndex] {
        var requests: [SliverIndex] = []
        while !isComplete, underWay.count - late.count < limit, let row = next() {
            underWay.insert(row)
            requests.append(row)
        }
        return requests
    }

    private mutating func next() -> SliverIndex? {
        if let row = first.popFirst() { return row }
        let coming = underWay.subtracting(slow)
        // What is wanted is on its way, or as many as give it are.
        guard !wanted.isSubset(of: coming), known.count + coming.count < needed else { return nil }
        return others.popFirst()
    }

    /// A row has come.
    package mutating func came(_ row: SliverIndex) {
        underWay.remove(row)
        known.insert(row)
        wanted.remove(row)
    }

    /// A row will not come from its holder.
    package mutating func failed(_ row: SliverIndex) { underWay.remove(row) }

    /// A row takes longer than its holder usually does.
    package mutating func isLate(_ row: SliverIndex) {
        if underWay.contains(row) { slow.insert(row) }
    }
}
