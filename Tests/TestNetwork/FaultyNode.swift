package import BlobModel
internal import Synchronization

/// A node between which and its client something is wrong.
package final class FaultyNode: StorageNodeConnection {
    package enum Fault: Sendable {
        case none
        case down
        /// Every answer is well formed and false.
        case garbage
        /// Answers come when the request is cancelled.
        case stalled
        /// Slivers are one byte short.
        case truncated
        /// Attests nothing, and is right otherwise.
        case mute
        /// Calls every blob invalid.
        case slander
    }

    private let node: any StorageNodeConnection
    // Guards a word.
    private let fault: Mutex<Fault>
    private let asked = Mutex(0)

    package init(_ node: any StorageNodeConnection, _ fault: Fault = .none) {
        self.node = node
        self.fault = Mutex(fault)
    }

    package func set(_ fault: Fault) { self.fault.withLock { $0 = fault } }

    /// How many requests came.
    package var requests: Int { asked.withLock { $0 } }

    private func begin() async throws(NodeError) -> Fault {
        asked.withLock { $0 += 1 }
        let fault = fault.withLock { $0 }
        switch fault {
        case .down: throw .unreachable("down")
        case .slander: throw .refused(.invalidBlob, "slander")
        case .stalled:
            while !Task.isCancelled {
                // A cancelled sleep is what ends the loop.
                try? await Task.sleep(for: .seconds(3600))
            }
            throw .cancelled
        case .none, .garbage, .truncated, .mute: return fault
        }
    }

    package func metadata(of blob: BlobID) async throws(NodeError) -> [UInt8] {
        var bytes = try await node.metadata(of: blob)
        switch try await begin() {
        case .garbage: bytes[bytes.count - 1] ^= 1
        case .truncated: bytes.removeLast()
        case .none, .down, .stalled, .mute, .slander: break
        }
        return bytes
    }

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        _ = try await begin()
        return try await node.store(metadata, height: height)
    }

    package func metadataStatus(of blob: BlobID) async throws(NodeError) -> StoredStatus {
        _ = try await begin()
        return try await node.metadataStatus(of: blob)
    }

    package func sliver(_ name: SliverName) async throws(NodeError) -> FetchedSliver {
        let fault = try await begin()
        guard case .verified(let sliver) = try await node.sliver(name) else {
            throw .malformed("not in process")
        }
        var bytes = sliver.sliver.dataBytes
        switch fault {
        case .garbage:
            bytes[bytes.count / 2] ^= 1
            return .bytes(bytes)
        case .truncated:
            bytes.removeLast()
            return .bytes(bytes)
        case .none, .down, .stalled, .mute, .slander: return .verified(sliver)
        }
    }

    package func sliverBytes(
        _ name: SliverName,
        range: Range<Int>,
        of length: Int
    ) async throws(NodeError) -> [UInt8] {
        let fault = try await begin()
        var bytes = try await node.sliverBytes(name, range: range, of: length)
        switch fault {
        case .garbage: bytes[bytes.count / 2] ^= 1
        case .truncated: bytes.removeLast()
        case .none, .down, .stalled, .mute, .slander: break
        }
        return bytes
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        _ = try await begin()
        return try await node.store(sliver, as: name, height: height)
    }

    package func sliverStatus(_ name: SliverName) async throws(NodeError) -> StoredStatus {
        _ = try await begin()
        return try await node.sliverStatus(name)
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        let fault = try await begin()
        let symbols = try await node.recoverySymbols(of: blob, request)
        return symbols.map { $0.damaged(by: fault) }
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        let fault = try await begin()
        let answer = try await node.decodingSymbols(of: blob, for: targets, axis)
        return DecodingSymbols(
            axis: axis,
            symbols: answer.symbols.mapValues { $0.map { $0.damaged(by: fault) } }
        )
    }

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        let fault = try await begin()
        let signed = try await node.confirmation(
            of: blob,
            persistence: persistence,
            height: height,
            patience: patience
        )
        guard case .garbage = fault else { return signed }
        var message = signed.message
        message[message.count - 1] ^= 1
        return SignedMessage(message: message, signature: signed.signature)
    }

    package func attestation(
        ofInvalid blob: BlobID,
        shownBy proof: InconsistencyProof
    ) async throws(NodeError) -> SignedMessage {
        let fault = try await begin()
        if case .mute = fault { throw .unreachable("mute") }
        let signed = try await node.attestation(ofInvalid: blob, shownBy: proof)
        guard case .garbage = fault else { return signed }
        var message = signed.message
        message[message.count - 1] ^= 1
        return SignedMessage(message: message, signature: signed.signature)
    }

    package func status(of blob: BlobID) async throws(NodeError) -> NodeBlobStatus {
        _ = try await begin()
        return try await node.status(of: blob)
    }

    package func health() async throws(NodeError) -> NodeHealth {
        _ = try await begin()
        return try await node.health()
    }

    package func blocks(
        from height: UInt64,
        limit: Int
    ) async throws(NodeError) -> [[UInt8]] {
        _ = try await begin()
        return try await node.blocks(from: height, limit: limit)
    }
}

extension DecodingSymbol {
    fileprivate func damaged(by fault: FaultyNode.Fault) -> DecodingSymbol {
        var bytes = bytes
        switch fault {
        case .garbage: bytes[bytes.count / 2] ^= 1
        case .truncated: bytes.removeLast()
        case .none, .down, .stalled, .mute, .slander: break
        }
        return DecodingSymbol(index: index, bytes: bytes)
    }
}

extension GeneralRecoverySymbol {
    fileprivate func damaged(by fault: FaultyNode.Fault) -> GeneralRecoverySymbol {
        GeneralRecoverySymbol(
            targetAxis: targetAxis,
            targetIndex: targetIndex,
            recoverySymbol: RecoverySymbol(
                symbol: recoverySymbol.symbol.damaged(by: fault),
                proof: recoverySymbol.proof
            )
        )
    }
}
