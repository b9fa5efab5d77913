// What others have of the ledger's chain, and which of it counts. Asking is `ChainSurvey`'s,
// deciding `ChainChoice`'s; the blocks themselves are copied and executed by `LedgerRestore`.

internal import BlobModel
internal import Ledger
internal import SystemIO

/// What a comparison with the nodes' chains found.
package struct ChainComparison: Equatable, Sendable {
    /// Nodes that answered, of so many that were asked.
    package let answers: Int
    package let sources: Int
    /// Blocks that they have after the ledger's newest.
    package let blocksMissing: Int

    package init(answers: Int, sources: Int, blocksMissing: Int) {
        self.answers = answers
        self.sources = sources
        self.blocksMissing = blocksMissing
    }
}

/// What one source has, beside the ledger's own chain.
struct SourceChain: Equatable, Sendable {
    struct Fork: Equatable, Sendable {
        let height: UInt64
        let own: BlockHash
        let found: BlockHash
    }

    /// Its place among the sources.
    let source: Int
    let weight: Int
    /// Whether it answered.
    var isThere = false
    /// Up to here its blocks are the ledger's own.
    var shared: UInt64 = 0
    /// Its first block that is another than the ledger's own, with the ledger's signature.
    var fork: Fork?
    /// The blocks that follow the ledger's newest, each the signed child of the one before.
    var after: [BlockHash] = []
}

/// Chooses among chains, by weight where they disagree.
enum ChainChoice {
    /// Whose blocks may be taken, the longest chain first; none when nobody has more than the
    /// ledger.
    ///
    /// Throws `diverged` where chains differ and no side has a quorum of all that were asked.
    static func agreeing(
        _ chains: [SourceChain],
        beside tip: BlockReference
    ) throws(LedgerStoreError) -> [SourceChain] {
        let total = chains.reduce(0) { $0 + $1.weight }
        func isQuorum(_ side: [SourceChain]) -> Bool {
            3 * side.reduce(0) { $0 + $1.weight } >= 2 * total + 1
        }
        let forks = chains.compactMap(\.fork)
        if let fork = forks.first {
            let own = chains.filter { $0.isThere && $0.fork == nil && $0.shared == tip.height }
            guard isQuorum(own) else { throw .diverged(height: fork.height, fork.own, fork.found) }
        }
        var left = chains.filter { $0.fork == nil }
        var index = 0
        while let longest = left.max(by: { $0.after.count < $1.after.count }),
            index < longest.after.count
        {
            let wanted = longest.after[index]
            if let other = left.first(where: { $0.isOther(than: wanted, at: index) }) {
                let hashes = [wanted, other.after[index]]
                let sides = hashes.map { hash in
                    left.filter { index < $0.after.count && $0.after[index] == hash }
                }
                guard let side = sides.first(where: isQuorum) else {
                    throw .diverged(
                        height: tip.height + UInt64(index) + 1,
                        wanted,
                        other.after[index]
                    )
                }
                left = side
            } else {
                index += 1
            }
        }
        return left.filter { !$0.after.isEmpty }.sorted {
            ($1.after.count, $0.source) < ($0.after.count, $1.source)
        }
    }
}

extension SourceChain {
    fileprivate func isOther(than hash: BlockHash, at index: Int) -> Bool {
        index < after.count && after[index] != hash
    }
}

/// Asks sources for what they have from the ledger's newest block on.
struct ChainSurvey: Sendable {
    let store: Confined<any LedgerEngine>
    let genesis: Genesis
    let tip: ChainTip

    /// How long those that are silent are waited for when enough have answered.
    static let grace = Duration.seconds(1)

    /// Asks all at once: one that does not answer costs its time-out, and not one each.
    ///
    /// With `hurry`, it costs no more than `grace` once all but f of 3f + 1 have answered: of
    /// blocks that f + 1 must have before they are acknowledged, none is missed then.
    func ask(
        _ sources: [any BlockSource],
        hurry: (any TimeSource)? = nil
    ) async throws(LedgerStoreError) -> [SourceChain] {
        let enough = sources.count - max(0, sources.count - 1) / 3
        let answers = await withTaskGroup(
            of: Result<SourceChain, LedgerStoreError>?.self
        ) { group in
            for (index, source) in sources.enumerated() {
                group.addTask { await answer(of: source, index) }
            }
            var answers: [Result<SourceChain, LedgerStoreError>] = []
            var (isThere, isHurrying) = (0, false)
            while answers.count < sources.count, let next = await group.next() {
                guard let answer = next else {
                    // Who is asked still ends without an answer.
                    group.cancelAll()
                    continue
                }
                answers.append(answer)
                if case .success(let chain) = answer, chain.isThere { isThere += 1 }
                if let hurry, isThere >= enough, !isHurrying {
                    isHurrying = true
                    group.addTask {
                        // Cancelled when all have answered.
                        try? await hurry.sleep(for: Self.grace)
                        return nil
                    }
                }
            }
            group.cancelAll()
            return answers
        }
        var chains: [SourceChain] = []
        for answer in answers { chains.append(try answer.get()) }
        return chains.sorted { $0.source < $1.source }
    }

    private func answer(
        of source: any BlockSource,
        _ index: Int
    ) async -> Result<SourceChain, LedgerStoreError> {
        do throws(LedgerStoreError) {
            var chain = SourceChain(source: index, weight: source.weight)
            try await survey(source, &chain)
            return .success(chain)
        } catch {
            return .failure(error)
        }
    }

    /// Goes back from the tip to a block that the source has, and from there on forward.
    ///
    /// A chain ends at its first block that is not the signed child of the one before.
    private func survey(
        _ source: any BlockSource,
        _ chain: inout SourceChain
    ) async throws(LedgerStoreError) {
        let height = tip.reference.height
        var next = max(height, 1)
        var step: UInt64 = 1
        // Why a source does not answer is its own affair; its name is reported.
        guard var blocks = try? await source.blocks(from: next, limit: LedgerStore.batch) else {
            return
        }
        chain.isThere = true
        while blocks.isEmpty, next > 1 {
            next -= min(step, next - 1)
            step *= 2
            blocks = (try? await source.blocks(from: next, limit: LedgerStore.batch)) ?? []
        }
        var end = tip
        while !blocks.isEmpty {
            let own = try await hashes(from: next, count: blocks.count)
            for block in blocks {
                guard take(block, next, own, &end, &chain) else { return }
                next += 1
            }
            blocks = (try? await source.blocks(from: next, limit: LedgerStore.batch)) ?? []
        }
    }

    /// Whether the block belongs to the chain, and there may be more.
    private func take(
        _ block: Block,
        _ height: UInt64,
        _ own: [UInt64: BlockHash],
        _ end: inout ChainTip,
        _ chain: inout SourceChain
    ) -> Bool {
        guard block.height == height else { return false }
        if let hash = own[height] {
            let found = block.reference.hash
            if hash == found {
                chain.shared = height
                return true
            }
            if isLedgers(block) {
                chain.fork = SourceChain.Fork(height: height, own: hash, found: found)
            }
            return false
        }
        do throws(BlockError) {
            try end.check(block, network: genesis.networkID, producer: genesis.blockKey)
        } catch {
            return false
        }
        chain.after.append(block.reference.hash)
        end = ChainTip(after: block.header)
        return true
    }

    private func isLedgers(_ block: Block) -> Bool {
        block.header.network == genesis.networkID && block.header.producer == genesis.blockKey
            && block.signedHeader.isSigned
    }

    /// The ledger's own blocks of these heights, up to its tip.
    private func hashes(
        from height: UInt64,
        count: Int
    ) async throws(LedgerStoreError) -> [UInt64: BlockHash] {
        let last = min(height + UInt64(count) - 1, tip.reference.height)
        guard height <= last else { return [:] }
        if height == tip.reference.height { return [height: tip.reference.hash] }
        return try await store.run { store throws(LedgerStoreError) in
            var hashes: [UInt64: BlockHash] = [:]
            var next = height
            while next <= last {
                let blocks = try store.blocks(
                    from: next,
                    limit: Int(last - next) + 1,
                    bytesMax: 1 << 20
                )
                guard !blocks.isEmpty else { throw .failed("block \(next) is missing") }
                for block in blocks { hashes[block.height] = block.reference.hash }
                next += UInt64(blocks.count)
            }
            return hashes
        }
    }
}
