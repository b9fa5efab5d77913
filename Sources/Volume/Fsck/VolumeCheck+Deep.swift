internal import Codec
internal import Synchronization
internal import VolumeFormat

/// Chunks that some file needs.
struct LiveChunks: Sendable {
    var ids: Set<[UInt8]> = []
    /// Bytes of them, together.
    var byteCount: UInt64 = 0
}

/// Gathers which slices the extents of a checkpoint name.
final class ExtentCollector: Sendable {
    // Guards the slice of each extent, by key; rows come from one thread at a time.
    private let extents = Mutex<[[UInt8]: UInt64]>([:])

    var slices: Set<UInt64> { extents.withLock { Set($0.values) } }

    func add(_ rows: [RowImage]) {
        extents.withLock { extents in
            for row in rows where row.table == RowTable.extents.rawValue {
                // A row that says nothing needs nothing.
                let extent = row.value.flatMap { try? ExtentRow(bcsBytes: $0) }
                extents[row.key] = extent?.slice
            }
        }
    }
}

extension VolumeCheck {
    func liveChunks() throws(VolumeError) -> LiveChunks {
        var live = LiveChunks()
        try forEachRow(of: .sliceChunks) { row in
            guard refs[Self.number(row.key)] != nil,
                let home = try? SliceChunkRow(bcsBytes: row.value ?? [])
            else { return }
            live.ids.insert(home.chunk)
        }
        try forEachRow(of: .chunks) { row in
            guard live.ids.contains(row.key), let chunk = try? ChunkRow(bcsBytes: row.value ?? [])
            else { return }
            live.byteCount += UInt64(chunk.length)
        }
        return live
    }

    /// Names the files that have bytes of chunks which can not be read.
    mutating func note(lost chunks: [[UInt8]: String]) throws(VolumeError) {
        guard !chunks.isEmpty else { return }
        var ranges: [UInt64: [(Range<UInt32>, String)]] = [:]
        try forEachRow(of: .sliceChunks) { row in
            guard let key = try? RowKey.readSliceChunk(row.key),
                let home = try? SliceChunkRow(bcsBytes: row.value ?? []),
                let reason = chunks[home.chunk]
            else { return }
            ranges[key.slice, default: []].append((key.offset..<key.offset &+ home.length, reason))
        }
        try note(lost: ranges)
    }

    private mutating func note(
        lost ranges: [UInt64: [(Range<UInt32>, String)]]
    ) throws(VolumeError) {
        var found: [(inode: UInt64, offset: UInt64, length: UInt32, reason: String)] = []
        try forEachRow(of: .extents) { row in
            guard let key = try? RowKey.readExtent(row.key),
                let extent = try? ExtentRow(bcsBytes: row.value ?? [])
            else { return }
            for (range, reason) in ranges[extent.slice] ?? [] {
                let part = range.clamped(to: extent.start..<extent.start + extent.length)
                guard !part.isEmpty else { continue }
                let offset = key.offset + UInt64(part.lowerBound - extent.start)
                found.append((key.inode, offset, UInt32(part.count), reason))
            }
        }
        let paths = try paths(of: Set(found.map(\.inode)))
        for lost in found {
            report.add(
                .lostBytes,
                paths[lost.inode] ?? "inode \(lost.inode)",
                "\(lost.length) bytes from byte \(lost.offset) on: \(lost.reason)"
            )
        }
    }

    /// A path of each inode, from the root of the volume.
    func paths(of numbers: Set<UInt64>) throws(VolumeError) -> [UInt64: String] {
        var names: [UInt64: (parent: UInt64, name: String)] = [:]
        try forEachRow(of: .dirents) { row in
            guard let dirent = try? DirentRow(bcsBytes: row.value ?? []) else { return }
            let isDirectory = dirent.kind == FileKind.directory.rawValue
            guard isDirectory || numbers.contains(dirent.inode), names[dirent.inode] == nil
            else { return }
            names[dirent.inode] = (Self.number(row.key), Self.text(row.key.dropFirst(8)))
        }
        var paths: [UInt64: String] = [:]
        for number in numbers {
            var path = ""
            var at = number
            // Directories in a circle have no path; deeper ones than this neither.
            for _ in 0..<4096 {
                guard at != InodeNumber.root.rawValue, let name = names[at] else { break }
                path = "/" + name.name + path
                at = name.parent
            }
            if at == InodeNumber.root.rawValue { paths[number] = path }
        }
        return paths
    }

    /// Reads what only the log has, verified by its checksums; returns how many bytes.
    mutating func readLog(_ volume: Volume) throws(VolumeError) -> UInt64 {
        let ranges = try view.unplacedRanges()
        var count: UInt64 = 0
        var lost: [UInt64: [(Range<UInt32>, String)]] = [:]
        for range in ranges {
            let end = range.offset + range.length
            for offset in stride(from: range.offset, to: end, by: 4 << 20) {
                let length = min(4 << 20, end - offset)
                do throws(VolumeError) {
                    _ = try volume.readSlice(range.slice, offset: offset, length: length)
                    count += UInt64(length)
                } catch {
                    switch error {
                    // Overwritten or placed since the check began.
                    case .notFound: break
                    case .corrupt(let what):
                        lost[range.slice, default: []].append((offset..<offset + length, what))
                    default: throw error
                    }
                }
            }
        }
        if !lost.isEmpty { try note(lost: lost) }
        return count
    }

    /// Compares when slices live with what a checkpoint needs: they must be born by then, and die
    /// after it.
    mutating func compare(with needed: Set<UInt64>, of sequence: UInt64) {
        for number in needed.sorted() {
            let place = "slice \(number)"
            guard let slice = slices[number] else {
                report.add(.sliceLife, place, "checkpoint \(sequence) needs it, it is not there")
                continue
            }
            if slice.born > sequence || (slice.died > 0 && slice.died <= sequence) {
                report.add(
                    .sliceLife,
                    place,
                    "born \(slice.born), died \(slice.died), checkpoint \(sequence) needs it"
                )
            }
        }
    }
}
