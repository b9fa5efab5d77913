// A ledger that was lost, or put back from an old backup, gets its blocks from those who kept
// them. Blocks are judged by hash, signature and execution, never by who hands them over; of
// several valid chains the longest is taken. When two disagree at any height, that of sources with
// a quorum of all weight is right: the other was acknowledged to nobody. Else nothing is taken.

internal import BlobModel
package import Ledger
package import SystemIO

package enum LedgerRestore {
    /// Makes the ledger in `directory` anew from what `sources` kept.
    ///
    /// What was there before is renamed, not removed. A crash leaves `directory` as it was or
    /// restored. Throws `noSource` unless `answersMin` sources answer: with blocks kept by f + 1
    /// nodes, all but f must, for none of them to be missed.
    package static func restore(
        _ directory: String,
        genesis: Genesis,
        from sources: [any BlockSource],
        answersMin: Int = 1,
        in files: any FileSystem,
        pool: BlockingPool
    ) async throws(LedgerStoreError) {
        let building = directory + ".restoring"
        try await build(
            building,
            genesis: genesis,
            from: sources,
            answersMin: answersMin,
            in: files,
            pool: pool
        )
        // The new store is closed by now, so that its files may move.
        try await pool.run { () throws(LedgerStoreError) in
            try moveAside(directory, in: files)
            do throws(SystemError) {
                try files.rename(building, to: directory)
                try files.synchronizeDirectory(SystemIO.directory(of: directory))
            } catch {
                throw .failed(error.description)
            }
        }
    }

    private static func build(
        _ directory: String,
        genesis: Genesis,
        from sources: [any BlockSource],
        answersMin: Int,
        in files: any FileSystem,
        pool: BlockingPool
    ) async throws(LedgerStoreError) {
        let store = try await pool.run { () throws(LedgerStoreError) in
            try clear(directory, in: files)
            return Confined<any LedgerEngine>(
                try LedgerStore.create(directory, genesis: genesis, in: files),
                pool: pool
            )
        }
        try await catchUp(store, from: sources, answersMin: answersMin)
    }

    /// Takes the blocks that follow the store's newest from whoever has most of them; returns how
    /// many there were.
    ///
    /// With `hurry`, silent ones are not waited for when enough have answered.
    @discardableResult
    package static func catchUp(
        _ store: Confined<any LedgerEngine>,
        from sources: [any BlockSource],
        answersMin: Int = 1,
        hurry: (any TimeSource)? = nil
    ) async throws(LedgerStoreError) -> UInt64 {
        let (chains, tip) = try await chains(
            of: sources,
            answersMin: answersMin,
            beside: store,
            hurry: hurry
        )
        let chosen = try ChainChoice.agreeing(chains, beside: tip.reference)
        var reached = tip.reference.height
        var failure: String?
        for chain in chosen {
            let end = tip.reference.height + UInt64(chain.after.count)
            guard reached < end else { break }
            let source = sources[chain.source]
            do throws(LedgerStoreError) {
                try await copy(reached + 1...end, from: source, to: store)
            } catch {
                // What one does not give after all comes from the next that has it.
                guard error.isOfSource else { throw error }
                failure = failure ?? "\(source.name): \(error)"
            }
            reached = await store.run { $0.tip.reference.height }
        }
        // Whoever may miss nothing is told; else a source that only said so holds up nobody.
        let longest = UInt64(chosen.first?.after.count ?? 0)
        if answersMin > 0, reached < tip.reference.height + longest, let failure {
            throw .noSource(failure)
        }
        return reached - tip.reference.height
    }

    /// Holds what `sources` have against the store's chain, and takes nothing.
    ///
    /// Throws `diverged` when they have another chain.
    static func compare(
        _ store: Confined<any LedgerEngine>,
        with sources: [any BlockSource]
    ) async throws(LedgerStoreError) -> ChainComparison {
        let (chains, tip) = try await chains(of: sources, answersMin: 0, beside: store)
        let longest = try ChainChoice.agreeing(chains, beside: tip.reference).first
        return ChainComparison(
            answers: chains.count { $0.isThere },
            sources: sources.count,
            blocksMissing: longest?.after.count ?? 0
        )
    }

    /// What each source has, in their order, and the store's tip.
    private static func chains(
        of sources: [any BlockSource],
        answersMin: Int,
        beside store: Confined<any LedgerEngine>,
        hurry: (any TimeSource)? = nil
    ) async throws(LedgerStoreError) -> ([SourceChain], ChainTip) {
        let (genesis, tip) = await store.run { ($0.genesis, $0.tip) }
        let survey = ChainSurvey(store: store, genesis: genesis, tip: tip)
        let chains = try await survey.ask(sources, hurry: hurry)
        let silent = zip(sources, chains).filter { !$1.isThere }.map(\.0.name)
        let count = sources.count - silent.count
        guard count >= answersMin else {
            throw .noSource(
                "\(count) of \(answersMin) needed answered; silent: "
                    + silent.joined(separator: ", ")
            )
        }
        return (chains, tip)
    }

    private static func copy(
        _ heights: ClosedRange<UInt64>,
        from source: any BlockSource,
        to store: Confined<any LedgerEngine>
    ) async throws(LedgerStoreError) {
        var next = heights.lowerBound
        while next <= heights.upperBound {
            let blocks: [Block]
            do {
                blocks = try await source.blocks(from: next, limit: LedgerStore.batch)
            } catch {
                throw .noSource("\(error)")
            }
            guard !blocks.isEmpty else { throw .noSource("it stopped before block \(next)") }
            let wanted = Array(blocks.prefix(Int(heights.upperBound - next) + 1))
            try await store.run { store throws(LedgerStoreError) in try store.take(wanted) }
            next += UInt64(wanted.count)
        }
    }

    /// Removes what an interrupted restore left.
    private static func clear(
        _ directory: String,
        in files: any FileSystem
    ) throws(LedgerStoreError) {
        do throws(SystemError) {
            guard try files.exists(directory) else { return }
            for name in try files.list(directory) {
                try files.removeFile(directory + "/" + name)
            }
            try files.removeDirectory(directory)
        } catch {
            throw .failed(error.description)
        }
    }

    private static func moveAside(
        _ directory: String,
        in files: any FileSystem
    ) throws(LedgerStoreError) {
        do throws(SystemError) {
            guard try files.exists(directory) else { return }
            var number = 1
            while try files.exists("\(directory).old-\(number)") { number += 1 }
            try files.rename(directory, to: "\(directory).old-\(number)")
        } catch {
            throw .failed(error.description)
        }
    }
}

extension LedgerStoreError {
    /// Whether it is a source that fails, and not the store.
    fileprivate var isOfSource: Bool {
        switch self {
        case .noSource, .invalidChain: true
        default: false
        }
    }
}
