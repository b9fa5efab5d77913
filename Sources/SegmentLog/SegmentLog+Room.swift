// Room that is there before it is needed. A caller who changes its own state before it appends asks
// for room first: then neither a full disk nor a quota can come in between.
//
// The spare is a file with the room of a segment and no number. It becomes the next segment; until
// a new one can be made, only who asks for it may write on.

internal import SystemIO

extension SegmentLog {
    /// No segment's name, so that opening the log passes over it.
    var sparePath: String { directory + "/spare" }

    /// Sees to it that a record with `length` bytes of payload can be appended, however full the
    /// disk becomes.
    ///
    /// Unless `mayUseSpare`, a spare segment is left behind it.
    ///
    /// - Throws: `isNoSpace` when there is not so much room; nothing has changed then.
    package func makeRoom(for length: Int, mayUseSpare: Bool) throws(SegmentLogError) {
        guard length <= SegmentFormat.payloadMax else { throw .tooLong(length: length) }
        try appender.withLock { (state) throws(SegmentLogError) in
            if let failure = state.failure { throw .failed(failure) }
            if !mayUseSpare { try makeSpare(&state) }
            try activeSegment(&state, fitting: SegmentFormat.recordSize(length))
            if !mayUseSpare { try makeSpare(&state) }
        }
    }

    /// What an earlier process left as its spare serves as well: nothing was ever written to it but
    /// perhaps a header, which is written anew.
    private func makeSpare(_ state: inout Appender) throws(SegmentLogError) {
        guard !state.hasSpare else { return }
        do throws(SystemError) {
            let file = try disk.open(sparePath, .createIfMissing)
            defer { file.close() }
            try file.allocate(upTo: options.segmentSize)
            state.hasSpare = true
        } catch {
            throw .system(error)
        }
    }

    /// The places of all records after `lsn`, in order.
    ///
    /// - Throws: `corrupt` at the first record that is not as it was written.
    package func locations(after lsn: UInt64) throws(SegmentLogError) -> [RecordLocation] {
        let segments = segments
        let begin = segments.lastIndex { $0.first <= lsn + 1 } ?? 0
        var locations: [RecordLocation] = []
        for info in segments[begin...] {
            let segment = try segmentFile(info.number)
            var offset = SegmentFormat.segmentHeaderSize
            while offset < info.size {
                let header: RecordHeader?
                do throws(SystemError) {
                    header = try segment.recordHeader(at: offset, limit: info.size)
                } catch {
                    throw .system(error)
                }
                guard let header else { throw .corrupt(segment: info.number, offset: offset) }
                let location = RecordLocation(
                    segment: info.number,
                    offset: offset,
                    length: header.length,
                    lsn: header.lsn
                )
                if header.lsn > lsn { locations.append(location) }
                offset = location.end
            }
        }
        return locations
    }
}
