package import BlobModel
package import Codec
internal import Ledger

/// Who holds which shard, as a node has read it in the ledger's blocks.
///
/// A shard that a node has given up is locked: it still serves what it has of it, in this epoch
/// and the next, and then drops it (`walrus-system.md`, 2.5).
package struct NodeCommittees: Equatable, Sendable {
    /// Of the current epoch.
    package private(set) var current: Committee
    /// Of the two epochs before, the later one first; fewer in a network's first epochs.
    package private(set) var former: [Committee]
    /// Whether shards of this epoch are still on their way: until `EpochChangeDone`.
    package private(set) var isChanging: Bool
    /// Of the next epoch, once it is settled.
    package private(set) var selected: Committee?

    /// How many epochs a shard is kept that the node has given up.
    package static let keptEpochs = 2

    package init(_ current: Committee) {
        self.current = current
        former = []
        isChanging = false
        selected = nil
    }

    /// The shards that a node holds now, ascending: those that it takes slivers for.
    package func shards(of node: NodeID) -> [UInt16] { Self.shards(of: node, in: current) }

    /// The shards that a node serves: its own, and the locked ones.
    package func served(by node: NodeID) -> Set<UInt16> {
        ([current] + former).reduce(into: []) { $0.formUnion(Self.shards(of: node, in: $1)) }
    }

    /// The shards that a node has got with this epoch or the one before, ascending: those that it
    /// may not have whole yet.
    package func gained(by node: NodeID) -> [UInt16] {
        shards(of: node).filter { !formerHolders(of: $0, besides: node).isEmpty }
    }

    /// Who else held a shard and serves it still, the last one first.
    package func formerHolders(of shard: UInt16, besides node: NodeID) -> [CommitteeMember] {
        former.map { $0.holder(of: shard) }.filter { $0.node != node }
    }

    private static func shards(of node: NodeID, in committee: Committee) -> [UInt16] {
        committee.index(of: node).map { committee.members[$0].shards } ?? []
    }

    /// Takes an event in; false when it says nothing of committees.
    mutating func apply(_ event: Event) -> Bool {
        switch event {
        case .epochParametersSelected(let committee, _): selected = committee
        case .epochChangeStart(let epoch): begin(epoch)
        case .epochChangeDone: isChanging = false
        case .nodeUpdated(let member):
            current = current.updating(member)
            former = former.map { $0.updating(member) }
            selected = selected?.updating(member)
        default: return false
        }
        return true
    }

    private mutating func begin(_ epoch: Epoch) {
        former = Array(([current] + former).prefix(Self.keptEpochs))
        // Nobody is selected in the first version of the protocol: the committee stays.
        current = selected ?? current.moved(to: epoch)
        selected = nil
        isChanging = true
    }
}

extension Committee {
    /// The committee with one member's address and network key as they are now.
    fileprivate func updating(_ member: CommitteeMember) -> Committee {
        guard let index = index(of: member.node) else { return self }
        let old = members[index]
        return replacing(
            index,
            with: CommitteeMember(
                node: old.node,
                shards: old.shards,
                protocolKey: old.protocolKey,
                networkKey: member.networkKey,
                address: member.address
            )
        )
    }
}

extension NodeCommittees: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(current)
        writer.write(vector: former)
        writer.write(isChanging)
        writer.write(optional: selected)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        current = try reader.read()
        former = try reader.readVector(limit: Self.keptEpochs, itemSize: 5)
        isChanging = try reader.readBool()
        selected = try reader.readOptional()
    }
}
