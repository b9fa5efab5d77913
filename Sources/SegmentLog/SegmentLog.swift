internal import Synchronization
internal import SystemIO

/// How a log is laid out.
package struct SegmentLogOptions: Sendable {
    /// Whose log it is; another's is refused.
    package var kind: UInt16
    /// Bytes that a segment's file gets at once.
    package var segmentSize = 64 << 20

    package init(kind: UInt16, segmentSize: Int = 64 << 20) {
        self.kind = kind
        self.segmentSize = segmentSize
    }
}

/// An append-only log of checksummed records, in a directory of files.
///
/// `Docs/Formats/segment-log.md` has its bytes and its rules of recovery. All calls block, and may
/// be made from several threads at once. The caller holds the directory's lock: two logs over one
/// directory destroy it. What of the log is still needed is the caller's to know; it removes
/// segments of which nothing is.
package final class SegmentLog: Sendable {
    struct Appender {
        /// Nil until something is appended.
        var active: SegmentFile?
        /// Where the next record goes in the active segment.
        var position = 0
        /// Bytes that the active segment may have.
        var capacity = 0
        /// Where the active segment ended when it was last synced.
        var syncedPosition = 0
        /// Up to where it was written, with records or with zeros ahead of them.
        var writtenPosition = 0
        var nextNumber: UInt64
        var nextLSN: UInt64
        /// All segments before the active one, by number.
        var sealed: [SegmentInfo]
        /// Segments with records that were not synced, oldest first.
        var unsynced: [SegmentFile] = []
        /// Whether the spare file is there, with a segment's room.
        var hasSpare = false
        var failure: SystemError?
    }

    struct Syncer {
        var isSyncing = false
    }

    let directory: String
    let options: SegmentLogOptions
    let disk: any FileSystem
    let entropy: any Entropy
    let files = SegmentFileCache()

    /// Guards the end of the log, also while a record is written, so that the order of records in
    /// the file is that of their numbers.
    ///
    /// A POSIX mutex, not an actor: callers are ordinary threads, one write long. Taken before
    /// no other lock.
    let appender: Monitor<Appender>
    /// Guards who syncs; never held while syncing, nor together with `appender`.
    let syncer = Monitor(Syncer())
    /// The last sequence number that is known to be durable.
    let durable: Atomic<UInt64>

    init(
        directory: String,
        options: SegmentLogOptions,
        disk: any FileSystem,
        entropy: any Entropy,
        appender: sending Appender
    ) {
        self.directory = directory
        self.options = options
        self.disk = disk
        self.entropy = entropy
        durable = Atomic(appender.nextLSN - 1)
        self.appender = Monitor(appender)
    }

    /// The number of the last record, 0 before the first.
    package var lastLSN: UInt64 { appender.withLock { $0.nextLSN - 1 } }

    /// Records up to this number survive a power cut.
    package var durableLSN: UInt64 { durable.load(ordering: .acquiring) }

    /// All segments, oldest first.
    package var segments: [SegmentInfo] {
        appender.withLock { state in
            guard let active = state.active else { return state.sealed }
            return state.sealed + [
                SegmentInfo(
                    number: active.header.number,
                    first: active.header.first,
                    size: state.position,
                    isActive: true
                )
            ]
        }
    }

    static func path(_ directory: String, _ number: UInt64) -> String {
        directory + "/" + SegmentFormat.fileName(number)
    }

    func path(_ number: UInt64) -> String { Self.path(directory, number) }
}
