internal import BlobModel
internal import Codec
internal import Synchronization

/// A node that keeps what it is given in dictionaries, or refuses everything in one way.
final class FakeNode: StorageNodeConnection {
    struct State {
        var refusal: NodeError?
        var status = NodeBlobStatus.deletable(
            .init(total: 1, certified: 0),
            initialCertifiedEpoch: nil
        )
        var metadata: [BlobID: VerifiedBlobMetadata] = [:]
        var slivers: [SliverName: VerifiedSliver] = [:]
        var blocks: [[UInt8]] = []
        /// What the calls said that they depend on.
        var heights: [UInt64?] = []
        var confirmations: [BlobPersistence] = []
        var symbolRequests: [RecoverySymbolsRequest] = []
        var proofs: [InconsistencyProof] = []
        /// What is answered to every such request.
        var recoverySymbols: [GeneralRecoverySymbol] = []
    }

    // Guards all of it; tests look while the server's tasks write.
    let state = Mutex(State())
    let key = SigningKey(seed: [UInt8](repeating: 9, count: 32))
    let domain = SigningDomain(
        network: NetworkID(bytes: [UInt8](repeating: 4, count: 32)),
        incarnation: 1
    )

    private func with<Value>(
        _ body: (inout State) throws(NodeError) -> Value
    ) throws(NodeError) -> Value {
        try state.withLock { (state) throws(NodeError) in
            if let refusal = state.refusal { throw refusal }
            return try body(&state)
        }
    }

    func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try with { (state) throws(NodeError) in
            guard let metadata = state.metadata[blob] else {
                throw .refused(.metadataNotFound, "No metadata.")
            }
            return metadata.withID.bcsBytes
        }
    }

    func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try with { (state) throws(NodeError) in
            state.heights.append(height)
            return state.metadata.updateValue(metadata, forKey: metadata.blobID) == nil
                ? .stored : .alreadyStored
        }
    }

    func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try with { (state) throws(NodeError) in
            state.metadata[blob] == nil ? .nonexistent : .stored
        }
    }

    func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        try with { (state) throws(NodeError) in
            guard let sliver = state.slivers[name] else {
                throw .refused(.sliverNotFound, "No sliver.")
            }
            return .verified(sliver)
        }
    }

    func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        try with { (state) throws(NodeError) in
            guard let sliver = state.slivers[name] else {
                throw .refused(.sliverNotFound, "No sliver.")
            }
            guard range.upperBound <= sliver.bytes.count else {
                throw .refused(.rangeNotSatisfiable, "\(sliver.bytes.count) bytes.")
            }
            return Array(sliver.bytes[range])
        }
    }

    func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try with { (state) throws(NodeError) in
            state.heights.append(height)
            return state.slivers.updateValue(sliver, forKey: name) == nil
                ? .stored : .alreadyStored
        }
    }

    func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        try with { (state) throws(NodeError) in
            state.slivers[name] == nil ? .nonexistent : .stored
        }
    }

    func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        try with { (state) throws(NodeError) in
            state.symbolRequests.append(request)
            return state.recoverySymbols
        }
    }

    func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        try with { (state) throws(NodeError) in
            var symbols: [SliverIndex: [DecodingSymbol]] = [:]
            for target in targets {
                symbols[target] = state.recoverySymbols.map(\.recoverySymbol.symbol)
            }
            return DecodingSymbols(axis: axis, symbols: symbols)
        }
    }

    func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        try with { (state) throws(NodeError) in
            state.heights.append(height)
            state.confirmations.append(persistence)
            return domain.sign(
                .storageConfirmation(epoch: 7, blob: blob, persistence: persistence),
                with: key
            )
        }
    }

    func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        try with { (state) throws(NodeError) in
            state.proofs.append(proof)
            return domain.sign(.invalidBlobID(epoch: 7, blob: blob), with: key)
        }
    }

    func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        try with { (state) throws(NodeError) in state.status }
    }

    static let health = NodeHealth(
        uptimeSeconds: 12,
        epoch: 3,
        publicKey: PublicKey(bytes: [UInt8](repeating: 5, count: 32)),
        node: NodeID(bytes: [UInt8](repeating: 6, count: 32)),
        status: .catchingUp,
        shards: [3, 7],
        height: 99,
        ledgerHeight: 104,
        blockHash: BlockHash(bytes: [UInt8](repeating: 7, count: 32)),
        isFull: true
    )

    func health() async throws(NodeError) -> NodeHealth {
        try with { (state) throws(NodeError) in Self.health }
    }

    func blocks(from height: UInt64, limit: Int) async throws(NodeError) -> [[UInt8]] {
        try with { (state) throws(NodeError) in
            Array(state.blocks.dropFirst(Int(height) - 1).prefix(limit))
        }
    }
}
