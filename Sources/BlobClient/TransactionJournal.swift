internal import BlobModel
internal import Codec
internal import Synchronization
package import SystemIO

/// Keeps signed transactions from before they are sent until their outcome is known.
///
/// The same bytes sent twice take effect once, so a client that died in between sends what it
/// finds here again, and pays once. A label names the purpose, and is made of letters, digits and
/// `-`.
package protocol TransactionJournal: Sendable {
    func load(_ label: String) async throws -> [UInt8]?
    /// Durable when it returns.
    func save(_ bytes: [UInt8], as label: String) async throws
    func remove(_ label: String) async throws
}

/// A journal for one run of a program.
package final class MemoryTransactionJournal: TransactionJournal {
    // Guards the dictionary.
    private let saved = Mutex<[String: [UInt8]]>([:])

    package init() {}

    package var labels: [String] { saved.withLock { $0.keys.sorted() } }

    package func load(_ label: String) -> [UInt8]? { saved.withLock { $0[label] } }

    package func save(_ bytes: [UInt8], as label: String) {
        saved.withLock { $0[label] = bytes }
    }

    package func remove(_ label: String) { saved.withLock { $0[label] = nil } }
}

/// A journal of one file per transaction in a directory of its own.
///
/// A file is `checksum:u8[32] ‖ transaction`; one that does not check was torn by a crash before
/// the transaction was sent, and is none.
package final class FileTransactionJournal: TransactionJournal {
    private let directory: String
    private let files: any FileSystem
    private let pool: BlockingPool
    private static let lengthMax = 1 << 20

    /// - Precondition: The directory exists.
    package init(directory: String, files: any FileSystem, pool: BlockingPool) {
        self.directory = directory
        self.files = files
        self.pool = pool
    }

    private func path(_ label: String) -> String { directory + "/" + label + ".tx" }

    package func load(_ label: String) async throws -> [UInt8]? {
        let path = path(label)
        let files = files
        let bytes = try await pool.run { () throws(SystemError) -> [UInt8]? in
            try files.readWholeFile(path, limit: Self.lengthMax)
        }
        return bytes.flatMap(Self.body)
    }

    /// The transaction in a file; nil in one that was torn.
    static func body(of contents: [UInt8]) -> [UInt8]? {
        guard contents.count > 32 else { return nil }
        let body = Array(contents.dropFirst(32))
        return Blake2b256.hash(body) == Array(contents.prefix(32)) ? body : nil
    }

    static func contents(of body: [UInt8]) -> [UInt8] { Blake2b256.hash(body) + body }

    package func save(_ bytes: [UInt8], as label: String) async throws {
        let path = path(label)
        let files = files
        let contents = Self.contents(of: bytes)
        try await pool.run { () throws(SystemError) in
            try files.writeFileAtomically(path, contents)
        }
    }

    package func remove(_ label: String) async throws {
        let path = path(label)
        let files = files
        try await pool.run { () throws(SystemError) in
            do throws(SystemError) {
                try files.removeFile(path)
            } catch {
                if !error.isNotFound { throw error }
            }
        }
    }
}
