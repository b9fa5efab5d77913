// The log of operations in segment files. A record's payload is
//
//     payload := head-length:u32 head data
//
// with the head of `Docs/Formats/operation.md`; `Docs/Formats/segment-log.md` has the rest.

internal import Codec
internal import SegmentLog
internal import Synchronization
internal import SystemIO

final class SegmentOperationLog: OperationLog {
    /// Whose segments these are, among all logs of this project.
    static let kind: UInt16 = 2
    private static let recordKind: UInt8 = 1
    /// Room on the disk that stays free besides the log's own: the database as it grows, a cut, and
    /// the packs in flight.
    private static let spare: UInt64 = 128 << 20
    /// Bytes after which the disk's room is looked at again.
    private static let lookEvery = 8 << 20

    private struct Room {
        var available: UInt64 = 0
        var bytesSinceLook = Int.max / 2
    }

    private let directory: String
    private let disk: any FileSystem
    private let entropy: any Entropy
    let segmentSize: Int
    /// Guards the log's reference, which is set once by replay.
    private let opened = Mutex<SegmentLog?>(nil)
    /// Guards what is known of the disk's room.
    private let room = Mutex(Room())

    init(
        _ directory: String,
        disk: any FileSystem,
        entropy: any Entropy,
        segmentSize: Int = 64 << 20
    ) {
        self.directory = directory
        self.disk = disk
        self.entropy = entropy
        self.segmentSize = segmentSize
    }

    private var segmentLog: SegmentLog {
        guard let log = opened.withLock({ $0 }) else {
            preconditionFailure("the log is used before it was replayed")
        }
        return log
    }

    func reserve(_ bytes: Int, frees: Bool) throws(VolumeError) {
        if !frees { try look(bytes) }
        do throws(SegmentLogError) {
            try segmentLog.makeRoom(for: bytes, mayUseSpare: frees)
        } catch {
            throw VolumeError(error)
        }
    }

    /// Looks at the disk's room from time to time, often when there is little.
    private func look(_ bytes: Int) throws(VolumeError) {
        let known = room.withLock { room -> UInt64? in
            room.bytesSinceLook += bytes
            return room.bytesSinceLook < Self.lookEvery ? room.available : nil
        }
        if let known, known >= Self.spare + UInt64(2 * Self.lookEvery) { return }
        let available: UInt64
        do throws(SystemError) {
            available = try disk.space(at: directory).available
        } catch {
            throw .inputOutput("\(error)")
        }
        room.withLock { room in
            room.available = available
            room.bytesSinceLook = 0
        }
        guard available >= Self.spare + UInt64(bytes) else { throw .noSpace }
    }

    func append(
        _ head: [UInt8],
        _ data: UnsafeRawBufferPointer
    ) throws(VolumeError) -> (lsn: UInt64, place: LogPlace) {
        var writer = ByteWriter(reserving: 4)
        writer.write(UInt32(head.count))
        let length = writer.bytes
        do throws(SegmentLogError) {
            let location = try unsafe length.withBytes { (length) throws(SegmentLogError) in
                try unsafe head.withBytes { (head) throws(SegmentLogError) in
                    try unsafe segmentLog.append(
                        kind: Self.recordKind,
                        parts: [length, head, data]
                    )
                }
            }
            return (location.lsn, Self.place(location, headLength: head.count))
        } catch {
            throw VolumeError(error)
        }
    }

    private static func place(_ location: RecordLocation, headLength: Int) -> LogPlace {
        LogPlace(
            segment: location.segment,
            position: UInt64(location.offset),
            lsn: location.lsn,
            payload: UInt32(location.length),
            data: UInt32(4 + headLength)
        )
    }

    var lastLSN: UInt64 { segmentLog.lastLSN }
    var durableLSN: UInt64 { segmentLog.durableLSN }

    func sync(through lsn: UInt64) throws(VolumeError) {
        do throws(SegmentLogError) {
            try segmentLog.sync(upTo: lsn)
        } catch {
            throw VolumeError(error)
        }
    }

    func read(
        _ place: LogPlace,
        offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) {
        let location = RecordLocation(
            segment: place.segment,
            offset: Int(place.position),
            length: Int(place.payload),
            lsn: place.lsn
        )
        do throws(SegmentLogError) {
            try unsafe segmentLog.read(location, at: Int(place.data) + offset, into: buffer)
        } catch {
            throw VolumeError(error)
        }
    }

    func replay(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError) {
        do {
            let log = try SegmentLog.open(
                directory,
                SegmentLogOptions(kind: Self.kind, segmentSize: segmentSize),
                disk: disk,
                entropy: entropy,
                recoveringFrom: lsn + 1,
                knownDurable: lsn
            ) { record in
                try body(try Self.entry(record))
            }
            opened.withLock { $0 = log }
        } catch let error as SegmentLogError {
            throw VolumeError(error)
        } catch let error as VolumeError {
            throw error
        } catch {
            throw .inputOutput("\(error)")
        }
    }

    func repeatEntries(
        after lsn: UInt64,
        _ body: (LogEntry) throws(VolumeError) -> Void
    ) throws(VolumeError) {
        let log = segmentLog
        let locations: [RecordLocation]
        do throws(SegmentLogError) {
            locations = try log.locations(after: lsn)
        } catch {
            throw VolumeError(error)
        }
        for location in locations {
            let head: [UInt8]
            do throws(SegmentLogError) {
                head = try Self.head(of: location, in: log)
            } catch {
                throw VolumeError(error)
            }
            try body(
                LogEntry(
                    lsn: location.lsn,
                    head: head,
                    place: Self.place(location, headLength: head.count),
                    dataLength: location.length - 4 - head.count
                )
            )
        }
    }

    /// Reads what a record has before its data, which may be long.
    private static func head(
        of location: RecordLocation,
        in log: SegmentLog
    ) throws(SegmentLogError) -> [UInt8] {
        guard location.length >= 4 else {
            throw .corrupt(segment: location.segment, offset: location.offset)
        }
        let bytes = try log.read(location, 0..<4)
        let length = bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= location.length - 4 else {
            throw .corrupt(segment: location.segment, offset: location.offset)
        }
        return try log.read(location, 4..<4 + length)
    }

    private static func entry(_ record: LogRecord) throws(VolumeError) -> LogEntry {
        let payload = record.payload
        guard record.kind == recordKind, payload.count >= 4 else {
            throw .corrupt("record \(record.location.lsn) of the log is of no known kind")
        }
        var length = 0
        for index in 0..<4 { length |= Int(payload[index]) << (8 * index) }
        guard length <= payload.count - 4 else {
            throw .corrupt("record \(record.location.lsn) of the log ends too early")
        }
        return LogEntry(
            lsn: record.location.lsn,
            head: Array(payload[4..<4 + length]),
            place: place(record.location, headLength: length),
            dataLength: payload.count - 4 - length
        )
    }

    func segments() -> [LogSegmentInfo] {
        let segments = segmentLog.segments
        return segments.indices.map { index in
            let next = index + 1
            return LogSegmentInfo(
                number: segments[index].number,
                bytes: UInt64(segments[index].size),
                lastLSN: next < segments.count ? segments[next].first - 1 : nil
            )
        }
    }

    var isShortOfRoom: Bool {
        // A disk that does not tell is not made emptier for it.
        guard let space = try? disk.space(at: directory) else { return false }
        return space.available < 2 * Self.spare
    }

    func remove(segment: UInt64) throws(VolumeError) {
        do throws(SegmentLogError) {
            try segmentLog.removeSegment(segment)
        } catch {
            throw VolumeError(error)
        }
    }
}

extension VolumeError {
    init(_ error: SegmentLogError) {
        self =
            switch error {
            case .system(let cause): VolumeError(cause, "log")
            case .failed(let cause): .failed("log: \(cause)")
            case .corrupt(let segment, let offset):
                .corrupt("segment \(segment) of the log, at byte \(offset)")
            case .missing: .notFound
            case .unsupported(let segment):
                .corrupt("segment \(segment) is of another log, or of a later version")
            case .tooLong: .fileTooLarge
            }
    }
}
