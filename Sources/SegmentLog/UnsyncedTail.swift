/// The end of a log of which nothing says that it was ever synced.
///
/// Every header tells up to where the log was durable when it was written; what comes after the
/// highest of these marks may be on the disk, or in the kernel's memory only.
struct UnsyncedTail {
    private var mark: UInt64
    /// Records behind the mark, in order.
    private var records: [RecordLocation] = []
    /// Segments that begin behind the mark: their headers are in doubt too.
    private var begun: [SegmentHeader] = []
    private static let recordsMax = 4096

    /// Everything up to `mark` is known to be durable.
    init(mark: UInt64) { self.mark = mark }

    mutating func begin(_ header: SegmentHeader) {
        mark = max(mark, header.durable)
        begun.append(header)
    }

    mutating func append(_ header: RecordHeader, at location: RecordLocation) {
        mark = max(mark, header.durable)
        records.append(location)
        // Most records are marked soon, so that few are kept.
        if records.count % Self.recordsMax == 0 { records.removeAll { $0.lsn <= mark } }
    }

    /// Where in a segment the doubt begins, nil where there is none.
    func start(in header: SegmentHeader) -> Int? {
        if begun.contains(where: { $0.number == header.number }), header.first > mark { return 0 }
        return records.first { $0.segment == header.number && $0.lsn > mark }?.offset
    }
}
