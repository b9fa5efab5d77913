internal import Synchronization
internal import SystemIO

/// A segment's file and what its header says.
final class SegmentFile: Sendable {
    let header: SegmentHeader
    let file: any File

    init(header: SegmentHeader, file: any File) {
        self.header = header
        self.file = file
    }

    /// Reads and verifies the header and the checksums of the record at `offset`.
    ///
    /// - Returns: Nil where no record of this segment is. `limit` is the file's size.
    func recordHeader(at offset: Int, limit: Int) throws(SystemError) -> RecordHeader? {
        try Self.recordHeader(file, at: offset, limit: limit, salt: header.salt)
    }

    /// The same for a file whose header is not known: with nil for `salt`, any will do.
    static func recordHeader(
        _ file: any File,
        at offset: Int,
        limit: Int,
        salt: UInt64?
    ) throws(SystemError) -> RecordHeader? {
        guard offset + SegmentFormat.recordHeaderSize <= limit else { return nil }
        let head = try file.read(count: SegmentFormat.recordHeaderSize, at: offset)
        guard let length = RecordHeader.claimedLength(head),
            offset + SegmentFormat.prefixSize(length) + length <= limit
        else { return nil }
        if length == 0 { return RecordHeader(head, salt: salt) }
        let prefix = try file.read(count: SegmentFormat.prefixSize(length), at: offset)
        return RecordHeader(prefix, salt: salt)
    }

    /// Reads and verifies the whole record at `offset`; nil where there is none.
    func record(at offset: Int, limit: Int) throws(SystemError) -> (RecordHeader, LogRecord)? {
        guard let header = try recordHeader(at: offset, limit: limit) else { return nil }
        let location = RecordLocation(
            segment: self.header.number,
            offset: offset,
            length: header.length,
            lsn: header.lsn
        )
        let payload = try file.read(count: header.length, at: location.payloadOffset)
        guard BlockChecksums.of(payload) == header.checksums else { return nil }
        return (header, LogRecord(location: location, kind: header.kind, payload: payload))
    }
}

/// The segments that are open for reading, so many at most.
///
/// One that is dropped closes when its last reader is done.
final class SegmentFileCache: Sendable {
    private struct State {
        var files: [UInt64: SegmentFile] = [:]
        /// Numbers in the order of their last use, latest last.
        var order: [UInt64] = []
    }

    /// Guards the table; files are opened outside.
    private let state = Mutex(State())
    private let limit: Int

    /// Well below the 1,024 descriptors that a process has by default.
    init(limit: Int = 128) { self.limit = limit }

    func file(_ number: UInt64) -> SegmentFile? {
        state.withLock { state in
            guard let file = state.files[number] else { return nil }
            if state.order.last != number {
                state.order.removeAll { $0 == number }
                state.order.append(number)
            }
            return file
        }
    }

    func insert(_ file: SegmentFile) {
        state.withLock { state in
            let number = file.header.number
            state.order.removeAll { $0 == number }
            state.order.append(number)
            state.files[number] = file
            while state.order.count > limit { state.files[state.order.removeFirst()] = nil }
        }
    }

    func remove(_ number: UInt64) {
        state.withLock { state in
            state.files[number] = nil
            state.order.removeAll { $0 == number }
        }
    }
}
