package import BlobModel
internal import Synchronization
internal import SystemIO
internal import Telemetry

/// What a client noticed about a node, for the log.
package enum ClientNotice: Sendable, CustomStringConvertible {
    /// The node sent something that is not what it says it is.
    case lie(NodeID, String)
    /// The node did not answer or refused.
    case failure(NodeID, NodeError)

    package var description: String {
        switch self {
        case .lie(let node, let what): "node \(node) answered wrongly: \(what)"
        case .failure(let node, let error): "node \(node) failed: \(error)"
        }
    }
}

extension ClientNotice {
    /// What kind of event it is: a word to look for in the log.
    package var event: String {
        switch self {
        case .lie: "lie"
        case .failure: "node_failure"
        }
    }

    /// The kind and the node: what many events have in common.
    package var name: String {
        switch self {
        case .lie(let node, _), .failure(let node, _): "\(event) \(node)"
        }
    }
}

/// Starts work that outlives the call that asks for it; whoever composes the program owns it.
package typealias Spawn = @Sendable (@escaping @Sendable () async -> Void) -> Void

/// The nodes of one committee, a connection to each, and what is remembered of them.
///
/// Members are named by their index in the committee.
final class NodePeers: Sendable {
    let committee: Committee
    let parameters: EncodingParameters
    private let connections: [any StorageNodeConnection]
    private let time: any TimeSource
    private let notice: @Sendable (ClientNotice) -> Void
    private let counters: ClientCounters
    // Guards what is remembered of each member; held for a few operations on values.
    private let health: Mutex<[PeerHealth]>
    // Guards when a member last said that it does not hold what the committee says it holds.
    private let doubt: Mutex<Doubt>

    private struct Doubt {
        var lastLook: Duration
        var isOpen = false
    }

    /// How often the ledger is asked at most because a member says that its shards have moved.
    private static let doubtPause = Duration.seconds(1)

    init(
        committee: Committee,
        parameters: EncodingParameters,
        connections: [any StorageNodeConnection],
        time: any TimeSource,
        notice: @escaping @Sendable (ClientNotice) -> Void,
        counters: ClientCounters
    ) {
        precondition(connections.count == committee.members.count)
        self.committee = committee
        self.parameters = parameters
        self.connections = connections
        self.time = time
        self.notice = notice
        self.counters = counters
        health = Mutex(
            [PeerHealth](repeating: PeerHealth(), count: committee.members.count)
        )
        doubt = Mutex(Doubt(lastLook: time.uptime))
    }

    /// The connection to this member, if it is reached as it was.
    func connection(to member: CommitteeMember) -> (any StorageNodeConnection)? {
        guard let index = committee.index(of: member.node) else { return nil }
        let known = committee.members[index]
        let isSame = known.address == member.address && known.networkKey == member.networkKey
        return isSame ? connections[index] : nil
    }

    /// Whether a member has said that the committee is another, and the ledger should be asked;
    /// once for each time.
    func takeDoubt() -> Bool {
        let now = time.uptime
        return doubt.withLock { doubt in
            guard doubt.isOpen, now - doubt.lastLook >= Self.doubtPause else { return false }
            doubt = Doubt(lastLook: now)
            return true
        }
    }

    var memberCount: Int { connections.count }

    /// The member that holds a sliver, and the name under which it does.
    func holder(
        of index: SliverIndex,
        _ axis: SliverAxis,
        blob: BlobID
    ) -> (member: Int, name: SliverName) {
        let pair = parameters.pair(of: index, axis)
        let shard = parameters.shard(holding: pair, of: blob)
        return (
            committee.holderIndex(of: shard.rawValue),
            SliverName(blob: blob, pair: pair, axis: axis)
        )
    }

    /// Asks a member, and remembers how that went.
    func ask<Answer: Sendable>(
        _ member: Int,
        _ question: (any StorageNodeConnection) async throws(NodeError) -> Answer
    ) async throws(NodeError) -> Answer {
        let start = time.uptime
        do throws(NodeError) {
            let answer = try await question(connections[member])
            let elapsed = time.uptime - start
            health.withLock { $0[member].answered(in: elapsed) }
            counters.requests.add("answered")
            return answer
        } catch {
            note(error, of: member)
            throw error
        }
    }

    private func note(_ error: NodeError, of member: Int) {
        let now = time.uptime
        switch error {
        case .unreachable: counters.requests.add("unreachable")
        case .malformed: break  // Counted as a lie.
        case .refused: counters.requests.add("refused")
        case .cancelled: counters.requests.add("cancelled")
        }
        switch error {
        case .unreachable:
            health.withLock { $0[member].failed(at: now) }
            notice(.failure(committee.members[member].node, error))
        case .malformed(let what): lied(member, what)
        case .refused(.internalError, _), .refused(.storageFull, _):
            notice(.failure(committee.members[member].node, error))
        case .refused(.shardNotAssigned, _), .refused(.invalidEpoch, _):
            doubt.withLock { $0.isOpen = true }
        case .refused, .cancelled: break
        }
    }

    /// Remembers that a member's answer was wrong: it is asked last for a while.
    func lied(_ member: Int, _ what: String) {
        let now = time.uptime
        health.withLock { $0[member].failed(at: now) }
        counters.requests.add("lie")
        notice(.lie(committee.members[member].node, what))
    }

    /// Remembers that a member has not answered when others could: after a few times it is not
    /// asked first any more, so that not every read waits for it anew.
    func isSlow(_ member: Int) {
        let now = time.uptime
        health.withLock { $0[member].failed(at: now) }
    }

    /// What is remembered of each member.
    var remembered: [(node: NodeID, isUsable: Bool, latency: Duration?)] {
        let now = time.uptime
        let known = health.withLock { $0 }
        return zip(committee.members, known).map {
            ($0.node, $1.isUsable(at: now), $1.latency)
        }
    }

    /// Whether a member should be asked before others are.
    ///
    /// When more are left alone than a network can lose, it is more likely that this machine is
    /// slow than that they all are: then everyone is asked as ever.
    func isUsable(_ member: Int) -> Bool {
        let now = time.uptime
        return health.withLock { health in
            if health[member].isUsable(at: now) { return true }
            let weight = health.indices.reduce(0) { weight, index in
                let isUsable = health[index].isUsable(at: now)
                return weight + (isUsable ? 0 : committee.members[index].weight)
            }
            return weight > 2 * committee.faultyMax
        }
    }

    func hedgeDelay(for member: Int) -> Duration {
        health.withLock { $0[member].hedgeDelay }
    }

    /// All members, those that answer first; equally good ones in random order, to spread load.
    func order(_ entropy: any Entropy) -> [Int] {
        let now = time.uptime
        let usable = health.withLock { health in health.map { $0.isUsable(at: now) } }
        var members = Array(0..<memberCount)
        for index in members.indices.dropFirst() {
            members.swapAt(index, Int(entropy.uint64(below: UInt64(index) + 1)))
        }
        return members.filter { usable[$0] } + members.filter { !usable[$0] }
    }
}

/// Stands for a node that is known to be down: an embedded node whose directory is missing, say.
package struct UnreachableNode: StorageNodeConnection {
    private let reason: String

    package init(reason: String) { self.reason = reason }

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        throw .unreachable(reason)
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome { throw .unreachable(reason) }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        throw .unreachable(reason)
    }

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        throw .unreachable(reason)
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] { throw .unreachable(reason) }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome { throw .unreachable(reason) }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        throw .unreachable(reason)
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] { throw .unreachable(reason) }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols { throw .unreachable(reason) }

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage { throw .unreachable(reason) }

    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage { throw .unreachable(reason) }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        throw .unreachable(reason)
    }

    package func health() async throws(NodeError) -> NodeHealth { throw .unreachable(reason) }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] { throw .unreachable(reason) }
}
