internal import Codec
internal import Synchronization
internal import VolumeFormat

/// Decides which records of the log a view goes on with, and remembers what it saw.
final class ReplayPlan: Sendable {
    enum Start: Equatable {
        /// The view was committed as of a record.
        case view
        /// The view is empty: the log must begin the volume. Once a cut was made, a checkpoint may
        /// have been published that only the network tells of, unless it is known that none was.
        case beginning(isUnpublished: Bool)
        /// The view is a checkpoint's rows: the log goes on from the record with its mark.
        case mark(LogMark)
        /// The view is a checkpoint's rows, and what the log has behind this record is taken.
        case behind(UInt64)
    }

    let start: Start
    /// Whether records may be missing; they are taken down.
    let acceptsGaps: Bool

    private struct State {
        var missing: [ClosedRange<UInt64>] = []
        var isFound = false
        var seen: ClosedRange<UInt64>?
        var newestToken: UInt32 = 0
    }

    /// Guards what was seen; records come from one thread.
    private let state = Mutex(State())

    /// Records that should have been there and were not.
    var missing: [ClosedRange<UInt64>] { state.withLock { $0.missing } }
    /// Whether any record was taken.
    var isFound: Bool { state.withLock { $0.isFound } }
    /// Whether the view is whole without any record of the log.
    var mayBeEmpty: Bool {
        switch start {
        case .view, .behind: true
        case .beginning, .mark: false
        }
    }
    /// The newest lease token that any record was written under, as far as marks and slices tell.
    var newestToken: UInt32 { state.withLock { $0.newestToken } }
    /// The first record and the last of those that were seen.
    var seen: ClosedRange<UInt64>? { state.withLock { $0.seen } }

    init(_ start: Start, acceptsGaps: Bool = false) {
        self.start = start
        self.acceptsGaps = acceptsGaps
    }

    /// The record that this one follows, or nil if it is left out.
    func place(
        of lsn: UInt64,
        _ record: OperationRecord,
        after applied: UInt64
    ) throws(VolumeError) -> UInt64? {
        try state.withLock { (state) throws(VolumeError) in
            try place(of: lsn, record, after: applied, &state)
        }
    }

    private func place(
        of lsn: UInt64,
        _ record: OperationRecord,
        after applied: UInt64,
        _ state: inout State
    ) throws(VolumeError) -> UInt64? {
        state.seen = min(state.seen?.lowerBound ?? lsn, lsn)...lsn
        state.newestToken = max(state.newestToken, record.newestToken)
        guard state.isFound else {
            guard try begins(at: lsn, record, after: applied) else { return nil }
            state.isFound = true
            if case .behind(let mark) = start, lsn > mark + 1 {
                state.missing.append(mark + 1...lsn - 1)
            }
            return lsn - 1
        }
        if case .beginning(isUnpublished: false) = start, record.mark != nil {
            throw Self.logIsNotEnough
        }
        if lsn > applied + 1, acceptsGaps {
            state.missing.append(applied + 1...lsn - 1)
            return lsn - 1
        }
        guard lsn == applied + 1 else {
            throw .corrupt("the log goes from record \(applied) to \(lsn)")
        }
        return applied
    }

    private func begins(
        at lsn: UInt64,
        _ record: OperationRecord,
        after applied: UInt64
    ) throws(VolumeError) -> Bool {
        switch start {
        case .view:
            guard lsn == applied + 1 else {
                throw .corrupt("the log goes from record \(applied) to \(lsn)")
            }
            return true
        case .beginning:
            // A volume that was attached has no mark of its own in its first record.
            guard lsn == 1, record.mark?.lsn == 1, record.inodes == 1 else {
                throw Self.logIsNotEnough
            }
            return true
        case .mark(let mark):
            return record.mark == mark
        case .behind(let mark):
            return lsn > mark
        }
    }

    static let logIsNotEnough = VolumeError.corrupt(
        "volume.db is gone, and the log alone does not tell what was in it"
    )
}

extension OperationRecord {
    /// The newest token of the slices that it names, and of its mark.
    fileprivate var newestToken: UInt32 {
        var newest = mark?.token ?? 0
        for row in rows where row.table == RowTable.slices.rawValue {
            guard let number = try? RowKey.readNumber(row.key) else { continue }
            newest = max(newest, UInt32(number >> 40))
        }
        return newest
    }

    /// The mark that the operation set.
    var mark: LogMark? {
        let table = RowTable.volume.rawValue
        let row = rows.last { $0.table == table && $0.key == VolumeRowName.logMark }
        // One that can not be read is none that anybody looks for.
        return row?.value.flatMap { try? LogMark(bcsBytes: $0) }
    }
}
