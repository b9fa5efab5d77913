// The volume's log of operations as the volume sees it: `SegmentOperationLog` keeps it in files.

/// Where the data of a record lies in the log.
package struct LogPlace: Hashable, Sendable {
    package var segment: UInt64
    /// Where the record begins in its segment.
    package var position: UInt64
    package var lsn: UInt64
    /// Bytes of the record's payload, of which the data is the end.
    package var payload: UInt32
    /// Where in the payload the data begins.
    package var data: UInt32

    package init(segment: UInt64, position: UInt64, lsn: UInt64, payload: UInt32, data: UInt32) {
        precondition(data <= payload)
        self.segment = segment
        self.position = position
        self.lsn = lsn
        self.payload = payload
        self.data = data
    }
}

/// A record as replay gives it back.
package struct LogEntry: Sendable {
    package let lsn: UInt64
    package let head: [UInt8]
    package let place: LogPlace
    package let dataLength: Int

    package init(lsn: UInt64, head: [UInt8], place: LogPlace, dataLength: Int) {
        self.lsn = lsn
        self.head = head
        self.place = place
        self.dataLength = dataLength
    }
}

/// A closed or current file of the log.
package struct LogSegmentInfo: Hashable, Sendable {
    package let number: UInt64
    package let bytes: UInt64
    /// The highest lsn in it; nil while it is being written.
    package let lastLSN: UInt64?

    package init(number: UInt64, bytes: UInt64, lastLSN: UInt64?) {
        self.number = number
        self.bytes = bytes
        self.lastLSN = lastLSN
    }
}

/// An append-only log of records, each a head and data, numbered from 1.
///
/// `append` is called by one thread at a time; the others from any.
package protocol OperationLog: AnyObject, Sendable {
    /// Makes sure that a record of so many bytes can be appended, or throws as a full disk does.
    ///
    /// `frees`: of a change that will free space, which may use room set aside for such.
    func reserve(_ bytes: Int, frees: Bool) throws(VolumeError)

    func append(
        _ head: [UInt8],
        _ data: UnsafeRawBufferPointer
    ) throws(VolumeError) -> (lsn: UInt64, place: LogPlace)

    /// What a segment mostly has at most.
    var segmentSize: Int { get }

    /// The lsn of the newest record; 0 if there never was one.
    var lastLSN: UInt64 { get }
    /// Everything up to it survives a power cut.
    var durableLSN: UInt64 { get }

    /// Makes everything up to `lsn` survive a power cut; one sync serves all who wait.
    func sync(through lsn: UInt64) throws(VolumeError)

    /// Reads a part of a record's data, verified; `notFound` if its segment was removed.
    func read(
        _ place: LogPlace,
        offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError)

    /// Opens the log and gives back all records after `lsn`, in order; before anything else.
    func replay(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError)

    /// Gives back once more what replay did: all records after `lsn`, in order.
    func repeatEntries(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError)

    func segments() -> [LogSegmentInfo]

    /// Whether the disk has so little room left that nothing is kept that can be done without.
    var isShortOfRoom: Bool { get }

    /// Removes a closed segment and its bytes.
    func remove(segment: UInt64) throws(VolumeError)
}
