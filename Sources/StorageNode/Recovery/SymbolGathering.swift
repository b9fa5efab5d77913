internal import BlobModel

/// Collects the symbols of one sliver from peers, and decides whom to ask for which.
///
/// Just as many symbols are asked for as are needed: what a lost sliver costs is its own length.
/// A peer that fails is made up for by others; one that is slow by one more (`hedge`).
struct SymbolGathering {
    /// A peer, by its index in the committee, and the slivers of it that cross the target.
    struct Source: Equatable {
        let member: Int
        let slivers: [SliverIndex]
    }

    let needed: Int
    /// Proven symbols of different slivers, never more than are needed.
    private(set) var symbols: [RecoverySymbol] = []
    /// Those that may still be asked, next first.
    private var rest: [Source]
    /// What is under way, by member.
    private var waiting: [Int: Int] = [:]
    /// Symbols asked for besides those that are needed.
    private var spare = 0

    /// - Precondition: No member and no sliver occurs twice.
    init(needed: Int, sources: [Source]) {
        precondition(needed > 0)
        self.needed = needed
        rest = sources.filter { !$0.slivers.isEmpty }
    }

    var isComplete: Bool { symbols.count == needed }
    /// Nobody is left who could give what is missing.
    var isHopeless: Bool { !isComplete && waiting.isEmpty && rest.isEmpty }

    /// The requests to send now.
    mutating func requests() -> [Source] {
        var requests: [Source] = []
        while !isComplete, let missing = missing, let source = rest.first {
            rest.removeFirst()
            let some = Array(source.slivers.prefix(missing))
            if some.count < source.slivers.count {
                let left = Array(source.slivers.dropFirst(some.count))
                // Last, and only if others fail: it has been asked once.
                rest.append(Source(member: source.member, slivers: left))
            }
            waiting[source.member, default: 0] += some.count
            requests.append(Source(member: source.member, slivers: some))
        }
        return requests
    }

    /// Symbols that are neither here nor under way; nil when there are none.
    private var missing: Int? {
        let expected = symbols.count + waiting.values.reduce(0, +) - spare
        return expected < needed ? needed - expected : nil
    }

    /// Answers take long: as if one that is under way would not come.
    mutating func hedge() -> [Source] {
        guard !isComplete, !waiting.isEmpty, !rest.isEmpty else { return [] }
        spare += 1
        return requests()
    }

    /// A request for `asked` symbols of this member has ended with these, proven.
    mutating func ended(_ member: Int, asked: Int, with proven: [RecoverySymbol] = []) {
        let left = (waiting[member] ?? 0) - asked
        waiting[member] = left > 0 ? left : nil
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
