package import BlobModel
internal import Ledger
internal import Synchronization
internal import SystemIO

/// Connects to a member of the committee; whoever composes the program knows how.
package typealias ConnectPeer = @Sendable (CommitteeMember) -> any StorageNodeConnection

/// The nodes that a node recovers from, itself among them: a symbol of an own sliver costs nothing.
final class RecoveryPeers: Sendable {
    private static let refreshPause = Duration.seconds(30)
    /// How long one that did not answer is asked last.
    private static let unreachablePause = Duration.seconds(30)

    private struct State {
        var committee: Committee
        var connections: [NodeID: (member: CommitteeMember, node: any StorageNodeConnection)]
        var refreshed: Duration?
        var lastUntil: [NodeID: Duration] = [:]
    }

    private let ledger: any LedgerConnection
    private let connect: ConnectPeer
    /// Tells the ledger of a blob that was proven inconsistent.
    let invalidate: InvalidateBlob?
    private let own: NodeID
    private let time: any TimeSource
    private let entropy: any Entropy
    // Guards the committee and what is remembered of its members; held for no I/O.
    private let state: Mutex<State>

    init(
        own: StorageNode,
        committee: Committee,
        ledger: any LedgerConnection,
        entropy: any Entropy,
        connect: @escaping ConnectPeer,
        invalidate: InvalidateBlob?
    ) {
        self.ledger = ledger
        self.invalidate = invalidate
        self.connect = connect
        self.own = own.configuration.node
        self.entropy = entropy
        time = own.time
        var connections: [NodeID: (member: CommitteeMember, node: any StorageNodeConnection)] = [:]
        for member in committee.members where member.node == own.configuration.node {
            connections[member.node] = (member, own)
        }
        state = Mutex(State(committee: committee, connections: connections))
    }

    /// Asks the ledger now and then where the nodes are; while it is away, they are where they
    /// were.
    func refresh() async {
        let now = time.uptime
        let isDue = state.withLock { state in
            if let refreshed = state.refreshed, now < refreshed + Self.refreshPause { return false }
            state.refreshed = now
            return true
        }
        guard isDue, let committee = try? await ledger.committee() else { return }
        state.withLock { state in
            guard committee.shardCount == state.committee.shardCount else { return }
            state.committee = committee
        }
    }

    var committee: Committee { state.withLock { $0.committee } }

    func connection(to member: CommitteeMember) -> any StorageNodeConnection {
        state.withLock { state in
            if let known = state.connections[member.node],
                known.member == member || member.node == own
            {
                return known.node
            }
            let node = connect(member)
            state.connections[member.node] = (member, node)
            return node
        }
    }

    /// The members that hold shards: this node first, then the others in random order, those that
    /// did not answer last.
    func order(in committee: Committee) -> [Int] {
        var members = Array(committee.members.indices.filter { committee.members[$0].weight > 0 })
        for index in members.indices.dropFirst() {
            members.swapAt(index, Int(entropy.uint64(below: UInt64(index) + 1)))
        }
        let now = time.uptime
        let late = state.withLock { state in
            Set(members.filter { (state.lastUntil[committee.members[$0].node] ?? now) > now })
        }
        let isOwn = { committee.members[$0].node == self.own }
        return members.filter(isOwn)
            + members.filter { !isOwn($0) && !late.contains($0) }
            + members.filter { !isOwn($0) && late.contains($0) }
    }

    func isOwn(_ member: CommitteeMember) -> Bool { member.node == own }

    func isUnreachable(_ member: CommitteeMember) {
        let until = time.uptime + Self.unreachablePause
        state.withLock { $0.lastUntil[member.node] = until }
    }

    func jitter() -> UInt64 { entropy.uint64(below: 1024) }
}
