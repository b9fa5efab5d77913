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
        let segment = try segmentFile(location.segment)
        let corrupt = SegmentLogError.corrupt(segment: location.segment, offset: location.offset)
        let header: RecordHeader?
        do throws(SystemError) {
            header = try segment.recordHeader(at: location.offset, limit: location.end)
        } catch {
            throw .system(error)
        }
        guard let header, header.lsn == location.lsn, header.length == location.length else {
            throw corrupt
        }
        var at = start
        let end = start + buffer.count
        while at < end {
            let block = at / SegmentFormat.blockSize
            let blockStart = block * SegmentFormat.blockSize
            // Whole blocks go where they belong at once, the first and the last may need a detour.
            var wholeEnd = end / SegmentFormat.blockSize * SegmentFormat.blockSize
            if end == location.length { wholeEnd = end }
            let isWhole = at == blockStart && wholeEnd > at
            let next = isWhole ? wholeEnd : min(end, blockStart + SegmentFormat.blockSize)
            let target = unsafe UnsafeMutableRawBufferPointer(
                rebasing: buffer[at - start..<next - start]
            )
            let isGood: Bool
            do throws(SystemError) {
                isGood =
                    isWhole
                    ? try unsafe readBlocks(segment, location, header, from: block, target)
                    : try unsafe readPart(segment, location, header, at: at, target)
            } catch {
                throw .system(error)
            }
            guard isGood else { throw corrupt }
            at = next
        }
    }

    /// Fills `target` with whole blocks, of which the payload's last may be short.
    private func readBlocks(
        _ segment: SegmentFile,
        _ location: RecordLocation,
        _ header: RecordHeader,
        from block: Int,
        _ target: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Bool {
        let offset = location.payloadOffset + block * SegmentFormat.blockSize
        let count = try unsafe segment.file.read(into: target, at: offset)
        guard count == target.count else { return false }
        var (at, index) = (0, block)
        while at < target.count {
            let next = min(target.count, at + SegmentFormat.blockSize)
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: target[at..<next])
            guard unsafe CRC32C.checksum(bytes) == header.checksums[index] else { return false }
            (at, index) = (next, index + 1)
        }
        return true
    }

    /// Fills `target` with a part of one block.
    private func readPart(
        _ segment: SegmentFile,
        _ location: RecordLocation,
        _ header: RecordHeader,
        at start: Int,
        _ target: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Bool {
        let block = start / SegmentFormat.blockSize
        let blockStart = block * SegmentFormat.blockSize
        let length = min(SegmentFormat.blockSize, location.length - blockStart)
        let bytes = try segment.file.read(
            count: length,
            at: location.payloadOffset + blockStart
        )
        guard bytes.count == length, CRC32C.checksum(bytes) == header.checksums[block] else {
            return false
        }
        let first = start - blockStart
        unsafe target.copyBytes(from: bytes[first..<first + target.count])
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
