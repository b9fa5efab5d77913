/// Where a record lies, for as long as its segment is not removed.
package struct RecordLocation: Hashable, Sendable {
    package let segment: UInt64
    /// Where the record begins in the segment's file.
    package let offset: Int
    /// Bytes of payload.
    package let length: Int
    /// The record's sequence number.
    package let lsn: UInt64

    package init(segment: UInt64, offset: Int, length: Int, lsn: UInt64) {
        precondition(offset >= SegmentFormat.segmentHeaderSize)
        precondition(length >= 0 && length <= SegmentFormat.payloadMax)
        self.segment = segment
        self.offset = offset
        self.length = length
        self.lsn = lsn
    }

    /// Where the payload begins in the segment's file.
    package var payloadOffset: Int { offset + SegmentFormat.prefixSize(length) }
    /// Where the next record may begin.
    package var end: Int { offset + SegmentFormat.recordSize(length) }
}

/// A record as it was found in a segment, verified.
package struct LogRecord: Equatable, Sendable {
    package let location: RecordLocation
    package let kind: UInt8
    package let payload: [UInt8]

    package init(location: RecordLocation, kind: UInt8, payload: [UInt8]) {
        self.location = location
        self.kind = kind
        self.payload = payload
    }
}

/// One file of a log.
package struct SegmentInfo: Equatable, Sendable {
    package let number: UInt64
    /// Sequence number of its first record, or of the next segment's if it has none.
    package let first: UInt64
    /// Bytes up to the end of its last record.
    package let size: Int
    /// It is the one being written.
    package let isActive: Bool

    package init(number: UInt64, first: UInt64, size: Int, isActive: Bool) {
        self.number = number
        self.first = first
        self.size = size
        self.isActive = isActive
    }
}
