internal import BlobModel

/// Collects the symbols of one sliver from peers, and decides whom to ask for which.
///
/// Just as many symbols are asked for as are needed: what a lost sliver costs is its own length.
/// A peer that fails is made up for by others; one that is slow by one more (`hedge`). A source
/// sliver that two peers have, because its shard moves, is asked of one after the other.
struct SymbolGathering {
    /// A peer, by its index among those that serve, and the slivers of it that cross the target.
    struct Source: Equatable {
        let member: Int
        let slivers: [SliverIndex]
    }

    let needed: Int
    /// Proven symbols of different slivers, never more than are needed.
    private(set) var symbols: [RecoverySymbol] = []
    /// Those that may still be asked, next first.
    private var rest: [Source]
    /// What is under way.
    private var waiting: [Source] = []
    /// Symbols asked for besides those that are needed.
    private var spare = 0

    /// - Precondition: No member occurs twice.
    init(needed: Int, sources: [Source]) {
        precondition(needed > 0)
        self.needed = needed
        rest = sources
    }

    var isComplete: Bool { symbols.count == needed }
    /// Nobody is left who could give what is missing; as of the last requests.
    var isHopeless: Bool { !isComplete && waiting.isEmpty && rest.isEmpty }

    private var known: Set<SliverIndex> { Set(symbols.map(\.symbol.index)) }
    private var underWay: Set<SliverIndex> {
        Set(waiting.flatMap(\.slivers)).subtracting(known)
    }

    /// The requests to send now.
    mutating func requests() -> [Source] { take(besides: underWay) }

    /// Asks for what is missing; slivers of `excluded` are left for later.
    private mutating func take(besides excluded: Set<SliverIndex>) -> [Source] {
        var requests: [Source] = []
        var excluded = excluded
        let known = known
        var later: [Source] = []
        while let missing, !rest.isEmpty {
            let source = rest.removeFirst()
            let useful = source.slivers.filter { !known.contains($0) }
            let some = Array(useful.filter { !excluded.contains($0) }.prefix(missing))
            let left = useful.filter { !some.contains($0) }
            // Last, and only if others fail: it has been asked once, or another is being asked.
            if !left.isEmpty { later.append(Source(member: source.member, slivers: left)) }
            guard !some.isEmpty else { continue }
            excluded.formUnion(some)
            waiting.append(Source(member: source.member, slivers: some))
            requests.append(Source(member: source.member, slivers: some))
        }
        rest += later
        return requests
    }

    /// Symbols that are neither here nor under way; nil when there are none.
    private var missing: Int? {
        guard !isComplete else { return nil }
        let expected = symbols.count + underWay.count - spare
        return expected < needed ? needed - expected : nil
    }

    /// Answers take long: as if one that is under way would not come.
    mutating func hedge() -> [Source] {
        guard !isComplete, !waiting.isEmpty, !rest.isEmpty else { return [] }
        spare += 1
        let others = requests()
        // The same of another peer, when there is nothing else to ask for.
        return others.isEmpty ? take(besides: []) : others
    }

    /// A request has ended with these symbols, proven.
    mutating func ended(_ request: Source, with proven: [RecoverySymbol] = []) {
        if let index = waiting.firstIndex(of: request) { waiting.remove(at: index) }
        for symbol in proven where !isComplete {
            guard !symbols.contains(where: { $0.symbol.index == symbol.symbol.index }) else {
                continue
            }
            symbols.append(symbol)
        }
        if waiting.isEmpty { spare = 0 }
    }

    /// Asks a member nothing any more.
    mutating func exclude(_ member: Int) { rest.removeAll { $0.member == member } }
}
