package import BlobModel
package import Ledger

/// A status of a blob that is believed.
package struct BelievedBlobStatus: Hashable, Sendable {
    package let status: NodeBlobStatus
    /// Whether its event is believed too; only nodes tell it, for the ledger's record has none.
    package let isEventBelieved: Bool

    package init(_ status: NodeBlobStatus, isEventBelieved: Bool) {
        self.status = status
        self.isEventBelieved = isEventBelieved
    }
}

/// What the nodes say of a blob, and which of it is to be believed (walrus-system, section 3.2).
///
/// A quorum must have answered. Then the highest status counts that so much weight agrees on that
/// a node in right hands is among it, or else the one with the most weight that the ledger
/// confirms; that there is no such blob must be a quorum's word. One liar, or one node that is
/// behind, decides nothing, nor what event is told.
package struct StatusTally: Sendable {
    private let committee: Committee
    private var weights: [NodeBlobStatus: Int] = [:]
    private var answered: Set<Int> = []
    private var failed: Set<Int> = []

    package init(committee: Committee) { self.committee = committee }

    package mutating func answered(_ member: Int, _ status: NodeBlobStatus) {
        guard answered.insert(member).inserted else { return }
        weights[status, default: 0] += committee.members[member].weight
    }

    package mutating func failed(_ member: Int) { failed.insert(member) }

    /// Whether enough have answered for anything to be believed.
    package var isQuorum: Bool { committee.isQuorum(weights.values.reduce(0, +)) }

    /// Whether nobody is left to answer.
    package var isOver: Bool {
        answered.union(failed).count == committee.members.count
    }

    /// The highest status that the nodes' weight alone makes credible.
    package var trusted: BelievedBlobStatus? {
        guard isQuorum else { return nil }
        let status = ranked.first { status in
            let weight = weights[status] ?? 0
            return status == .nonexistent
                ? committee.isQuorum(weight) : weight > committee.faultyMax
        }
        return status.map { BelievedBlobStatus($0, isEventBelieved: true) }
    }

    /// The status with the most weight that the ledger confirms.
    package func confirmed(by record: BlobStatusRecord) -> BelievedBlobStatus? {
        guard isQuorum else { return nil }
        let candidates = ranked.filter { status in
            if status == .nonexistent, !committee.isQuorum(weights[status] ?? 0) { return false }
            return status.agrees(with: record)
        }
        // The higher one of two with the same weight.
        let status = candidates.max { (weights[$0] ?? 0) < (weights[$1] ?? 0) }
        return status.map { status in
            let isEventBelieved = status.event.map { weight(of: $0) > committee.faultyMax } ?? true
            return BelievedBlobStatus(status, isEventBelieved: isEventBelieved)
        }
    }

    /// The weight of those who tell this event, whatever else they say.
    private func weight(of event: StatusEvent) -> Int {
        weights.reduce(0) { $0 + ($1.key.event == event ? $1.value : 0) }
    }

    private var ranked: [NodeBlobStatus] { weights.keys.sorted { $0.isAbove($1) } }
}

extension NodeBlobStatus {
    fileprivate var event: StatusEvent? {
        switch self {
        case .nonexistent, .deletable: nil
        case .permanent(_, _, let event, _, _), .invalid(let event): event
        }
    }

    /// The order of the reference: invalid over permanent over deletable over nonexistent; within a
    /// kind certified ones, later ends and more objects first.
    package func isAbove(_ other: NodeBlobStatus) -> Bool {
        other.rank.lexicographicallyPrecedes(rank)
    }

    private var rank: [UInt64] {
        switch self {
        case .nonexistent: return [0]
        case .deletable(let counts, let epoch):
            return [1, UInt64(counts.certified), UInt64(counts.total), Self.early(epoch)]
        case .permanent(let end, let isCertified, _, let counts, let epoch):
            return [
                2, isCertified ? 1 : 0, UInt64(end), UInt64(counts.certified),
                UInt64(counts.total), Self.early(epoch),
            ]
        case .invalid: return [3]
        }
    }

    /// Smaller epochs are preferred.
    private static func early(_ epoch: Epoch?) -> UInt64 {
        epoch.map { UInt64(UInt32.max - $0) } ?? UInt64(UInt32.max) + 1
    }

    /// Whether the ledger's record of the blob says the same, as far as it says anything.
    ///
    /// A record that was cut does not say what there is, only that the blob is invalid.
    package func agrees(with record: BlobStatusRecord) -> Bool {
        if record.invalidSince == nil, record.isCut { return false }
        var permanent: [(end: Epoch, isCertified: Bool)] = []
        var total: UInt32 = 0
        var certified: UInt32 = 0
        for holding in record.holdings {
            switch holding {
            case .blob(let blob) where !blob.deletable:
                guard blob.end > record.currentEpoch else { continue }
                permanent.append((blob.end, blob.certified != nil))
            case .blob(let blob):
                guard blob.end > record.currentEpoch else { continue }
                total += 1
                certified += blob.certified == nil ? 0 : 1
            case .pooled(let blob, let end):
                guard end > record.currentEpoch else { continue }
                total += 1
                certified += blob.certified == nil ? 0 : 1
            }
        }
        let isCertified = permanent.contains { $0.isCertified }
        let best = permanent.filter { $0.isCertified == isCertified }.map(\.end).max()
        switch self {
        case .invalid: return record.invalidSince != nil
        case _ where record.invalidSince != nil: return false
        case .permanent(let end, let says, _, let counts, _):
            return best == end && isCertified == says && counts.total == total
                && counts.certified == certified
        case .deletable(let counts, _):
            return best == nil && total > 0 && counts.total == total
                && counts.certified == certified
        case .nonexistent: return best == nil && total == 0
        }
    }
}
