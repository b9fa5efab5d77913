// A process is the host of an embedded network or a guest of one, and may become the host while it
// runs. These connections stay the same for whoever holds them, and point to where ledger and nodes
// are at the time.

package import BlobModel
package import Ledger
internal import Synchronization

/// The ledger of an embedded network, wherever it is hosted.
package final class SwitchingLedger: LedgerConnection {
    /// Guards where to.
    private let target: Mutex<any LedgerConnection>

    init(_ target: any LedgerConnection) { self.target = Mutex(target) }

    func switchTo(_ target: any LedgerConnection) { self.target.withLock { $0 = target } }

    private var current: any LedgerConnection { target.withLock { $0 } }

    package func genesis() async throws(LedgerError) -> Genesis { try await current.genesis() }

    package func head() async throws(LedgerError) -> SignedBlockHeader? {
        try await current.head()
    }

    package func submit(
        _ transaction: SignedTransaction
    ) async throws(LedgerError) -> TransactionResult { try await current.submit(transaction) }

    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64
    ) async throws(LedgerError) -> [Block] {
        try await current.blocks(
            from: height,
            limit: limit,
            waitMilliseconds: waitMilliseconds
        )
    }

    package func query(_ query: LedgerQuery) async throws(LedgerError) -> LedgerAnswer {
        try await current.query(query)
    }

    package func obstacle() async throws(LedgerError) -> String? { try await current.obstacle() }
}

/// A node of an embedded network, wherever it is hosted.
package final class SwitchingNode: StorageNodeConnection {
    /// Guards where to.
    private let target: Mutex<any StorageNodeConnection>

    init(_ target: any StorageNodeConnection) { self.target = Mutex(target) }

    func switchTo(_ target: any StorageNodeConnection) { self.target.withLock { $0 = target } }

    private var current: any StorageNodeConnection { target.withLock { $0 } }

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try await current.metadata(of: blob)
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await current.store(metadata, height: height)
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try await current.metadataStatus(of: blob)
    }

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        try await current.sliver(name)
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        try await current.sliverBytes(name, range: range, of: length)
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await current.store(sliver, as: name, height: height)
    }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        try await current.sliverStatus(name)
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        try await current.recoverySymbols(of: blob, request)
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        try await current.decodingSymbols(of: blob, for: targets, axis)
    }

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        try await current.confirmation(
            of: blob,
            persistence: persistence,
            height: height,
            patience: patience
        )
    }

    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        try await current.attestation(ofInvalid: blob, shownBy: proof)
    }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        try await current.status(of: blob)
    }

    package func health() async throws(NodeError) -> NodeHealth { try await current.health() }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        try await current.blocks(from: height, limit: limit)
    }
}
