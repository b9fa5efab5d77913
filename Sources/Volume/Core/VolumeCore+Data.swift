internal import SystemIO
internal import VolumeFormat

/// Where the bytes of a part of a read are.
enum ReadSource {
    case hole
    /// In the data of a record of the log, from an offset on.
    case log(LogPlace, offset: Int)
    case placed(slice: UInt64, offset: UInt32)
}

/// A part of a read: `length` bytes at `position` in the answer.
struct ReadPart {
    let position: Int
    let length: Int
    let source: ReadSource
}

extension VolumeCore {
    static let sizeMax = UInt64(Int64.max)
    /// Bytes of one record; a longer write is several.
    static let writeMax = 4 << 20
    /// Extents that one operation may change; more are changed in steps.
    static let extentsMax = 4096

    func openFile(_ handle: HandleNumber, for flag: OpenFlags) throws(VolumeError) -> OpenFile {
        let file = try file(handle)
        guard !file.isDirectory, file.flags.contains(flag) else { throw .badHandle }
        return file
    }

    /// What holds writers back now.
    var pressure: BackPressure {
        BackPressure(
            used: logUse,
            cap: configuration.logCap,
            drained: uploads.rate(at: time.uptime),
            hasUploader: configuration.hasUploader
        )
    }

    /// Bytes of the log's segments that have any byte which is on this machine only.
    var logUse: UInt64 {
        log.segments().reduce(0) { $0 + (hotBytes[$1.number] == nil ? 0 : $1.bytes) }
    }

    /// What a write of so many bytes meets, after what can be freed at once is.
    func admit(_ count: Int) throws(VolumeError) -> BackPressure.Answer {
        // Far from the cap nothing needs to be counted.
        let most = UInt64(hotBytes.count * log.segmentSize + count)
        if !BackPressure.isFelt(at: most, of: configuration.logCap) { return .write }
        var answer = pressure.answer(count)
        if answer == .wait || answer == .refuse, !reapable.isEmpty {
            try reapSome()
            answer = pressure.answer(count)
        }
        return answer
    }

    // MARK: - Write

    /// Writes all of `bytes`, unless it must wait: then nothing was written.
    func write(
        _ handle: HandleNumber,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        killsPrivileges: Bool
    ) throws(VolumeError) -> BackPressure.Answer {
        let file = try openFile(handle, for: .write)
        guard bytes.count > 0 else { return .write }
        guard offset <= Self.sizeMax, UInt64(bytes.count) <= Self.sizeMax - offset else {
            throw .fileTooLarge
        }
        let answer = try admit(bytes.count)
        if answer == .refuse { throw .noSpace }
        if answer == .wait {
            // On a full disk, or without the lease, waiting does not help.
            try beginChange(bytes: bytes.count)
            return .wait
        }
        var kills = killsPrivileges
        if kills { kills = try hasPrivileges(file.inode) }
        var done = 0
        while done < bytes.count {
            let count = min(Self.writeMax, bytes.count - done)
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
            try unsafe writePart(file.inode, offset: offset + UInt64(done), part, kills: kills)
            done += count
        }
        return answer
    }

    private func writePart(
        _ entry: InodeEntry,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        kills: Bool
    ) throws(VolumeError) {
        let end = offset + UInt64(bytes.count)
        let old = try clear(entry, from: offset, to: end, keeping: Self.extentsMax)
        try beginChange(bytes: bytes.count + Self.extentBytes * (old + 4))
        let slice = openSlice(of: entry, count: bytes.count)
        let start = slice.row.length
        slice.row.length += UInt32(bytes.count)
        touch(slice)
        let extent = Extent(
            offset: offset,
            length: UInt32(bytes.count),
            slice: slice.number,
            start: start
        )
        record(entry.replaceExtents(from: offset, to: end, with: extent), of: entry)
        entry.row.size = max(entry.row.size, end)
        // Late writes say nothing of when the program wrote: the kernel does, by itself.
        if configuration.writesBack { touch(entry) } else { stamp(entry) }
        if kills { killPrivileges(of: entry) }
        try unsafe finish(data: bytes, slice: slice)
    }

    private func stamp(_ entry: InodeEntry) {
        let now = now
        entry.row.modified = now
        entry.row.changed = now
        touch(entry)
    }

    /// Makes the range a hole in steps until at most `count` of its extents are left, and loads
    /// what changing those needs.
    ///
    /// - Returns: How many are left.
    @discardableResult
    private func clear(
        _ entry: InodeEntry,
        from lower: UInt64,
        to upper: UInt64,
        keeping count: Int
    ) throws(VolumeError) -> Int {
        try extents(of: entry)
        while true {
            var first: [Extent] = []
            var more = false
            entry.extents?.forEach(from: lower, to: upper) { extent in
                more = first.count == count
                if !more { first.append(extent) }
                return !more
            }
            for extent in first where slices[extent.slice] == nil { _ = try slice(extent.slice) }
            guard more, let last = first.last else { return first.count }
            try beginChange(bytes: Self.extentBytes * (count + 4), frees: true)
            record(entry.replaceExtents(from: lower, to: last.end, with: nil), of: entry)
            stamp(entry)
            try finish()
        }
    }

    // MARK: - Size

    /// Does what can be done in steps, and reads what ``cut(_:to:)`` needs.
    ///
    /// - Returns: How many extents the cut changes.
    func prepareToTruncate(_ entry: InodeEntry, to size: UInt64) throws(VolumeError) -> Int {
        try extents(of: entry)
        guard size < entry.row.size else { return 0 }
        return try clear(entry, from: size, to: .max, keeping: Self.extentsMax)
    }

    /// Sets the size of a file; bytes past it are gone, new ones are a hole.
    func cut(_ entry: InodeEntry, to size: UInt64) {
        if size < entry.row.size {
            record(entry.replaceExtents(from: size, to: .max, with: nil), of: entry)
        }
        entry.row.size = size
        stamp(entry)
    }

    func truncateForOpen(_ entry: InodeEntry, kills: Bool) throws(VolumeError) {
        let old = try prepareToTruncate(entry, to: 0)
        let kills = kills ? try hasPrivileges(entry) : false
        try beginChange(bytes: Self.extentBytes * (old + 4), frees: true)
        cut(entry, to: 0)
        if kills { killPrivileges(of: entry) }
        try finish()
    }

    func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) {
        let entry = try openFile(handle, for: .write).inode
        guard length > 0 else { throw .invalidArgument }
        guard offset <= Self.sizeMax, length <= Self.sizeMax - offset else { throw .fileTooLarge }
        let end = offset + length
        let keeps = mode.contains(.keepSize)
        let clears = mode.contains(.punchHole) || mode.contains(.zeroRange)
        if mode.contains(.punchHole) {
            guard keeps, !mode.contains(.zeroRange) else { throw .unsupported }
        }
        let grows = !keeps && end > entry.row.size
        // Room is not set aside: nothing is overwritten in place here. The rest happens all the
        // same.
        let kills = killsPrivileges ? try hasPrivileges(entry) : false
        var old = 0
        if clears { old = try clear(entry, from: offset, to: end, keeping: Self.extentsMax) }
        let frees = mode.contains(.punchHole)
        try beginChange(bytes: Self.extentBytes * (old + 4), frees: frees)
        if clears { record(entry.replaceExtents(from: offset, to: end, with: nil), of: entry) }
        if grows { entry.row.size = end }
        stamp(entry)
        if kills { killPrivileges(of: entry) }
        try finish()
    }

    // MARK: - Clone

    func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) -> UInt64 {
        let from = try openFile(source, for: []).inode
        let to = try openFile(target, for: .write).inode
        guard sourceOffset < from.row.size, length > 0 else { return 0 }
        var count = min(length, from.row.size - sourceOffset)
        guard targetOffset <= Self.sizeMax, count <= Self.sizeMax - targetOffset else {
            throw .fileTooLarge
        }
        if from === to {
            let isApart =
                sourceOffset + count <= targetOffset || targetOffset + count <= sourceOffset
            guard isApart else { throw .invalidArgument }
        }
        var parts: [Extent] = []
        try extents(of: from).forEach(from: sourceOffset, to: sourceOffset + count) { extent in
            if parts.count == Self.extentsMax {
                // The caller goes on from here.
                count = extent.offset - sourceOffset
                return false
            }
            let end = min(extent.end, sourceOffset + count)
            parts.append(extent.part(from: max(extent.offset, sourceOffset), to: end))
            return true
        }
        for part in parts { _ = try slice(part.slice) }
        let kills = killsPrivileges ? try hasPrivileges(to) : false
        let end = targetOffset + count
        let old = try clear(to, from: targetOffset, to: end, keeping: Self.extentsMax)
        try beginChange(bytes: Self.extentBytes * (old + parts.count + 4))
        record(to.replaceExtents(from: targetOffset, to: end, with: nil), of: to)
        for part in parts {
            var copy = part
            copy.offset = part.offset - sourceOffset + targetOffset
            record(to.replaceExtents(from: copy.offset, to: copy.end, with: copy), of: to)
        }
        to.row.size = max(to.row.size, end)
        stamp(to)
        if kills { killPrivileges(of: to) }
        try finish()
        return count
    }

    // MARK: - Read

    func planRead(
        _ handle: HandleNumber,
        offset: UInt64,
        count: Int
    ) throws(VolumeError) -> [ReadPart] {
        // With the kernel's write-back cache, reads come through handles for writing too.
        let file = try openFile(handle, for: [])
        let entry = file.inode
        guard offset < entry.row.size, count > 0 else { return [] }
        let end = offset + min(UInt64(count), entry.row.size - offset)
        var parts: [ReadPart] = []
        var at = offset
        for extent in try extents(of: entry).parts(from: offset, to: end) {
            if extent.offset > at {
                let length = Int(extent.offset - at)
                parts.append(
                    ReadPart(position: Int(at - offset), length: length, source: .hole)
                )
            }
            locate(extent, position: Int(extent.offset - offset), into: &parts)
            at = extent.end
        }
        if at < end {
            parts.append(
                ReadPart(position: Int(at - offset), length: Int(end - at), source: .hole)
            )
        }
        if !file.flags.contains(.noAccessTime) { noteAccess(entry) }
        return parts
    }

    /// Splits bytes of a slice into what the log has and what it has not.
    func locate(_ extent: Extent, position: Int, into parts: inout [ReadPart]) {
        let end = extent.start + extent.length
        var at = extent.start
        func add(_ length: UInt32, _ source: ReadSource) {
            parts.append(
                ReadPart(
                    position: position + Int(at - extent.start),
                    length: Int(length),
                    source: source
                )
            )
            at += length
        }
        if let pieces = slices[extent.slice]?.pieces {
            var low = 0
            var high = pieces.count
            while low < high {
                let middle = (low + high) / 2
                if pieces[middle].offset + pieces[middle].length > at {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            while low < pieces.count, pieces[low].offset < end {
                let piece = pieces[low]
                if piece.offset > at {
                    add(piece.offset - at, .placed(slice: extent.slice, offset: at))
                }
                let length = min(piece.offset + piece.length, end) - at
                add(length, .log(piece.place, offset: Int(at - piece.offset)))
                low += 1
            }
        }
        if at < end { add(end - at, .placed(slice: extent.slice, offset: at)) }
    }

    func seek(
        _ handle: HandleNumber,
        offset: UInt64,
        toData: Bool
    ) throws(VolumeError) -> UInt64 {
        let entry = try openFile(handle, for: []).inode
        // What the kernel holds back would look like a hole, and cp(1) would copy zeros. Programs
        // that are told EINVAL read everything.
        guard entry.lateWriters == 0 else { throw .invalidArgument }
        guard offset < entry.row.size else { throw .noSuchOffset }
        let extents = try extents(of: entry)
        if toData {
            guard let next = extents.first(endingAfter: offset) else { throw .noSuchOffset }
            return max(offset, next.offset)
        }
        var at = offset
        extents.forEach(from: offset, to: .max) { extent in
            guard extent.offset <= at else { return false }
            at = extent.end
            return true
        }
        return min(at, entry.row.size)
    }
}
