internal import BlobModel
package import Codec

/// Changes over a state that is only read, with undo: how a block is executed before it is kept.
///
/// Changes are held in one array sorted by key, never in a hash table, so that nothing can depend
/// on the order of one.
package final class StateOverlay: StateReader {
    private let base: any StateReader
    /// Sorted by key; each key once.
    private var changes: [StateWrite] = []
    /// What was in `changes` before each change, oldest first.
    private var journal: [(key: [UInt8], before: StateWrite?)] = []

    package init(over base: any StateReader) { self.base = base }

    /// All changes so far, ascending by key.
    package var writes: [StateWrite] { changes }

    /// A point to roll back to.
    var mark: Int { journal.count }

    /// Undoes every change made since `mark`.
    func rollBack(to mark: Int) {
        precondition(mark <= journal.count)
        while journal.count > mark, let (key, before) = journal.popLast() {
            let (index, found) = position(of: key)
            precondition(found)
            if let before {
                changes[index] = before
            } else {
                changes.remove(at: index)
            }
        }
    }

    /// The rows changed since `mark`, as they are now, ascending by key.
    func writes(since mark: Int) -> [StateWrite] {
        var keys = journal[mark...].map(\.key)
        keys.sort { $0.lexicographicallyPrecedes($1) }
        var result: [StateWrite] = []
        for key in keys where result.last?.key != key {
            let (index, found) = position(of: key)
            precondition(found)
            result.append(changes[index])
        }
        return result
    }

    func set(_ key: [UInt8], to value: [UInt8]?) {
        let (index, found) = position(of: key)
        let write = StateWrite(key: key, value: value)
        if found {
            journal.append((key, changes[index]))
            changes[index] = write
        } else {
            journal.append((key, nil))
            changes.insert(write, at: index)
        }
    }

    package func value(_ key: [UInt8]) throws(StateError) -> [UInt8]? {
        let (index, found) = position(of: key)
        return found ? changes[index].value : try base.value(key)
    }

    package func rows(
        prefix: [UInt8],
        after: [UInt8]?,
        limit: Int
    ) throws(StateError) -> [StateRow] {
        var result: [StateRow] = []
        var cursor = after
        var (index, _) = position(of: after.map { max($0, prefix) } ?? prefix)
        if let after, index < changes.count, changes[index].key == after { index += 1 }
        while result.count < limit {
            let batch = try base.rows(prefix: prefix, after: cursor, limit: limit)
            for row in batch {
                append(&result, upTo: row.key, from: &index, prefix: prefix)
                if index < changes.count, changes[index].key == row.key { continue }
                result.append(row)
            }
            guard batch.count == limit, let last = batch.last else {
                append(&result, upTo: nil, from: &index, prefix: prefix)
                break
            }
            cursor = last.key
        }
        return Array(result.prefix(limit))
    }

    /// Appends changed rows below `key` (or all with the prefix), and steps over them.
    private func append(
        _ result: inout [StateRow],
        upTo key: [UInt8]?,
        from index: inout Int,
        prefix: [UInt8]
    ) {
        while index < changes.count, changes[index].key.starts(with: prefix) {
            let change = changes[index]
            if let key, !change.key.lexicographicallyPrecedes(key) {
                return
            }
            if let value = change.value {
                result.append(StateRow(key: change.key, value: value))
            }
            index += 1
        }
    }

    /// Where `key` is in `changes`, or would be.
    private func position(of key: [UInt8]) -> (index: Int, found: Bool) {
        StateRows.position(of: key, in: changes, \.key)
    }

    private func max(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        left.lexicographicallyPrecedes(right) ? right : left
    }
}

/// Binary search by key, shared by all that keep sorted rows.
enum StateRows {
    static func position<Row>(
        of key: [UInt8],
        in rows: [Row],
        _ path: (Row) -> [UInt8]
    ) -> (index: Int, found: Bool) {
        var low = 0
        var high = rows.count
        while low < high {
            let middle = (low + high) / 2
            let candidate = path(rows[middle])
            if candidate == key { return (middle, true) }
            if candidate.lexicographicallyPrecedes(key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, false)
    }
}

/// A state in memory, for tests and small replays.
package struct MemoryState: StateReader, Equatable, Sendable {
    /// Ascending by key.
    package private(set) var rows: [StateRow] = []

    package init() {}

    /// Takes over changes that an overlay over this state collected.
    package mutating func apply(_ writes: [StateWrite]) {
        for write in writes {
            let (index, found) = StateRows.position(of: write.key, in: rows, \.key)
            switch (found, write.value) {
            case (true, let value?): rows[index] = StateRow(key: write.key, value: value)
            case (true, nil): rows.remove(at: index)
            case (false, let value?):
                rows.insert(StateRow(key: write.key, value: value), at: index)
            case (false, nil): break
            }
        }
    }

    package func value(_ key: [UInt8]) throws(StateError) -> [UInt8]? {
        let (index, found) = StateRows.position(of: key, in: rows, \.key)
        return found ? rows[index].value : nil
    }

    package func rows(
        prefix: [UInt8],
        after: [UInt8]?,
        limit: Int
    ) throws(StateError) -> [StateRow] {
        let start = after.map { prefix.lexicographicallyPrecedes($0) ? $0 : prefix } ?? prefix
        var (index, _) = StateRows.position(of: start, in: rows, \.key)
        if let after, index < rows.count, rows[index].key == after { index += 1 }
        return Array(rows[index...].prefix { $0.key.starts(with: prefix) }.prefix(limit))
    }
}

extension StateWrite: BCSEncodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(bytes: key)
        guard let value else { return writer.write(UInt8(0)) }
        writer.write(UInt8(1))
        writer.write(bytes: value)
    }
}

extension [StateWrite] {
    /// What a transaction's effects say of the rows that it wrote.
    var ledgerHash: [UInt8] {
        var writer = ByteWriter()
        writer.write(vector: self)
        return Blake2b256.hash(writer.bytes, kind: "writes")
    }
}
