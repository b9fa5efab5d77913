internal import SystemIO

/// One opening of a log; the rules are those of `Docs/Formats/segment-log.md`.
struct SegmentRecovery {
    /// A segment with a good header.
    private struct Found {
        let header: SegmentHeader
        var size: Int
    }

    let directory: String
    let kind: UInt16
    let disk: any FileSystem
    let knownDurable: UInt64
    private var found: [Found] = []
    private(set) var nextNumber: UInt64 = 1
    /// The number that the next record has, or will have.
    private(set) var expected: UInt64 = 1
    private var tail: UnsyncedTail

    init(directory: String, kind: UInt16, disk: any FileSystem, knownDurable: UInt64) {
        self.directory = directory
        self.kind = kind
        self.disk = disk
        self.knownDurable = knownDurable
        tail = UnsyncedTail(mark: knownDurable)
    }

    var sealed: [SegmentInfo] {
        found.map { segment in
            SegmentInfo(
                number: segment.header.number,
                first: segment.header.first,
                size: segment.size,
                isActive: false
            )
        }
    }

    private func path(_ number: UInt64) -> String { SegmentLog.path(directory, number) }

    /// Finds the segments and reads their headers.
    mutating func findSegments() throws(SegmentLogError) {
        let numbers: [UInt64]
        do throws(SystemError) {
            try disk.makeDirectories(directory)
            numbers = try disk.list(directory).compactMap {
                SegmentFormat.number(fileName: $0)
            }.sorted()
        } catch {
            throw .system(error)
        }
        for number in numbers {
            nextNumber = number + 1
            if let segment = try readSegment(number, isLast: number == numbers.last) {
                found.append(segment)
            }
        }
        if found.isEmpty, knownDurable > 0 { throw .corrupt(segment: 0, offset: 0) }
    }

    /// Reads a segment's header; nil for one whose making was interrupted, which is removed.
    private func readSegment(
        _ number: UInt64,
        isLast: Bool
    ) throws(SegmentLogError) -> Found? {
        let (file, size, bytes) = try system { () throws(SystemError) in
            let file = try disk.open(path(number), .read)
            let size = try file.size()
            return (file, size, try file.read(count: SegmentFormat.segmentHeaderSize, at: 0))
        }
        defer { file.close() }
        do throws(SegmentHeader.Problem) {
            let header = try SegmentHeader(bytes)
            guard header.kind == kind, header.number == number, header.first > 0 else {
                throw .unsupported
            }
            return Found(header: header, size: size)
        } catch {
            if error == .unsupported { throw .unsupported(segment: number) }
        }
        // The header was durable before the first record was written.
        let mark = try system { () throws(SystemError) in
            try newestMark(in: file, salt: nil, from: SegmentFormat.segmentHeaderSize, to: size)
        }
        guard isLast, mark == nil else { throw .corrupt(segment: number, offset: 0) }
        try system { () throws(SystemError) in
            try disk.removeFile(path(number))
            try disk.synchronizeDirectory(directory)
        }
        return nil
    }

    private func system<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(SegmentLogError) -> Result {
        do throws(SystemError) { return try body() } catch { throw .system(error) }
    }

    /// Reads all records from the segment that has number `lsn` on, and cuts off a torn end.
    mutating func scan(from lsn: UInt64, _ visit: (LogRecord) throws -> Void) throws {
        guard !found.isEmpty else { return }
        var index = found.lastIndex { $0.header.first <= lsn } ?? 0
        expected = found[index].header.first
        while index < found.count {
            let segment = try openSegment(found[index])
            tail.begin(segment.header)
            let end = try scan(segment, size: found[index].size, from: lsn, visit)
            if try isTorn(index, segment, at: end) { try cut(index, segment, at: end) }
            found[index].size = end
            index += 1
        }
        try makeDurable(from: lsn)
    }

    /// Makes what was found survive a power cut.
    ///
    /// What no mark says was synced is written once more first: if an earlier process's sync
    /// failed, its pages are clean although the disk never saw them, and a sync alone would lie.
    private func makeDurable(from lsn: UInt64) throws(SegmentLogError) {
        let first = found.lastIndex { $0.header.first <= lsn } ?? 0
        for segment in found[first...] {
            let file = try openSegment(segment).file
            try system { () throws(SystemError) in
                if let start = tail.start(in: segment.header) {
                    try Self.rewrite(file, from: start, to: segment.size)
                }
                try file.synchronizeData()
            }
        }
        try system { () throws(SystemError) in try disk.synchronizeDirectory(directory) }
    }

    private static func rewrite(
        _ file: any File,
        from start: Int,
        to end: Int
    ) throws(SystemError) {
        let step = 1 << 20
        for offset in stride(from: start, to: end, by: step) {
            try file.write(try file.read(count: min(step, end - offset), at: offset), at: offset)
        }
    }

    private func openSegment(_ segment: Found) throws(SegmentLogError) -> SegmentFile {
        try system { () throws(SystemError) in
            SegmentFile(
                header: segment.header,
                file: try disk.open(path(segment.header.number), .readWrite)
            )
        }
    }

    /// Visits the good records at the beginning of a segment and returns where they end.
    private mutating func scan(
        _ segment: SegmentFile,
        size: Int,
        from lsn: UInt64,
        _ visit: (LogRecord) throws -> Void
    ) throws -> Int {
        var offset = SegmentFormat.segmentHeaderSize
        while true {
            let record = try system { () throws(SystemError) in
                try segment.record(at: offset, limit: size)
            }
            guard let (header, record) = record, header.lsn == expected else { return offset }
            tail.append(header, at: record.location)
            if expected >= lsn { try visit(record) }
            expected += 1
            offset = record.location.end
        }
    }

    /// Whether the log ends at `offset` of a segment, where no good record is.
    ///
    /// - Throws: `corrupt` when a record that was synced should be there.
    private mutating func isTorn(
        _ index: Int,
        _ segment: SegmentFile,
        at offset: Int
    ) throws(SegmentLogError) -> Bool {
        let rot = SegmentLogError.corrupt(segment: segment.header.number, offset: offset)
        let next = index + 1 < found.count ? found[index + 1].header : nil
        if let next, next.first == expected { return false }
        if let next, next.first < expected { throw rot }
        let behind = try system { () throws(SystemError) in
            try newestMark(
                in: segment.file,
                salt: segment.header.salt,
                from: offset,
                to: found[index].size
            )
        }
        if let next, next.number > segment.header.number + 1, behind == nil,
            try isBlank(segment, at: offset)
        {
            // Its owner removed the segments in between.
            expected = next.first
            return false
        }
        var mark = max(knownDurable, behind ?? 0)
        for later in found[(index + 1)...] {
            mark = max(mark, later.header.durable)
            let file = try openSegment(later)
            let newest = try system { () throws(SystemError) in
                try newestMark(
                    in: file.file,
                    salt: later.header.salt,
                    from: SegmentFormat.segmentHeaderSize,
                    to: later.size
                )
            }
            mark = max(mark, newest ?? 0)
        }
        if mark >= expected { throw rot }
        return true
    }

    /// Whether nothing was ever written at `offset`.
    private func isBlank(
        _ segment: SegmentFile,
        at offset: Int
    ) throws(SegmentLogError) -> Bool {
        try system { () throws(SystemError) in
            try segment.file.read(count: SegmentFormat.recordHeaderSize, at: offset)
                .allSatisfy { $0 == 0 }
        }
    }

    /// Ends the log at `offset` of a segment: the newest segments go first, so that a power cut on
    /// the way leaves a log that ends at the same place.
    private mutating func cut(
        _ index: Int,
        _ segment: SegmentFile,
        at offset: Int
    ) throws(SegmentLogError) {
        try system { () throws(SystemError) in
            for later in found[(index + 1)...].reversed() {
                try disk.removeFile(path(later.header.number))
                try disk.synchronizeDirectory(directory)
            }
            if found[index].size > offset { try segment.file.truncate(to: offset) }
            try segment.file.synchronize()
        }
        found.removeSubrange((index + 1)...)
    }

    /// The highest durable mark of the good record headers in a part of a file, nil without any.
    private func newestMark(
        in file: any File,
        salt: UInt64?,
        from start: Int,
        to end: Int
    ) throws(SystemError) -> UInt64? {
        let magic = UInt32(0x4345_5257)  // "WREC", little-endian.
        let chunkSize = 1 << 20
        var newest: UInt64?
        var chunkStart = start
        while chunkStart < end {
            let chunk = try file.read(count: min(chunkSize, end - chunkStart), at: chunkStart)
            if chunk.isEmpty { break }
            var at = 0
            while at <= chunk.count,
                let place = WordSearch.firstOffset(
                    of: magic,
                    in: chunk,
                    from: at,
                    stride: SegmentFormat.alignment
                )
            {
                let header = try SegmentFile.recordHeader(
                    file,
                    at: chunkStart + place,
                    limit: end,
                    salt: salt
                )
                if let header { newest = max(newest ?? 0, header.durable) }
                at = place + SegmentFormat.alignment
            }
            chunkStart += chunk.count
        }
        return newest
    }
}
