package import BlobModel
internal import ErasureCoding
internal import Synchronization
internal import SystemIO

/// Symbols of the node's slivers, with proofs for who recovers a sliver, without for who decodes.
extension StorageNode {
    /// Slivers of which one answer has symbols are bounded by what the node's shards hold.
    private var symbolsMax: Int { 2 * served.count * parameters.shardCount }

    /// The node's shards and those that it has given up not long ago: who gets such a shard may
    /// need a symbol of it, from here.
    private var served: [UInt16] { committees.served(by: configuration.node).sorted() }

    /// A source sliver of this node, and the symbols of it that are wanted.
    private struct Source {
        let name: SliverName
        let targets: [SliverIndex]
    }

    package func recoverySymbols(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) async throws(NodeError) -> [GeneralRecoverySymbol] {
        let sources = try sources(of: blob, request)
        try takeSymbolPermit()
        defer { symbolPermits.giveBack() }
        let metadata = try await verifiedMetadata(of: blob)
        let count = sources.reduce(0) { $0 + $1.targets.count }
        guard count * (metadata.symbolSize + 560) <= symbolBytesMax else {
            throw .refused(.invalidRequest, "The answer would be too long; ask for fewer.")
        }
        var symbols: [GeneralRecoverySymbol] = []
        var failure = NodeError.refused(.sliverNotFound, "No such sliver of \(blob) is here.")
        for source in sources {
            do throws(NodeError) {
                let expansion = try await expansion(of: source.name, metadata)
                symbols += source.targets.map { expansion.generalRecoverySymbol(for: $0) }
            } catch {
                // What is not here is left out, unless nothing is.
                failure = error
            }
        }
        guard !symbols.isEmpty else { throw failure }
        return symbols
    }

    package func decodingSymbols(
        of blob: BlobID,
        for targets: [SliverIndex],
        _ axis: SliverAxis
    ) async throws(NodeError) -> DecodingSymbols {
        guard !targets.isEmpty else {
            throw .refused(.noSymbolsSpecified, "Name the target slivers.")
        }
        let systematic = parameters.sliversNeeded(of: axis)
        for target in targets where target.value >= systematic {
            throw .refused(.indexOutOfRange, "There are \(systematic) systematic slivers.")
        }
        try takeSymbolPermit()
        defer { symbolPermits.giveBack() }
        let targets = Set(targets).sorted()
        let metadata = try await verifiedMetadata(of: blob)
        let size = metadata.symbolSize
        let sources = names(of: blob, axis.orthogonal, in: served)
        guard targets.count * sources.count * (size + 8) <= symbolBytesMax else {
            throw .refused(.invalidRequest, "The answer would be too long; ask for fewer.")
        }
        var symbols: [SliverIndex: [DecodingSymbol]] = [:]
        var failure = NodeError.refused(.sliverNotFound, "No sliver of \(blob) is here.")
        for name in sources {
            let source = parameters.sliver(of: name.pair, name.axis)
            for target in targets {
                do throws(NodeError) {
                    // A systematic target's symbol is in the sliver itself.
                    let start = target.value * size
                    let bytes = try await sliverBytes(
                        name,
                        range: start..<start + size,
                        of: metadata.sliverLength(name.axis)
                    )
                    symbols[target, default: []].append(
                        DecodingSymbol(index: source, bytes: bytes)
                    )
                } catch {
                    failure = error
                }
            }
        }
        guard !symbols.isEmpty else { throw failure }
        return DecodingSymbols(axis: axis, symbols: symbols)
    }

    private func takeSymbolPermit() throws(NodeError) {
        guard symbolPermits.take() else {
            throw .refused(.unavailable, "The node computes symbols for others; try later.")
        }
    }

    /// Half of what a client reads at most, so that nothing around the symbols matters.
    private var symbolBytesMax: Int { 32 << 20 }

    // MARK: Which slivers

    /// The slivers of one axis of a blob that the node holds in this epoch.
    func names(of blob: BlobID, _ axis: SliverAxis) -> [SliverName] {
        names(of: blob, axis, in: shards)
    }

    private func names(
        of blob: BlobID,
        _ axis: SliverAxis,
        in shards: [UInt16]
    ) -> [SliverName] {
        shards.map { shard in
            SliverName(
                blob: blob,
                pair: parameters.pair(on: ShardIndex(shard), of: blob),
                axis: axis
            )
        }
    }

    private func sources(
        of blob: BlobID,
        _ request: RecoverySymbolsRequest
    ) throws(NodeError) -> [Source] {
        let sources: [Source]
        switch request.wanted {
        case .target(let axis, let target):
            try check(target)
            guard request.proofAxis ?? axis.orthogonal == axis.orthogonal else {
                throw .refused(.symbolNotPresent, "The proof would need the target itself.")
            }
            sources = names(of: blob, axis.orthogonal, in: served)
                .map { Source(name: $0, targets: [target]) }
        case .symbols(let symbols):
            guard !symbols.isEmpty else {
                throw .refused(.noSymbolsSpecified, "Name at least one symbol.")
            }
            guard symbols.count <= symbolsMax else {
                throw .refused(.invalidRequest, "The node's shards hold \(symbolsMax) symbols.")
            }
            sources = try self.sources(of: blob, Set(symbols).sorted(), request.proofAxis)
        }
        guard !sources.isEmpty else {
            throw .refused(.symbolNotPresent, "No shard of this node has such a symbol.")
        }
        return sources
    }

    /// The slivers that have these symbols; each symbol from one of them.
    private func sources(
        of blob: BlobID,
        _ symbols: [SymbolID],
        _ proofAxis: SliverAxis?
    ) throws(NodeError) -> [Source] {
        let served = committees.served(by: configuration.node)
        var targets: [SliverName: [SliverIndex]] = [:]
        var order: [SliverName] = []
        for symbol in symbols {
            try check(symbol.primary)
            try check(symbol.secondary)
            for axis in SliverAxis.allCases where proofAxis ?? axis == axis {
                let pair = parameters.pair(of: symbol.index(on: axis), axis)
                let name = SliverName(blob: blob, pair: pair, axis: axis)
                let shard = parameters.shard(holding: pair, of: blob)
                guard served.contains(shard.rawValue) else { continue }
                if targets[name] == nil { order.append(name) }
                targets[name, default: []].append(symbol.index(on: axis.orthogonal))
                break
            }
        }
        return order.map { Source(name: $0, targets: targets[$0] ?? []) }
    }

    private func check(_ index: SliverIndex) throws(NodeError) {
        guard parameters.contains(index) else {
            throw .refused(.indexOutOfRange, "There are \(parameters.shardCount) slivers.")
        }
    }

    // MARK: Their symbols

    func verifiedMetadata(of blob: BlobID) async throws(NodeError) -> VerifiedBlobMetadata {
        let parameters = parameters
        let metadata = try await readingValid(blob) { store throws(NodeStoreError) in
            try store.verifiedMetadata(of: blob, parameters)
        }
        guard let metadata else {
            throw .refused(.sliverNotFound, "Nothing of \(blob) is here.")
        }
        return metadata
    }

    private func expansion(
        of name: SliverName,
        _ metadata: VerifiedBlobMetadata
    ) async throws(NodeError) -> SliverExpansion {
        if let known = expansions[name] { return known }
        guard case .verified(let sliver) = try await sliver(name) else {
            preconditionFailure("A node's own store gives verified slivers.")
        }
        let verifier = SliverVerifier(codec, metadata)
        // A sliver of another shape was not written for this metadata.
        let expansion = await pool.run { try? verifier.expand(sliver) }
        guard let expansion else {
            throw .refused(.internalError, "Sliver \(name) is not of its metadata's shape.")
        }
        expansions.insert(expansion, as: name, bytes: parameters.shardCount * metadata.symbolSize)
        return expansion
    }
}

extension NodeStore {
    /// The metadata of a blob, held against its name again; damaged if it is another's.
    func verifiedMetadata(
        of blob: BlobID,
        _ parameters: EncodingParameters
    ) throws(NodeStoreError) -> VerifiedBlobMetadata? {
        guard let metadata = try metadata(of: blob) else { return nil }
        do {
            return try metadata.verify(as: blob, parameters)
        } catch {
            throw .damaged("metadata of \(blob): \(error)")
        }
    }
}

/// How many requests for symbols are answered at one time.
final class SymbolPermits: Sendable {
    private let limit: Int
    // Guards a count.
    private let taken = Mutex(0)

    init(_ limit: Int) { self.limit = limit }

    func take() -> Bool {
        taken.withLock { taken in
            guard taken < limit else { return false }
            taken += 1
            return true
        }
    }

    func giveBack() { taken.withLock { $0 -= 1 } }
}

/// Slivers expanded lately: who has lost several shards asks for as many symbols of each.
final class ExpansionCache: Sendable {
    private static let bytesMax = 16 << 20

    private struct Entries {
        var byName: [SliverName: SliverExpansion] = [:]
        var order: [(name: SliverName, bytes: Int)] = []
        var bytes = 0
    }

    // Guards the entries; held for dictionary operations.
    private let entries = Mutex(Entries())

    subscript(name: SliverName) -> SliverExpansion? { entries.withLock { $0.byName[name] } }

    func insert(_ expansion: SliverExpansion, as name: SliverName, bytes: Int) {
        guard bytes <= Self.bytesMax else { return }
        entries.withLock { entries in
            guard entries.byName.updateValue(expansion, forKey: name) == nil else { return }
            entries.order.append((name, bytes))
            entries.bytes += bytes
            while entries.bytes > Self.bytesMax {
                let oldest = entries.order.removeFirst()
                entries.byName[oldest.name] = nil
                entries.bytes -= oldest.bytes
            }
        }
    }
}
