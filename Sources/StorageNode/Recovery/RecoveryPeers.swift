package import BlobModel
internal import Synchronization
internal import SystemIO

/// Connects to a member of the committee; whoever composes the program knows how.
package typealias ConnectPeer = @Sendable (CommitteeMember) -> any StorageNodeConnection

/// The nodes that a node recovers from, itself among them: a symbol of an own sliver costs nothing.
///
/// Who they are and where they are reached is what the node has read in the ledger's blocks; those
/// that have given up shards and still serve them are among them.
final class RecoveryPeers: Sendable {
    /// How long one that did not answer is asked last.
    private static let unreachablePause = Duration.seconds(30)

    private struct State {
        var connections: [NodeID: (member: CommitteeMember, node: any StorageNodeConnection)] = [:]
        var lastUntil: [NodeID: Duration] = [:]
    }

    private let own: StorageNode
    private let connect: ConnectPeer
    /// Tells the ledger of a blob that was proven inconsistent.
    let invalidate: InvalidateBlob?
    // Guards what is remembered of peers; held for no I/O.
    private let state = Mutex(State())

    init(
        own: StorageNode,
        connect: @escaping ConnectPeer,
        invalidate: InvalidateBlob?
    ) {
        self.own = own
        self.connect = connect
        self.invalidate = invalidate
    }

    var servingMembers: [NodeCommittees.ServingMember] { own.committees.servingMembers }

    func connection(to member: CommitteeMember) -> any StorageNodeConnection {
        if isOwn(member) { return own }
        return state.withLock { state in
            if let known = state.connections[member.node], known.member.isReached(like: member) {
                return known.node
            }
            let node = connect(member)
            state.connections[member.node] = (member, node)
            return node
        }
    }

    /// The members by their index: this node first, then the others in random order, those that
    /// did not answer last.
    func order(of nodes: [CommitteeMember]) -> [Int] {
        let entropy = own.configuration.entropy
        var members = Array(nodes.indices)
        for index in members.indices.dropFirst() {
            members.swapAt(index, Int(entropy.uint64(below: UInt64(index) + 1)))
        }
        let now = own.time.uptime
        let late = state.withLock { state in
            Set(members.filter { (state.lastUntil[nodes[$0].node] ?? now) > now })
        }
        let isOwn = { self.isOwn(nodes[$0]) }
        return members.filter(isOwn)
            + members.filter { !isOwn($0) && !late.contains($0) }
            + members.filter { !isOwn($0) && late.contains($0) }
    }

    func isOwn(_ member: CommitteeMember) -> Bool { member.node == own.configuration.node }

    func isUnreachable(_ member: CommitteeMember) {
        let until = own.time.uptime + Self.unreachablePause
        state.withLock { $0.lastUntil[member.node] = until }
    }

    func jitter() -> UInt64 { own.configuration.entropy.uint64(below: 1024) }
}

extension CommitteeMember {
    /// Whether both are reached at the same place with the same key.
    fileprivate func isReached(like other: CommitteeMember) -> Bool {
        address == other.address && networkKey == other.networkKey
    }
}
