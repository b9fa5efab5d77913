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
        var peers: NodePeers
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
        let committee = try await ledger.committee()
        let parameters: EncodingParameters
        do {
            parameters = try EncodingParameters(shardCount: committee.shardCount)
        } catch {
            throw .notThisLedger("A committee of \(committee.shardCount) shards.")
        }
        let coding = BlobCoding(parameters, compute: environment.compute)
        return BlobClient(
            ledger: ledger,
            committee: committee,
            domain: info.signingDomain,
            coding: coding,
            environment: environment,
            connect: connect
        )
    }

    private init(
        ledger: any LedgerConnection,
        committee: Committee,
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
        state = Mutex(
            State(
                peers: NodePeers(
                    committee: committee,
                    parameters: coding.parameters,
                    connections: committee.members.map(connect),
                    time: environment.time,
                    notice: environment.notice
                )
            )
        )
    }

    /// The committee that the client speaks to.
    package var committee: Committee { peers.committee }

    var peers: NodePeers { state.withLock { $0.peers } }

    /// Asks the ledger for the committee again, and connects anew if it is another one.
    package func refreshCommittee() async throws(LedgerError) {
        let committee = try await ledger.committee()
        guard committee != peers.committee, committee.shardCount == parameters.shardCount else {
            return
        }
        let peers = NodePeers(
            committee: committee,
            parameters: parameters,
            connections: committee.members.map(connect),
            time: environment.time,
            notice: environment.notice
        )
        state.withLock { $0.peers = peers }
    }

    // MARK: Metadata seen lately

    func cachedMetadata(of blob: BlobID) -> VerifiedBlobMetadata? {
        state.withLock { $0.metadata[blob] }
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
