// A ledger that was lost, or put back from an old backup, gets its blocks from those who kept
// them. Blocks are judged by hash, signature and execution, never by who hands them over; of
// several valid chains the longest is taken, and when two disagree at any height nothing is.

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
    @discardableResult
    package static func catchUp(
        _ store: Confined<any LedgerEngine>,
        from sources: [any BlockSource],
        answersMin: Int = 1
    ) async throws(LedgerStoreError) -> UInt64 {
        let (genesis, tip) = await store.run { ($0.genesis, $0.tip) }
        var surveys: [(source: any BlockSource, hashes: [BlockHash])] = []
        var silent: [String] = []
        for (source, answer) in zip(
            sources,
            await answers(of: sources, genesis: genesis, from: tip)
        ) {
            switch answer {
            case .chain(let hashes): surveys.append((source, hashes))
            case .silent: silent.append(source.name)
            case .failed(let error): throw error
            }
        }
        let count = surveys.count
        guard count >= answersMin else {
            throw .noSource(
                "\(count) of \(answersMin) needed answered; silent: "
                    + silent.joined(separator: ", ")
            )
        }
        guard let longest = surveys.max(by: { $0.hashes.count < $1.hashes.count }) else {
            return 0
        }
        for survey in surveys {
            for (index, pair) in zip(survey.hashes, longest.hashes).enumerated()
            where pair.0 != pair.1 {
                throw .diverged(
                    height: tip.reference.height + UInt64(index) + 1,
                    pair.0,
                    pair.1
                )
            }
        }
        try await copy(longest.hashes.count, from: longest.source, to: store, after: tip)
        return UInt64(longest.hashes.count)
    }

    /// What one source came to.
    private enum Answer: Sendable {
        case chain([BlockHash])
        case silent
        case failed(LedgerStoreError)
    }

    /// Asks all sources at once: one that does not answer costs its time-out, and not one each.
    private static func answers(
        of sources: [any BlockSource],
        genesis: Genesis,
        from tip: ChainTip
    ) async -> [Answer] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, source) in sources.enumerated() {
                group.addTask { (index, await answer(of: source, genesis: genesis, from: tip)) }
            }
            var answers = [Answer](repeating: .silent, count: sources.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }

    private static func answer(
        of source: any BlockSource,
        genesis: Genesis,
        from tip: ChainTip
    ) async -> Answer {
        do throws(LedgerStoreError) {
            let hashes = try await survey(source, genesis: genesis, from: tip)
            return hashes.map(Answer.chain) ?? .silent
        } catch {
            return .failed(error)
        }
    }

    /// The hashes of the valid chain that a source has after `tip`; nil when it does not answer.
    ///
    /// A chain ends at its first block that is not the signed child of the one before.
    private static func survey(
        _ source: any BlockSource,
        genesis: Genesis,
        from tip: ChainTip
    ) async throws(LedgerStoreError) -> [BlockHash]? {
        let network = genesis.networkID
        var end = tip
        var hashes: [BlockHash] = []
        while true {
            // Why a source does not answer is its own affair; its name is reported.
            guard
                let blocks = try? await source.blocks(
                    from: end.reference.height + 1,
                    limit: LedgerStore.batch
                )
            else { return hashes.isEmpty ? nil : hashes }
            guard !blocks.isEmpty else { return hashes }
            for block in blocks {
                do throws(BlockError) {
                    try end.check(block, network: network, producer: genesis.blockKey)
                } catch {
                    if case .notAChild = error, block.height == end.reference.height + 1,
                        block.signedHeader.isSigned,
                        block.header.producer == genesis.blockKey, hashes.isEmpty,
                        tip.reference.height > 0
                    {
                        throw .diverged(
                            height: tip.reference.height,
                            tip.reference.hash,
                            block.header.parent
                        )
                    }
                    return hashes
                }
                hashes.append(block.reference.hash)
                end = ChainTip(after: block.header)
            }
        }
    }

    private static func copy(
        _ count: Int,
        from source: any BlockSource,
        to store: Confined<any LedgerEngine>,
        after tip: ChainTip
    ) async throws(LedgerStoreError) {
        let last = tip.reference.height + UInt64(count)
        var next = tip.reference.height + 1
        while next <= last {
            let blocks: [Block]
            do {
                blocks = try await source.blocks(from: next, limit: LedgerStore.batch)
            } catch {
                throw .noSource("\(source.name): \(error)")
            }
            guard !blocks.isEmpty else { throw .noSource("\(source.name) stopped") }
            let wanted = Array(blocks.prefix(Int(last - next) + 1))
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
