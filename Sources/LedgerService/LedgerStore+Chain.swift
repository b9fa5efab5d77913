// Judging chains: replaying one's own, and taking over what others kept.

internal import BlobModel
package import Ledger

/// What a replay of a whole chain found.
package struct VerificationReport: Equatable, Sendable {
    package let tip: ChainTip
    package let transactions: Int
    package let rows: Int
}

/// Somebody who kept the ledger's blocks: a storage node's log, or another ledger.
package protocol BlockSource: Sendable {
    /// For people.
    var name: String { get }

    /// Shards of whoever it is, when sources disagree; 1 where there are none to count.
    var weight: Int { get }

    /// Blocks from `height` on, in order; none when there is none.
    func blocks(from height: UInt64, limit: Int) async throws -> [Block]
}

extension BlockSource {
    package var weight: Int { 1 }
}

/// A connection to a ledger is a source of its blocks.
package struct LedgerBlockSource<Connection: LedgerConnection>: BlockSource {
    package let name: String
    private let connection: Connection

    package init(_ connection: Connection, name: String) {
        self.connection = connection
        self.name = name
    }

    package func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
        do {
            return try await connection.blocks(
                from: height,
                limit: limit,
                waitMilliseconds: 0
            )
        } catch .behind {
            return []
        }
    }
}

extension LedgerStore {
    /// How many blocks are handled at a time.
    static let batch = 128
    private static let batchBytes = 16 << 20

    /// Executes the whole chain anew and compares every row with what is stored.
    package func verify() throws(LedgerStoreError) -> VerificationReport {
        let scratch = try LedgerStore.inMemory(genesis: genesis)
        var transactions = 0
        while scratch.tip.reference.height < tip.reference.height {
            let blocks = try self.blocks(
                from: scratch.tip.reference.height + 1,
                limit: Self.batch,
                bytesMax: Self.batchBytes
            )
            guard !blocks.isEmpty else { throw .damaged(path: path, "blocks are missing") }
            for block in blocks { transactions += block.transactions.count }
            try scratch.take(blocks)
        }
        guard scratch.tip == tip else { throw .damaged(path: path, "the tip differs") }
        return VerificationReport(
            tip: tip,
            transactions: transactions,
            rows: try compareRows(with: scratch)
        )
    }

    private func compareRows(with other: LedgerStore) throws(LedgerStoreError) -> Int {
        var count = 0
        for kind in UInt8(1)...UInt8(0x7F) {
            var after: [UInt8]?
            while true {
                let mine: [StateRow]
                let theirs: [StateRow]
                do throws(StateError) {
                    mine = try rows(prefix: [kind], after: after, limit: 1000)
                    theirs = try other.rows(prefix: [kind], after: after, limit: 1000)
                } catch {
                    throw .failed("\(error)")
                }
                guard mine == theirs else {
                    throw .damaged(path: path, "rows of kind \(kind) differ from the replay")
                }
                count += mine.count
                guard let last = mine.last else { break }
                after = last.key
            }
        }
        return count
    }
}

extension LedgerEngine {
    /// Checks, executes and keeps blocks that follow the tip.
    func take(_ blocks: [Block]) throws(LedgerStoreError) {
        for block in blocks {
            let writes: [StateWrite]
            do throws(BlockError) {
                try tip.check(
                    block,
                    network: genesis.networkID,
                    producer: genesis.blockKey
                )
                writes = try BlockExecutor.replay(block, over: self)
            } catch {
                throw .invalidChain(error)
            }
            _ = try append(ExecutedBlock(block: block, writes: writes))
        }
    }
}
