internal import BlobModel
internal import Codec
internal import Ledger
package import SQLite
internal import SegmentLog
package import SystemIO

/// Opening reads up what the index does not know yet, or all of it when there is no index.
extension DiskNodeStore {
    /// Opens the store in a directory that is locked.
    ///
    /// Blocks.
    ///
    /// The directory's lock goes back when the store closes, or when this throws. `databaseFiles`
    /// is for directories that are not the machine's.
    package static func open(
        _ directory: NodeDirectory,
        entropy: any Entropy,
        segmentSize: Int = 8 << 20,
        blockSegmentSize: Int = 1 << 20,
        databaseFiles: FileSystemVFS? = nil
    ) throws(StorageNodeError) -> DiskNodeStore {
        do {
            do {
                return try openOnce(
                    directory,
                    entropy,
                    segmentSize,
                    blockSegmentSize,
                    databaseFiles
                )
            } catch let error as SQLiteError where error.isCorrupt {
                try removeIndex(directory)
                return try openOnce(
                    directory,
                    entropy,
                    segmentSize,
                    blockSegmentSize,
                    databaseFiles
                )
            }
        } catch {
            directory.close()
            switch error {
            case let error as SegmentLogError: throw .store(storeError(error))
            case let error as NodeStoreError: throw .store(error)
            default: throw .store(.failed("\(directory.path): \(error)"))
            }
        }
    }

    private static func removeIndex(_ directory: NodeDirectory) throws {
        for suffix in ["", "-wal", "-shm"] {
            let path = directory.path + "/index.db" + suffix
            if try directory.files.exists(path) { try directory.files.removeFile(path) }
        }
    }

    private static func openOnce(
        _ directory: NodeDirectory,
        _ entropy: any Entropy,
        _ segmentSize: Int,
        _ blockSegmentSize: Int,
        _ databaseFiles: FileSystemVFS?
    ) throws -> DiskNodeStore {
        var database = try connect(directory, databaseFiles)
        if try !IndexSchema.isPresent(in: database) {
            if try !database.rows("SELECT 1 FROM sqlite_schema").isEmpty {
                // Tables of another version; what they say is in the logs too.
                try removeIndex(directory)
                database = try connect(directory, databaseFiles)
            }
            try IndexSchema.create(in: database)
        }
        try database.begin()
        // Blocks are few and small, and a segment's room is taken at once.
        let blocks = try readUp(
            "blocks",
            SegmentLogOptions(kind: blockLog, segmentSize: blockSegmentSize),
            .blocksLSN,
            directory,
            entropy,
            database
        ) { record in
            let header = try SignedBlockHeader(prefixOf: record.payload)
            try insert(block: header.header.height, record.location, in: database)
        }
        let slivers = try readUp(
            "slivers",
            SegmentLogOptions(kind: sliverLog, segmentSize: segmentSize),
            .sliversLSN,
            directory,
            entropy,
            database
        ) { record in
            try insert(sliverRecord: record, in: database)
        }
        // The database is not used but under the store's lock from here on.
        nonisolated(unsafe) let index = Index(database)
        return DiskNodeStore(
            directory: directory,
            network: directory.identity.network,
            blocks: blocks,
            slivers: slivers,
            index: unsafe index
        )
    }

    private static func connect(
        _ directory: NodeDirectory,
        _ files: FileSystemVFS?
    ) throws(SQLiteError) -> Connection {
        var options = ConnectionOptions()
        options.files = files
        options.durability = .normal
        options.cacheKibibytes = 2048
        return try Connection(directory.path + "/index.db", options)
    }

    /// Opens a log and hands over the records that the index does not cover.
    private static func readUp(
        _ name: String,
        _ options: SegmentLogOptions,
        _ key: IndexSchema.Key,
        _ directory: NodeDirectory,
        _ entropy: any Entropy,
        _ database: Connection,
        _ visit: (LogRecord) throws -> Void
    ) throws -> SegmentLog {
        let covered =
            try IndexSchema.get(key, in: database).map { try UInt64(bcsBytes: $0) } ?? 0
        return try SegmentLog.open(
            directory.path + "/" + name,
            options,
            disk: directory.files,
            entropy: entropy,
            recoveringFrom: covered + 1,
            knownDurable: covered,
            visit
        )
    }

    private static func insert(
        sliverRecord record: LogRecord,
        in database: Connection
    ) throws {
        var reader = ByteReader(record.payload)
        switch record.kind {
        case SliverRecordKind.metadata:
            try insert(metadata: try reader.read(), record.location, in: database)
        case SliverRecordKind.sliver(.primary), SliverRecordKind.sliver(.secondary):
            let axis: SliverAxis =
                record.kind == SliverRecordKind.sliver(.primary) ? .primary : .secondary
            let header = try SliverRecordHeader(axis: axis, from: &reader)
            try insert(sliver: header.name, record.location, in: database)
        default:
            throw NodeStoreError.failed("A record of unknown kind \(record.kind).")
        }
    }
}

extension SignedBlockHeader {
    /// The header that a block begins with.
    init(prefixOf block: [UInt8]) throws(CodecError) {
        var reader = ByteReader(block)
        try self.init(from: &reader)
    }
}
