internal import Codec
internal import VolumeFormat

extension VolumeCheck {
    mutating func checkExtents() throws(VolumeError) {
        var rows: [RowImage] = []
        try forEachRow(of: .extents) { rows.append($0) }
        var last: (inode: UInt64, end: UInt64) = (0, 0)
        for row in rows {
            guard let key = try? RowKey.readExtent(row.key) else {
                report.add(.unreadableRow, "an extent", "its key has \(row.key.count) bytes")
                continue
            }
            let place = "byte \(key.offset) of inode \(key.inode)"
            guard let extent: ExtentRow = decode(row, place) else { continue }
            report.extents += 1
            refs[extent.slice, default: 0] += 1
            stored[key.inode, default: 0] += UInt64(extent.length)
            guard let inode = inodes[key.inode], inode.kind == FileKind.regular.rawValue else {
                report.add(.noInode, place, "an extent of no file")
                if inodes[key.inode] == nil { remains.insert(key.inode) }
                continue
            }
            let end = key.offset &+ UInt64(extent.length)
            if last.inode == key.inode, last.end > key.offset {
                report.add(.extent, place, "it overlaps the one before")
                unclearFiles.insert(key.inode)
            }
            last = (key.inode, end)
            if extent.length == 0 || end > inode.size {
                report.add(.extent, place, "\(extent.length) bytes, the file has \(inode.size)")
            }
            guard let slice = slices[extent.slice] else {
                report.add(.extent, place, "slice \(extent.slice) is not there")
                continue
            }
            if UInt64(extent.start) + UInt64(extent.length) > UInt64(slice.length) {
                report.add(.extent, place, "it ends behind slice \(extent.slice)")
            }
        }
    }

    mutating func checkSlices() {
        let newest = facts.publishedSequence
        for (number, slice) in slices.sorted(by: { $0.key < $1.key }) {
            let place = "slice \(number)"
            let found = refs[number] ?? 0
            if found != slice.refs {
                report.add(.sliceReferences, place, "\(found) extents, \(slice.refs) said")
            }
            if (slice.refs > 0) != (slice.died == 0) {
                report.add(.sliceLife, place, "\(slice.refs) references, died \(slice.died)")
            }
            if slice.born > newest + 2 || slice.died > newest + 2 {
                report.add(
                    .sliceLife,
                    place,
                    "born \(slice.born), died \(slice.died), the newest is \(newest)"
                )
            }
        }
    }

    /// Every byte of every file is in the log, or in a chunk of a pack.
    mutating func checkPlacements() throws(VolumeError) {
        var packs: Set<UInt64> = []
        try forEachRow(of: .packs) { packs.insert(Self.number($0.key)) }
        var chunks: [[UInt8]: UInt32] = [:]
        var rows: [RowImage] = []
        try forEachRow(of: .chunks) { rows.append($0) }
        for row in rows {
            guard let chunk: ChunkRow = decode(row, "a chunk") else { continue }
            chunks[row.key] = chunk.length
            if !packs.contains(chunk.pack) {
                report.add(.placement, "a chunk", "pack \(chunk.pack) is not there")
            }
        }
        var homes: [UInt64: [Range<UInt32>]] = [:]
        rows = []
        try forEachRow(of: .sliceChunks) { rows.append($0) }
        for row in rows {
            guard let key = try? RowKey.readSliceChunk(row.key) else { continue }
            let place = "byte \(key.offset) of slice \(key.slice)"
            guard let home: SliceChunkRow = decode(row, place) else { continue }
            guard let length = chunks[home.chunk],
                UInt64(home.start) + UInt64(home.length) <= UInt64(length)
            else {
                report.add(.placement, place, "its chunk is not there, or too short")
                continue
            }
            homes[key.slice, default: []].append(key.offset..<key.offset &+ home.length)
        }
        for (slice, pieces) in facts.pieces { homes[slice, default: []] += pieces }
        try checkHomes(homes)
    }

    private mutating func checkHomes(_ homes: [UInt64: [Range<UInt32>]]) throws(VolumeError) {
        let sorted = homes.mapValues { $0.sorted { $0.lowerBound < $1.lowerBound } }
        var rows: [RowImage] = []
        try forEachRow(of: .extents) { rows.append($0) }
        for row in rows {
            guard let key = try? RowKey.readExtent(row.key),
                let extent = try? ExtentRow(bcsBytes: row.value ?? [])
            else { continue }
            var at = extent.start
            let end = extent.start &+ extent.length
            for home in sorted[extent.slice] ?? [] where home.contains(at) {
                at = home.upperBound
                if at >= end { break }
            }
            if at < end {
                report.add(
                    .lostBytes,
                    "byte \(key.offset) of inode \(key.inode)",
                    "byte \(at) of slice \(extent.slice) is nowhere"
                )
            }
        }
    }
}
