// What nodes say they have, held against the ledger's own chain. A value that decides without
// clock, lock or disk; `LedgerHost` feeds it (`Docs/Decisions/0215-a-fork-is-proven.md`).
//
// A block that bears the ledger's signature and is not in its chain proves that there are two
// chains, whoever shows it: nothing is acknowledged then. Such blocks stay in the world after
// somebody has chosen, so one that was outvoted is no objection any more: nodes with a quorum of
// shards have said that they have the ledger's own block at its height.

package import BlobModel
internal import Ledger

/// Why a ledger takes no transactions: what somebody has shown.
package enum ChainObjection: Equatable, Sendable {
    /// The ledger lacks blocks that it has signed: its directory is an old copy.
    case ahead(NodeID, height: UInt64)
    /// The ledger has signed another block at this height: there are two chains.
    case forked(NodeID?, height: UInt64)
}

extension ChainObjection {
    /// A word for logs and metrics.
    package var kind: String {
        switch self {
        case .ahead: "ahead"
        case .forked: "forked"
        }
    }

    static let kinds = ["ahead", "forked"]
}

extension ChainObjection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ahead(let node, let height):
            """
            node \(node) has block \(height) with this ledger's signature, which is missing here: \
            this directory is an old copy; it takes the missing blocks from the nodes
            """
        case .forked(let node, let height):
            """
            \(node.map { "node \($0) has" } ?? "the nodes have") another block at height \
            \(height) with this ledger's signature: there are two chains; stop the ledger, and \
            take the nodes' chain with `walrus ledger restore --from-nodes --replace`
            """
        }
    }
}

/// The latest claim of each node.
struct FollowerClaims {
    /// What a claim is, beside the ledger's chain.
    enum Standing: Equatable {
        /// The ledger's own block of this height.
        case own(height: UInt64)
        /// A block of the ledger's beyond its newest.
        case ahead(height: UInt64)
        /// Another block than the ledger's own of this height.
        case forked(height: UInt64)
    }

    /// Nodes beyond this many are not remembered: a committee has no more members than this.
    static let countMax = 4096

    private var standings: [NodeID: Standing] = [:]
    /// Whose block was outvoted: it is of a chain that was given up.
    private var outvoted: Set<NodeID> = []
    /// Where a source of blocks was found to have parted.
    private var parted: UInt64?
    /// Who holds which shards, as of the last objection.
    private var committee: Committee?

    /// A node was heard; with an objection comes the committee that votes on it.
    mutating func heard(_ node: NodeID, _ standing: Standing, _ committee: Committee?) {
        guard standings[node] != nil || standings.count < Self.countMax else { return }
        standings[node] = standing
        if let committee { self.committee = committee }
    }

    /// A source of blocks has another one at `height`.
    mutating func hasParted(at height: UInt64, _ committee: Committee?) {
        parted = min(height, parted ?? height)
        if let committee { self.committee = committee }
    }

    /// Blocks were taken: who was ahead is to be heard again.
    mutating func hasCaughtUp() {
        standings = standings.filter { _, standing in
            if case .ahead = standing { false } else { true }
        }
    }

    /// What stands against the chain that ends at `tip`; forks first, as nothing ends those.
    mutating func objection(tip: UInt64) -> ChainObjection? {
        guard parted != nil || standings.values.contains(where: \.isAgainst) else { return nil }
        let settled = settled
        if let parted, parted <= settled { self.parted = nil }
        var found: [ChainObjection] = []
        for (node, standing) in standings.sorted(by: { $0.key < $1.key })
        where !outvoted.contains(node) {
            switch standing {
            case .own: break
            case .forked(let height) where height <= settled: outvoted.insert(node)
            case .forked(let height): found.append(.forked(node, height: height))
            // What follows a block of which a quorum has no successor was acknowledged to nobody.
            case .ahead where tip > 0 && settled >= tip: outvoted.insert(node)
            case .ahead(let height): found.append(.ahead(node, height: height))
            }
        }
        let fork = found.first { if case .forked = $0 { true } else { false } }
        return fork ?? parted.map { .forked(nil, height: $0) } ?? found.first
    }

    /// Nodes with a quorum of shards have the ledger's own blocks up to here, as they say.
    private var settled: UInt64 {
        guard let committee else { return 0 }
        let votes = committee.members.compactMap { member -> (height: UInt64, weight: Int)? in
            guard case .own(let height)? = standings[member.node] else { return nil }
            return (height, member.weight)
        }
        var weight = 0
        for vote in votes.sorted(by: { $0.height > $1.height }) {
            weight += vote.weight
            if committee.isQuorum(weight) { return vote.height }
        }
        return 0
    }
}

extension FollowerClaims.Standing {
    fileprivate var isAgainst: Bool {
        if case .own = self { false } else { true }
    }
}
