internal import SystemIO

extension SegmentLog {
    /// Reads bytes of a record's payload, verified.
    ///
    /// - Precondition: `range` lies within the payload.
    package func read(
        _ location: RecordLocation,
        _ range: Range<Int>
    ) throws(SegmentLogError) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= location.length)
        var bytes = [UInt8](repeating: 0, count: range.count)
        try unsafe bytes.withMutableBytes { (buffer) throws(SegmentLogError) in
            try unsafe read(location, at: range.lowerBound, into: buffer)
        }
        return bytes
    }

    /// Reads a record's whole payload, verified.
    package func read(_ location: RecordLocation) throws(SegmentLogError) -> [UInt8] {
        try read(location, 0..<location.length)
    }

    /// Fills `buffer` with a record's payload from `start` on, verified.
    ///
    /// After a throw the buffer holds anything.
    ///
    /// - Precondition: The bytes lie within the payload.
    package func read(
        _ location: RecordLocation,
        at start: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(SegmentLogError) {
        precondition(start >= 0 && start + buffer.count <= location.length)
        guard buffer.count > 0 else { return }
        let segment = try segmentFile(location.segment)
        let isGood: Bool
        do throws(SystemError) {
            isGood = try unsafe read(segment, location, at: start, into: buffer)
        } catch {
            throw .system(error)
        }
        guard isGood else {
            throw .corrupt(segment: location.segment, offset: location.offset)
        }
    }

    /// Bytes that are read in passing, rather than left out by one more call.
    private static let detourMax = 32 << 10

    /// Fills `buffer`; false if the record is not as it was written.
    private func read(
        _ segment: SegmentFile,
        _ location: RecordLocation,
        at start: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Bool {
        let prefix = SegmentFormat.prefixSize(location.length)
        let blocks = BlockRange(of: location.length, from: start, to: start + buffer.count)
        // Of short records everything up to the wanted end comes in one call.
        let isNear = prefix + blocks.end <= Self.detourMax
        let count = isNear ? prefix + blocks.end : prefix
        let room = Scratch(byteCount: count)
        let head = unsafe room.bytes
        guard try unsafe segment.file.read(into: head, at: location.offset) == count else {
            return false
        }
        let header = unsafe RecordPrefix(UnsafeRawBufferPointer(rebasing: head[..<prefix]))
        guard header.isGood(location, salt: segment.header.salt) else { return false }
        if isNear {
            let payload = unsafe UnsafeRawBufferPointer(
                rebasing: head[(prefix + blocks.start)..<(prefix + blocks.end)]
            )
            guard unsafe header.verify(payload, from: blocks.first) else { return false }
            let from = start - blocks.start
            unsafe buffer.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: payload[from..<from + buffer.count])
            )
            return true
        }
        return try unsafe read(segment, location, header, at: start, into: buffer)
    }

    /// Fills `buffer` with blocks of a long record: the first and the last may be wanted in part,
    /// and make a detour; those in between go where they belong at once.
    private func read(
        _ segment: SegmentFile,
        _ location: RecordLocation,
        _ header: RecordPrefix,
        at start: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Bool {
        let end = start + buffer.count
        var at = start
        while at < end {
            var blocks = BlockRange(of: location.length, from: at, to: end)
            let isWhole = blocks.start == at && (blocks.end == end || blocks.count > 1)
            if isWhole, blocks.end != end { blocks.dropLast() }
            if !isWhole { blocks.keepFirst() }
            let next = min(blocks.end, end)
            let target = unsafe UnsafeMutableRawBufferPointer(
                rebasing: buffer[at - start..<next - start]
            )
            let scratch = isWhole ? nil : Scratch(byteCount: blocks.end - blocks.start)
            let bytes = unsafe scratch?.bytes ?? target
            let offset = location.payloadOffset + blocks.start
            guard try unsafe segment.file.read(into: bytes, at: offset) == bytes.count,
                unsafe header.verify(UnsafeRawBufferPointer(bytes), from: blocks.first)
            else { return false }
            if scratch != nil {
                let from = at - blocks.start
                unsafe target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[from..<from + target.count])
                )
            }
            at = next
        }
        return true
    }

    /// Visits all records of one segment in order, verified.
    ///
    /// - Throws: `corrupt` at the first that is not as it was written.
    package func forEachRecord(
        in number: UInt64,
        _ visit: (LogRecord) throws(SegmentLogError) -> Void
    ) throws(SegmentLogError) {
        guard let info = segments.first(where: { $0.number == number }) else {
            throw .missing(segment: number)
        }
        let segment = try segmentFile(number)
        var offset = SegmentFormat.segmentHeaderSize
        while offset < info.size {
            let found: (RecordHeader, LogRecord)?
            do throws(SystemError) {
                found = try segment.record(at: offset, limit: info.size)
            } catch {
                throw .system(error)
            }
            guard let (_, record) = found else { throw .corrupt(segment: number, offset: offset) }
            try visit(record)
            offset = record.location.end
        }
    }

    func segmentFile(_ number: UInt64) throws(SegmentLogError) -> SegmentFile {
        if let file = files.file(number) { return file }
        let file: any File
        let bytes: [UInt8]
        do throws(SystemError) {
            file = try disk.open(path(number), .read)
            bytes = try file.read(count: SegmentFormat.segmentHeaderSize, at: 0)
        } catch {
            throw error.isNotFound ? .missing(segment: number) : .system(error)
        }
        let header: SegmentHeader
        do throws(SegmentHeader.Problem) {
            header = try SegmentHeader(bytes)
        } catch {
            // A good header is what opening the log found; now it is gone.
            throw .corrupt(segment: number, offset: 0)
        }
        guard header.number == number else { throw .corrupt(segment: number, offset: 0) }
        let segment = SegmentFile(header: header, file: file)
        files.insert(segment)
        return segment
    }
}
