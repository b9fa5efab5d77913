internal import SQLite
internal import SystemIO

/// How much of its disk a node uses, in bytes.
package struct NodeStoreUsage: Equatable, Sendable {
    package var sliverBytes: UInt64 = 0
    package var blockBytes: UInt64 = 0
    package var indexBytes: UInt64 = 0
    package var freeBytes: UInt64 = 0
    package var totalBytes: UInt64 = 0
    /// Blobs that were released and are not deleted yet, within their grace or after it.
    package var garbageBlobs: UInt64 = 0
    /// Bytes of their slivers and metadata.
    package var garbageBytes: UInt64 = 0

    package init() {}
}

extension DiskNodeStore {
    package func usage() throws(NodeStoreError) -> NodeStoreUsage {
        var usage = NodeStoreUsage()
        do throws(SystemError) {
            let space = try directory.files.space(at: directory.path)
            usage.freeBytes = space.available
            usage.totalBytes = space.total
            for name in try directory.files.list(directory.path) {
                let path = directory.path + "/" + name
                guard let status = try directory.files.status(path) else { continue }
                switch name {
                case "slivers" where status.isDirectory: usage.sliverBytes += try bytes(in: path)
                case "blocks" where status.isDirectory: usage.blockBytes += try bytes(in: path)
                default: if !status.isDirectory { usage.indexBytes += UInt64(max(0, status.size)) }
                }
            }
        } catch {
            throw .failed("\(error)")
        }
        (usage.garbageBlobs, usage.garbageBytes) = try garbageTotals()
        return usage
    }

    /// How much is released and still here; bytes as they are on the disk.
    private func garbageTotals() throws(NodeStoreError) -> (blobs: UInt64, bytes: UInt64) {
        let rows = try indexed { index throws(NodeStoreError) in
            try sql(index) { database throws(SQLiteError) in
                try database.rows(
                    """
                    SELECT (SELECT count(*) FROM garbage),
                        (SELECT coalesce(sum(length), 0) FROM slivers
                            WHERE blob IN (SELECT blob FROM garbage))
                        + (SELECT coalesce(sum(length), 0) FROM metadata
                            WHERE blob IN (SELECT blob FROM garbage))
                    """
                )
            }
        }
        guard case .integer(let blobs)? = rows.first?.first,
            case .integer(let bytes)? = rows.first?.last
        else { throw .failed("the garbage cannot be counted") }
        return (UInt64(clamping: blobs), UInt64(clamping: bytes))
    }

    private func bytes(in folder: String) throws(SystemError) -> UInt64 {
        var total: UInt64 = 0
        for name in try directory.files.list(folder) {
            // A segment may go between the two calls.
            total += UInt64(max(0, try directory.files.status(folder + "/" + name)?.size ?? 0))
        }
        return total
    }
}
