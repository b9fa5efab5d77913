// A ledger's directory: one SQLite database in which a block, the rows that it writes and the
// digests in it are one transaction. Opening reads the last block and nothing else.
// `Docs/Formats/directories.md` is normative.

package import BlobModel
internal import Codec
package import Ledger
internal import SQLite
internal import SystemIO

/// The SQLite engine.
///
/// One thread at a time uses it; its calls block.
package final class LedgerStore: LedgerEngine {
    package let genesis: Genesis
    package private(set) var tip: ChainTip
    let path: String
    let connection: Connection
    /// Held for as long as the store is; nil in memory.
    private let lock: (any FileLock)?
    private let readRow: Statement
    private let scanRows: Statement
    private let writeRow: Statement
    private let removeRow: Statement
    private let insertBlock: Statement
    private let insertDigest: Statement
    private let readBlocks: Statement
    private let readDigest: Statement
    /// Set when a commit failed in a way that leaves open what is on the disk.
    private var failure: LedgerStoreError?

    static let databaseName = "ledger.db"

    private static let schema = """
        CREATE TABLE state(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE blocks(
            height INTEGER PRIMARY KEY, hash BLOB NOT NULL, block BLOB NOT NULL);
        CREATE TABLE transactions(
            digest BLOB PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        """

    init(
        path: String,
        connection: Connection,
        genesis: Genesis,
        lock: (any FileLock)?
    ) throws(LedgerStoreError) {
        self.path = path
        self.connection = connection
        self.genesis = genesis
        self.lock = lock
        do throws(SQLiteError) {
            readRow = try connection.prepare("SELECT value FROM state WHERE key = ?")
            scanRows = try connection.prepare(
                "SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
            )
            writeRow = try connection.prepare("INSERT OR REPLACE INTO state VALUES (?, ?)")
            removeRow = try connection.prepare("DELETE FROM state WHERE key = ?")
            insertBlock = try connection.prepare("INSERT INTO blocks VALUES (?, ?, ?)")
            insertDigest = try connection.prepare("INSERT INTO transactions VALUES (?, ?, ?)")
            readBlocks = try connection.prepare(
                "SELECT block FROM blocks WHERE height >= ? ORDER BY height LIMIT ?"
            )
            readDigest = try connection.prepare(
                "SELECT height, position FROM transactions WHERE digest = ?"
            )
        } catch {
            throw Self.translated(error, path)
        }
        tip = ChainTip(of: genesis)
        tip = try readTip()
    }

    /// A ledger that lives as long as this object, with its genesis rows.
    package static func inMemory(genesis: Genesis) throws(LedgerStoreError) -> LedgerStore {
        let connection: Connection
        do throws(SQLiteError) {
            connection = try Connection(":memory:")
            try install(genesis, in: connection)
        } catch {
            throw translated(error, ":memory:")
        }
        return try LedgerStore(
            path: ":memory:",
            connection: connection,
            genesis: genesis,
            lock: nil
        )
    }

    /// Writes schema, genesis and first rows, in one transaction.
    static func install(
        _ genesis: Genesis,
        in connection: Connection
    ) throws(SQLiteError) {
        let rows: [StateWrite]
        do throws(CodecError) {
            rows = try LedgerMachine.rows(of: genesis)
        } catch {
            preconditionFailure("A genesis was checked when it was made: \(error).")
        }
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute(schema)
            try connection.run(
                "INSERT INTO meta VALUES ('genesis', ?)",
                .blob(genesis.bcsBytes)
            )
            let statement = try connection.prepare("INSERT INTO state VALUES (?, ?)")
            for row in rows {
                try statement.bind([.blob(row.key), .blob(row.value ?? [])])
                try statement.run()
            }
        }
    }

    private func readTip() throws(LedgerStoreError) -> ChainTip {
        let last: Value?
        do throws(SQLiteError) {
            last = try connection.prepare(
                "SELECT block FROM blocks ORDER BY height DESC LIMIT 1"
            ).single()
        } catch {
            throw Self.translated(error, path)
        }
        guard case .blob(let bytes)? = last else { return ChainTip(of: genesis) }
        let block = try decoded(bytes)
        guard block.header.network == genesis.networkID, block.signedHeader.isSigned else {
            throw .damaged(path: path, "the newest block is not this network's")
        }
        return ChainTip(after: block.header)
    }

    private func decoded(_ bytes: [UInt8]) throws(LedgerStoreError) -> Block {
        do throws(CodecError) {
            return try Block(bcsBytes: bytes)
        } catch {
            throw .damaged(path: path, "a block can not be read: \(error)")
        }
    }

    /// What an error of SQLite means for the ledger.
    static func translated(_ error: SQLiteError, _ path: String) -> LedgerStoreError {
        error.isCorrupt
            ? .damaged(path: path, error.description) : .failed(error.description)
    }
}

// State.
extension LedgerStore {
    package func value(_ key: [UInt8]) throws(StateError) -> [UInt8]? {
        do throws(SQLiteError) {
            try readRow.bind(key, at: 0)
            guard case .blob(let value)? = try readRow.single() else { return nil }
            return value
        } catch {
            throw .unavailable(error.description)
        }
    }

    package func rows(
        prefix: [UInt8],
        after: [UInt8]?,
        limit: Int
    ) throws(StateError) -> [StateRow] {
        // The least key above another is that one and a zero byte.
        let above = after.map { $0 + [0] } ?? prefix
        let start = above.lexicographicallyPrecedes(prefix) ? prefix : above
        do throws(SQLiteError) {
            try scanRows.bind([
                .blob(start), .blob(Self.end(of: prefix)), .integer(Int64(limit)),
            ])
            var rows: [StateRow] = []
            while try scanRows.step() {
                rows.append(StateRow(key: scanRows.blob(at: 0), value: scanRows.blob(at: 1)))
            }
            return rows
        } catch {
            throw .unavailable(error.description)
        }
    }

    /// The first key above all that start with `prefix`, which is not all 0xFF.
    private static func end(of prefix: [UInt8]) -> [UInt8] {
        var end = prefix
        while end.last == 0xFF { end.removeLast() }
        precondition(!end.isEmpty)
        end[end.count - 1] += 1
        return end
    }
}

// Blocks.
extension LedgerStore {
    package func append(
        _ executed: ExecutedBlock
    ) throws(LedgerStoreError) -> AppendOutcome {
        try append([executed])
        return .appended
    }

    /// Appends blocks in one transaction.
    ///
    /// - Precondition: They are a chain that starts after the tip.
    func append(_ blocks: [ExecutedBlock]) throws(LedgerStoreError) {
        if let failure { throw failure }
        guard let last = blocks.last else { return }
        do throws(SQLiteError) {
            try connection.transaction { () throws(SQLiteError) in
                var parent = tip.reference
                for executed in blocks {
                    precondition(executed.block.header.parent == parent.hash)
                    precondition(executed.block.height == parent.height + 1)
                    try write(executed)
                    parent = executed.block.reference
                }
            }
        } catch {
            let translated = Self.translated(error, path)
            // A full disk rolls back cleanly. After any other failure of a commit it is open what
            // the disk has, so nothing is built on it until it is opened anew.
            if !error.isFull { failure = translated }
            throw translated
        }
        tip = ChainTip(after: last.block.header)
    }

    private func write(_ executed: ExecutedBlock) throws(SQLiteError) {
        let block = executed.block
        let height = Int64(block.height)
        for write in executed.writes {
            if let value = write.value {
                try writeRow.bind([.blob(write.key), .blob(value)])
                try writeRow.run()
            } else {
                try removeRow.bind([.blob(write.key)])
                try removeRow.run()
            }
        }
        try insertBlock.bind([
            .integer(height), .blob(block.reference.hash.bytes), .blob(block.bcsBytes),
        ])
        try insertBlock.run()
        for (position, effects) in block.effects.enumerated() {
            try insertDigest.bind([
                .blob(effects.digest.bytes), .integer(height), .integer(Int64(position)),
            ])
            try insertDigest.run()
        }
    }

    package func blocks(
        from height: UInt64,
        limit: Int,
        bytesMax: Int
    ) throws(LedgerStoreError) -> [Block] {
        guard height <= UInt64(Int64.max), limit > 0 else { return [] }
        var contents: [[UInt8]] = []
        do throws(SQLiteError) {
            try readBlocks.bind([.integer(Int64(height)), .integer(Int64(limit))])
            var total = 0
            try readBlocks.forEachRow { row throws(SQLiteError) in
                let bytes = row.blob(at: 0)
                total += bytes.count
                guard contents.isEmpty || total <= bytesMax else { return false }
                contents.append(bytes)
                return true
            }
        } catch {
            throw Self.translated(error, path)
        }
        var blocks: [Block] = []
        for bytes in contents { blocks.append(try decoded(bytes)) }
        return blocks
    }

    package func result(
        of digest: TransactionDigest
    ) throws(LedgerStoreError) -> TransactionResult? {
        let place: (height: UInt64, position: Int)?
        do throws(SQLiteError) {
            try readDigest.bind(digest.bytes, at: 0)
            if try readDigest.step() {
                place = (
                    UInt64(clamping: readDigest.integer(at: 0)),
                    Int(readDigest.integer(at: 1))
                )
                readDigest.reset()
            } else {
                place = nil
            }
        } catch {
            throw Self.translated(error, path)
        }
        guard let place else { return nil }
        guard
            let block = try blocks(from: place.height, limit: 1, bytesMax: .max).first,
            block.effects.indices.contains(place.position)
        else { throw .damaged(path: path, "a digest points nowhere") }
        return TransactionResult(
            digest: digest,
            height: block.height,
            milliseconds: block.header.milliseconds,
            outcome: block.effects[place.position].outcome
        )
    }
}
