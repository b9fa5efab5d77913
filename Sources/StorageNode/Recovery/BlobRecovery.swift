internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Synchronization
internal import SystemIO

/// The recovery of one blob, once.
///
/// Whoever sends something that is not what it says it is is named, and asked nothing more here.
struct BlobRecovery {
    /// How long the answers may take before one more peer is asked.
    private static let hedge = Duration.seconds(2)

    let node: StorageNode
    let peers: RecoveryPeers
    let blob: BlobID
    private let serving: [NodeCommittees.ServingMember]
    /// Those that sent something wrong.
    private var liars: Set<Int> = []

    init(node: StorageNode, peers: RecoveryPeers, blob: BlobID) {
        self.node = node
        self.peers = peers
        self.blob = blob
        serving = peers.servingMembers
    }

    private var parameters: EncodingParameters { node.parameters }

    mutating func run(_ missing: StorageNode.Missing) async throws(RecoveryFailure) {
        let metadata = try await metadata(isHere: missing.hasMetadata)
        // Secondary slivers are first in the list, and then sources for the primary ones.
        for name in missing.slivers {
            let sliver = try await recover(name, metadata)
            try await storing { store throws(NodeStoreError) in
                if try !store.hasSliver(name) { try store.store(sliver, as: name) }
            }
            node.recovery.state.withLock { state in
                state.status.sliversRecovered += 1
                state.status.bytesRebuilt += sliver.bytes.count
            }
        }
        try await storing { store throws(NodeStoreError) in try store.synchronize() }
    }

    // MARK: Metadata

    private mutating func metadata(
        isHere: Bool
    ) async throws(RecoveryFailure) -> VerifiedBlobMetadata {
        if isHere {
            do throws(NodeError) {
                return try await node.verifiedMetadata(of: blob)
            } catch {
                throw .failed("\(error)")
            }
        }
        guard let verified = await fetchMetadata() else {
            throw .failed("no node that can be reached has its metadata")
        }
        try await storing { store throws(NodeStoreError) in
            if try !store.hasMetadata(of: verified.blobID) { try store.store(verified) }
        }
        return verified
    }

    private enum MetadataEvent: Sendable {
        case answer(Int, Result<[UInt8], NodeError>)
        case late
    }

    /// Asks one peer after the other, and one more whenever answers take long: a silent one must
    /// not hold up what others have.
    private mutating func fetchMetadata() async -> VerifiedBlobMetadata? {
        var rest = peers.order(of: serving.map(\.member))
            .filter { !peers.isOwn(serving[$0].member) }[...]
        return await withTaskGroup(of: MetadataEvent.self) { group in
            var waiting = 0
            func askNext() {
                guard let index = rest.popFirst() else { return }
                waiting += 1
                let (node, blob) = (peers.connection(to: serving[index].member), blob)
                group.addTask {
                    do throws(NodeError) {
                        return .answer(index, .success(try await node.metadata(of: blob)))
                    } catch {
                        return .answer(index, .failure(error))
                    }
                }
            }
            let time = node.time
            func setTimer() {
                group.addTask {
                    // Cancelled when the metadata is here.
                    try? await time.sleep(for: Self.hedge)
                    return .late
                }
            }
            defer { group.cancelAll() }
            askNext()
            setTimer()
            while waiting > 0, !Task.isCancelled, let event = await group.next() {
                switch event {
                case .late: setTimer()
                case .answer(let index, let result):
                    waiting -= 1
                    if let metadata = judge(result, of: index) { return metadata }
                }
                askNext()
            }
            return nil
        }
    }

    /// The metadata in an answer, if it is the blob's.
    private mutating func judge(
        _ result: Result<[UInt8], NodeError>,
        of index: Int
    ) -> VerifiedBlobMetadata? {
        switch result {
        case .success(let bytes):
            received(bytes.count)
            // Whatever is wrong with it, it is not this blob's metadata.
            if let decoded = try? BlobMetadataWithID(bcsBytes: bytes), decoded.blobID == blob,
                let verified = try? decoded.verify(parameters)
            {
                return verified
            }
            lied(index, "metadata that is not its")
        case .failure(let error): note(error, of: index)
        }
        return nil
    }

    // MARK: Slivers

    private enum Event: Sendable {
        case answer(SymbolGathering.Source, Result<[GeneralRecoverySymbol], NodeError>)
        case late
    }

    private mutating func recover(
        _ name: SliverName,
        _ metadata: VerifiedBlobMetadata
    ) async throws(RecoveryFailure) -> VerifiedSliver {
        let axis = name.axis
        let target = parameters.sliver(of: name.pair, axis)
        let recovery = SliverRecovery(node.codec, metadata)
        var gathering = SymbolGathering(
            needed: parameters.recoverySymbolsNeeded(for: axis),
            sources: sources(axis.orthogonal)
        )
        await withTaskGroup(of: Event.self) { group in
            func send(_ sources: [SymbolGathering.Source]) {
                for source in sources {
                    let node = peers.connection(to: serving[source.member].member)
                    let request = RecoverySymbolsRequest(
                        target: target,
                        axis,
                        from: source.slivers
                    )
                    let blob = blob
                    group.addTask { await Self.ask(node, blob, request, source) }
                }
            }
            let time = node.time
            func setTimer() {
                group.addTask {
                    // Cancelled when the symbols are here.
                    try? await time.sleep(for: Self.hedge)
                    return .late
                }
            }
            send(gathering.requests())
            setTimer()
            while !gathering.isComplete, !gathering.isHopeless, !Task.isCancelled,
                let event = await group.next()
            {
                switch event {
                case .late:
                    send(gathering.hedge())
                    setTimer()
                case .answer(let source, let result):
                    let proven = await judge(source, result, recovery, axis, target)
                    gathering.ended(source, with: proven)
                    if liars.contains(source.member) { gathering.exclude(source.member) }
                    send(gathering.requests())
                }
            }
            group.cancelAll()
        }
        guard gathering.isComplete else {
            throw .failed("\(gathering.symbols.count) of \(gathering.needed) symbols of \(name)")
        }
        let symbols = gathering.symbols
        let outcome = await node.pool.run { () -> Result<VerifiedSliver, SliverRecoveryError> in
            do throws(SliverRecoveryError) {
                return .success(try recovery.recover(axis, target, from: symbols))
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let sliver): return sliver
        case .failure(.inconsistent(let proof)):
            node.notice(.inconsistent(blob))
            throw .inconsistent(metadata, proof)
        case .failure(let error): throw .failed("\(name): \(error)")
        }
    }

    private static func ask(
        _ node: any StorageNodeConnection,
        _ blob: BlobID,
        _ request: RecoverySymbolsRequest,
        _ source: SymbolGathering.Source
    ) async -> Event {
        do throws(NodeError) {
            return .answer(source, .success(try await node.recoverySymbols(of: blob, request)))
        } catch {
            return .answer(source, .failure(error))
        }
    }

    /// Who has slivers of this axis, in the order in which they are to be asked.
    private func sources(_ axis: SliverAxis) -> [SymbolGathering.Source] {
        peers.order(of: serving.map(\.member)).filter { !liars.contains($0) }.map { index in
            let slivers = serving[index].shards.map { shard in
                parameters.sliver(of: parameters.pair(on: ShardIndex(shard), of: blob), axis)
            }
            return SymbolGathering.Source(member: index, slivers: slivers)
        }
    }

    /// The symbols of an answer that are what was asked for.
    private mutating func judge(
        _ source: SymbolGathering.Source,
        _ result: Result<[GeneralRecoverySymbol], NodeError>,
        _ recovery: SliverRecovery,
        _ axis: SliverAxis,
        _ target: SliverIndex
    ) async -> [RecoverySymbol] {
        let symbols: [GeneralRecoverySymbol]
        switch result {
        case .success(let answer): symbols = answer
        case .failure(let error):
            note(error, of: source.member)
            return []
        }
        if !peers.isOwn(serving[source.member].member) {
            received(symbols.reduce(0) { $0 + $1.encodedLength })
        }
        let asked = Set(source.slivers)
        guard symbols.allSatisfy({ asked.contains($0.recoverySymbol.symbol.index) }) else {
            lied(source.member, "symbols of slivers that were not asked for")
            return []
        }
        let (proven, error) = await node.pool.run {
            recovery.proven(symbols, axis: axis, target: target)
        }
        if let error { lied(source.member, "\(error)") }
        return proven
    }

    // MARK: Peers and the disk

    private func received(_ count: Int) {
        node.recovery.state.withLock { $0.status.bytesReceived += count }
    }

    private mutating func note(_ error: NodeError, of index: Int) {
        switch error {
        case .unreachable: peers.isUnreachable(serving[index].member)
        case .malformed(let what): lied(index, what)
        case .refused, .cancelled: break
        }
    }

    private mutating func lied(_ index: Int, _ what: String) {
        guard liars.insert(index).inserted else { return }
        node.notice(.lie(serving[index].member.node, blob, what))
    }

    /// Writes, as long as the blob is wanted.
    private func storing(
        _ body: @escaping @Sendable (any NodeStore) throws(NodeStoreError) -> Void
    ) async throws(RecoveryFailure) {
        let (blob, epoch) = (blob, node.cursor.epoch)
        let isWanted: Bool
        do throws(NodeError) {
            isWanted = try await node.writing { store throws(NodeStoreError) in
                guard let info = try store.info(of: blob), try store.isCertified(info, at: epoch)
                else { return false }
                try body(store)
                return true
            }
        } catch {
            throw .failed("\(error)")
        }
        if !isWanted { throw .notWanted }
    }
}
