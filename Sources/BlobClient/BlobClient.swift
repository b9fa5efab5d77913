// The client of a network: it encodes and distributes, reads and verifies. It owns no key: who pays
// and for what is `NativeBlobStore`'s business.

package import BlobModel
internal import Codec
internal import ErasureCoding
package import Ledger
internal import Synchronization
package import SystemIO

/// What a client needs of the machine and of whoever composes it.
package struct ClientEnvironment: Sendable {
    package var time: any TimeSource
    package var entropy: any Entropy
    /// For encoding and verifying, which would keep Swift's own threads busy for long.
    package var compute: BlockingPool
    package var spawn: Spawn
    package var notice: @Sendable (ClientNotice) -> Void
    /// Shared by all who have a copy of this.
    package let counters = ClientCounters()

    package init(
        time: any TimeSource,
        entropy: any Entropy,
        compute: BlockingPool,
        spawn: @escaping Spawn,
        notice: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) {
        self.time = time
        self.entropy = entropy
        self.compute = compute
        self.spawn = spawn
        self.notice = notice
    }
}

/// A client of one network.
package final class BlobClient: Sendable {
    package let ledger: any LedgerConnection
    package let parameters: EncodingParameters
    package let domain: SigningDomain
    let environment: ClientEnvironment
    let coding: BlobCoding
    private let connect: @Sendable (CommitteeMember) -> any StorageNodeConnection

    private struct State {
        /// The nodes of the current epoch, which everything is written to.
        var peers: NodePeers
        /// Those of the epoch before, while shards are on their way from them.
        var former: NodePeers?
        var metadata: [BlobID: VerifiedBlobMetadata] = [:]
        var metadataOrder: [BlobID] = []
    }

    // Guards the committee in use and the metadata seen lately; held for dictionary operations.
    private let state: Mutex<State>

    /// Room for the metadata of a few thousand blobs at 10 shards, of some hundred at 1,000.
    private static let metadataBytesMax = 16 << 20

    /// Asks the ledger for the committee and connects to its members.
    package static func make(
        ledger: any LedgerConnection,
        environment: ClientEnvironment,
        connect: @escaping @Sendable (CommitteeMember) -> any StorageNodeConnection
    ) async throws(LedgerError) -> BlobClient {
        let info = try await ledger.info()
        let epoch = try await ledger.epochState()
        let committee = epoch.committee
        let parameters: EncodingParameters
        do {
            parameters = try EncodingParameters(shardCount: committee.shardCount)
        } catch {
            throw .notThisLedger("A committee of \(committee.shardCount) shards.")
        }
        let coding = BlobCoding(parameters, compute: environment.compute)
        return BlobClient(
            ledger: ledger,
            epoch: epoch,
            domain: info.signingDomain,
            coding: coding,
            environment: environment,
            connect: connect
        )
    }

    private init(
        ledger: any LedgerConnection,
        epoch: EpochState,
        domain: SigningDomain,
        coding: BlobCoding,
        environment: ClientEnvironment,
        connect: @escaping @Sendable (CommitteeMember) -> any StorageNodeConnection
    ) {
        self.ledger = ledger
        self.domain = domain
        self.coding = coding
        self.environment = environment
        self.connect = connect
        parameters = coding.parameters
        let makePeers = { (committee: Committee) in
            NodePeers(
                committee: committee,
                parameters: coding.parameters,
                connections: committee.members.map(connect),
                time: environment.time,
                notice: environment.notice,
                counters: environment.counters
            )
        }
        state = Mutex(
            State(
                peers: makePeers(epoch.committee),
                former: (epoch.change?.previous).map(makePeers)
            )
        )
    }

    /// The committee that the client speaks to.
    package var committee: Committee { peers.committee }

    var peers: NodePeers { state.withLock { $0.peers } }

    /// Where to read from, in this order: what is older than a change of epochs that is under way
    /// is still with the committee before; what is newer is with the current one.
    var readers: [NodePeers] {
        state.withLock { state in [state.former, state.peers].compactMap(\.self) }
    }

    /// Asks the ledger for the committees again, and connects to whoever is new in them.
    package func refreshCommittee() async throws(LedgerError) {
        let epoch = try await ledger.epochState()
        guard epoch.committee.shardCount == parameters.shardCount else { return }
        let known = readers
        let peers = peers(of: epoch.committee, known)
        let former = epoch.change.map { self.peers(of: $0.previous, known) }
        state.withLock { state in
            // An answer that was overtaken by a newer one is of no use.
            guard state.peers.committee.epoch <= epoch.committee.epoch else { return }
            state.peers = peers
            state.former = former
        }
    }

    /// The nodes of a committee; connections, and all that is remembered of a committee's nodes,
    /// are kept where nothing has changed.
    private func peers(of committee: Committee, _ known: [NodePeers]) -> NodePeers {
        if let same = known.first(where: { $0.committee == committee }) { return same }
        let connections = committee.members.map { member in
            known.lazy.compactMap { $0.connection(to: member) }.first ?? connect(member)
        }
        return NodePeers(
            committee: committee,
            parameters: parameters,
            connections: connections,
            time: environment.time,
            notice: environment.notice,
            counters: environment.counters
        )
    }

    // MARK: Metadata seen lately

    func cachedMetadata(of blob: BlobID) -> VerifiedBlobMetadata? {
        state.withLock { $0.metadata[blob] }
    }

    func forget(_ blob: BlobID) {
        state.withLock { state in
            guard state.metadata.removeValue(forKey: blob) != nil else { return }
            state.metadataOrder.removeAll { $0 == blob }
        }
    }

    func remember(_ metadata: VerifiedBlobMetadata) {
        let countMax = max(1, Self.metadataBytesMax / (parameters.shardCount * 80))
        state.withLock { state in
            guard state.metadata.updateValue(metadata, forKey: metadata.blobID) == nil else {
                return
            }
            state.metadataOrder.append(metadata.blobID)
            guard state.metadataOrder.count > countMax else { return }
            for blob in state.metadataOrder.prefix(countMax / 4 + 1) {
                state.metadata[blob] = nil
            }
            state.metadataOrder.removeFirst(countMax / 4 + 1)
        }
    }
}
