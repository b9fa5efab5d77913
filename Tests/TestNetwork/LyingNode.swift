package import BlobModel
internal import Synchronization
package import SystemIO

/// What kind of liar a node is.
package enum LyingKind: String, CaseIterable, Sendable {
    /// Every answer is well formed, and its bytes are wrong.
    case garbage
    /// Every answer is right for another question: another sliver, another blob, another target.
    case another
    /// What was answered once is answered for ever.
    case stale
    /// No answer ever comes.
    case silent
    /// Confirms and attests whatever is asked, stores nothing, and tells some what it does not tell
    /// others.
    case equivocating
}

/// One node that lies, whoever asks it; each gets a ``LyingNode`` of his own.
package final class Liar: Sendable {
    fileprivate struct Memory {
        var metadata: [BlobID: [UInt8]] = [:]
        var slivers: [FetchedSliver] = []
        var confirmation: SignedMessage?
        var attestation: SignedMessage?
        var health: NodeHealth?
        var statuses: [BlobID: NodeBlobStatus] = [:]
        var stored: [String: StoredStatus] = [:]
        var symbols: [String: Result<[GeneralRecoverySymbol], NodeError>] = [:]
        var bytes: [String: Result<[UInt8], NodeError>] = [:]
        var blocks: [[UInt8]]?
        var questions = 0
    }

    package let kind: LyingKind
    let key: SigningKey
    let domain: SigningDomain
    let time: any TimeSource
    // Guards what was answered before.
    fileprivate let memory = Mutex(Memory())

    package init(
        _ kind: LyingKind,
        key: SigningKey,
        domain: SigningDomain,
        time: any TimeSource
    ) {
        self.kind = kind
        self.key = key
        self.domain = domain
        self.time = time
    }

    /// How often it was asked something.
    package var questions: Int { memory.withLock { $0.questions } }

    /// The node as `asker` sees it, in front of what a right one would say; nil stands for askers
    /// that can not be told apart.
    package func facing(_ asker: String?, _ node: any StorageNodeConnection) -> LyingNode {
        LyingNode(self, node, tellsTruth: asker.map { $0.utf8.reduce(0) { $0 ^ $1 } % 2 == 1 })
    }
}

/// A node that lies, as somebody who asks it sees it.
///
/// It is there in the simulation and, behind the real API, as a process of its own.
package struct LyingNode: StorageNodeConnection {
    private let liar: Liar
    private let node: any StorageNodeConnection
    /// Whether it tells this asker what it does not tell others; nil if it does every other time.
    private let trusts: Bool?

    fileprivate init(_ liar: Liar, _ node: any StorageNodeConnection, tellsTruth: Bool?) {
        self.liar = liar
        self.node = node
        trusts = tellsTruth
    }

    private var tellsTruth: Bool { trusts ?? (liar.questions % 2 == 1) }

    private func begin() async throws(NodeError) {
        liar.memory.withLock { $0.questions += 1 }
        guard liar.kind == .silent else { return }
        // Longer than anybody waits; cancelled when the asker goes.
        try? await liar.time.sleep(for: .seconds(1800))
        throw .unreachable("silent")
    }

    /// Refuses, for one that does not tell this asker.
    private func deny(_ refusal: NodeRefusal) throws(NodeError) {
        if liar.kind == .equivocating, !tellsTruth { throw .refused(refusal, "Not to you.") }
    }

    /// What was answered the first time, if the liar is stale.
    private func first<Answer: Sendable>(
        _ place: WritableKeyPath<Liar.Memory, Answer?>,
        _ answer: Answer
    ) -> Answer {
        liar.memory.withLock { memory in
            if liar.kind == .stale, let known = memory[keyPath: place] { return known }
            memory[keyPath: place] = answer
            return answer
        }
    }

    // MARK: Metadata

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        try await begin()
        try deny(.metadataNotFound)
        let answer: Result<[UInt8], NodeError>
        do throws(NodeError) {
            answer = .success(try await node.metadata(of: blob))
        } catch {
            answer = .failure(error)
        }
        let bytes = try first(\.bytes["metadata \(blob)"], answer).get()
        switch liar.kind {
        case .garbage: return bytes.damaged
        case .another:
            return liar.memory.withLock { memory in
                let other = memory.metadata.keys.sorted().first { $0 != blob }
                memory.metadata[blob] = bytes
                return other.flatMap { memory.metadata[$0] } ?? bytes.damaged
            }
        case .stale, .silent, .equivocating: return bytes
        }
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await begin()
        if liar.kind == .equivocating { return .stored }
        return try await node.store(metadata, height: height)
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        try await begin()
        if liar.kind == .equivocating { return tellsTruth ? .stored : .nonexistent }
        return first(\.stored["\(blob)"], try await node.metadataStatus(of: blob))
    }

    // MARK: Slivers

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        try await begin()
        try deny(.sliverNotFound)
        let sliver = try await node.sliver(name)
        switch liar.kind {
        case .garbage: return .bytes(sliver.dataBytes.damaged)
        case .another:
            return liar.memory.withLock { memory in
                memory.slivers.append(sliver)
                if memory.slivers.count > 8 { memory.slivers.removeFirst() }
                let bytes = sliver.dataBytes
                let other = memory.slivers.first { $0.dataBytes != bytes }
                return .bytes(other?.dataBytes ?? bytes.damaged)
            }
        case .stale: throw .refused(.sliverNotFound, "There is no sliver \(name).")
        case .silent, .equivocating: return sliver
        }
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        try await begin()
        try deny(.sliverNotFound)
        let bytes = try await node.sliverBytes(name, range: range, of: length)
        switch liar.kind {
        case .garbage: return bytes.damaged
        case .another: return bytes.map { ~$0 }
        case .stale: throw .refused(.sliverNotFound, "There is no sliver \(name).")
        case .silent, .equivocating: return bytes
        }
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try await begin()
        if liar.kind == .equivocating { return .stored }
        return try await node.store(sliver, as: name, height: height)
    }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        try await begin()
        if liar.kind == .equivocating { return tellsTruth ? .stored : .nonexistent }
        return first(\.stored["\(name)"], try await node.sliverStatus(name))
    }

    // MARK: Symbols

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        try await begin()
        try deny(.sliverNotFound)
        let answer: Result<[GeneralRecoverySymbol], NodeError>
        do throws(NodeError) {
            answer = .success(try await node.recoverySymbols(of: blob, request))
        } catch {
            answer = .failure(error)
        }
        let symbols = try first(\.symbols["\(blob) \(request)"], answer).get()
        switch liar.kind {
        case .garbage:
            return symbols.map { $0.with(bytes: $0.recoverySymbol.symbol.bytes.damaged) }
        case .another:
            // The proof and the symbol are of the sliver's next target.
            return symbols.map { symbol in
                GeneralRecoverySymbol(
                    targetAxis: symbol.targetAxis,
                    targetIndex: SliverIndex(symbol.targetIndex.rawValue &+ 1),
                    recoverySymbol: symbol.recoverySymbol
                )
            }
        case .stale, .silent, .equivocating: return symbols
        }
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        try await begin()
        try deny(.sliverNotFound)
        let answer = try await node.decodingSymbols(of: blob, for: targets, axis)
        guard liar.kind == .garbage || liar.kind == .another else { return answer }
        return DecodingSymbols(
            axis: axis,
            symbols: answer.symbols.mapValues { symbols in
                symbols.map { DecodingSymbol(index: $0.index, bytes: $0.bytes.damaged) }
            }
        )
    }

    // MARK: Signatures

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        try await begin()
        let epoch = try await node.health().epoch
        let message = ProtocolMessage.storageConfirmation(
            epoch: epoch,
            blob: liar.kind == .another ? BlobID(bytes: blob.bytes.reversed()) : blob,
            persistence: persistence
        )
        let signed = liar.domain.sign(message, with: liar.key)
        return first(\.confirmation, signed).damaged(if: liar.kind == .garbage)
    }

    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        try await begin()
        let epoch = try await node.health().epoch
        let other = BlobID(bytes: blob.bytes.reversed())
        let message = ProtocolMessage.invalidBlobID(
            epoch: epoch,
            blob: liar.kind == .another ? other : blob
        )
        let signed = liar.domain.sign(message, with: liar.key)
        return first(\.attestation, signed).damaged(if: liar.kind == .garbage)
    }

    // MARK: What it knows

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        try await begin()
        let status = try await node.status(of: blob)
        switch liar.kind {
        case .garbage:
            let digest = TransactionDigest(bytes: blob.bytes)
            return .invalid(StatusEvent(transaction: digest, index: 0))
        case .another:
            let counts = NodeBlobStatus.DeletableCounts(total: 77, certified: 77)
            return .deletable(counts, initialCertifiedEpoch: 0)
        case .stale: return first(\.statuses[blob], status)
        case .silent: return status
        case .equivocating: return tellsTruth ? status : .nonexistent
        }
    }

    package func health() async throws(NodeError) -> NodeHealth {
        try await begin()
        return first(\.health, try await node.health())
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        try await begin()
        let blocks = first(\.blocks, try await node.blocks(from: height, limit: limit))
        return liar.kind == .garbage ? blocks.map(\.damaged) : blocks
    }
}

extension LyingNode: ShardSource {
    package func shard(
        _ request: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer {
        try await begin()
        try deny(.requestUnauthorized)
        guard let source = node as? any ShardSource else {
            throw .refused(.requestUnauthorized, "No shards move from here.")
        }
        let answer = try await source.shard(request, from: key)
        switch liar.kind {
        case .stale: return ShardSyncAnswer(slivers: [])
        case .garbage, .another:
            return ShardSyncAnswer(
                slivers: answer.slivers.map { item in
                    let sliver = item.sliver
                    return ShardSliver(
                        blob: item.blob,
                        sliver: Sliver(
                            axis: sliver.axis,
                            index: sliver.index,
                            symbolSize: sliver.symbolSize,
                            bytes: sliver.bytes.damaged
                        )
                    )
                }
            )
        case .silent, .equivocating: return answer
        }
    }
}

extension FetchedSliver {
    fileprivate var dataBytes: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .verified(let sliver): sliver.sliver.dataBytes
        }
    }
}

extension [UInt8] {
    /// The same with one bit turned.
    fileprivate var damaged: [UInt8] {
        guard !isEmpty else { return self }
        var bytes = self
        bytes[count / 2] ^= 1
        return bytes
    }
}

extension SignedMessage {
    fileprivate func damaged(if isSo: Bool) -> SignedMessage {
        isSo ? SignedMessage(message: message.damaged, signature: signature) : self
    }
}

extension GeneralRecoverySymbol {
    fileprivate func with(bytes: [UInt8]) -> GeneralRecoverySymbol {
        GeneralRecoverySymbol(
            targetAxis: targetAxis,
            targetIndex: targetIndex,
            recoverySymbol: RecoverySymbol(
                symbol: DecodingSymbol(index: recoverySymbol.symbol.index, bytes: bytes),
                proof: recoverySymbol.proof
            )
        )
    }
}
