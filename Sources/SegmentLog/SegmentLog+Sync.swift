internal import Synchronization
package import SystemIO

extension SegmentLog {
    /// Blocks until all records up to `lsn` survive a power cut.
    ///
    /// One thread syncs for all who wait, and what is appended meanwhile waits for the next
    /// (group commit). After a failure the log takes nothing more.
    ///
    /// - Precondition: The record was appended.
    package func sync(upTo lsn: UInt64) throws(SegmentLogError) {
        enum Turn { case done, lead }
        while true {
            let turn = syncer.waitUntil { state -> Turn? in
                if durableLSN >= lsn { return .done }
                if state.isSyncing { return nil }
                state.isSyncing = true
                return .lead
            }
            if turn == .done { return }
            defer {
                syncer.withLock { $0.isSyncing = false }
                syncer.wakeAll()
            }
            try syncAll(atLeast: lsn)
        }
    }

    /// Suspends until all records up to `lsn` survive a power cut.
    package func sync(upTo lsn: UInt64, on pool: BlockingPool) async throws(SegmentLogError) {
        if durableLSN >= lsn { return }
        try await pool.run { () throws(SegmentLogError) in try self.sync(upTo: lsn) }
    }

    /// Makes all that was appended survive a power cut.
    package func syncAll() throws(SegmentLogError) { try sync(upTo: lastLSN) }

    private func syncAll(atLeast lsn: UInt64) throws(SegmentLogError) {
        let (target, unsynced) = try appender.withLock {
            (state) throws(SegmentLogError) -> (UInt64, [SegmentFile]) in
            if let failure = state.failure { throw .failed(failure) }
            precondition(lsn < state.nextLSN, "a record is synced before it is appended")
            writeAhead(&state)
            let unsynced = state.unsynced
            state.unsynced = []
            return (state.nextLSN - 1, unsynced)
        }
        do throws(SystemError) {
            for segment in unsynced { try segment.file.synchronizeData() }
        } catch {
            // Never again: the pages may count as clean although the disk never saw them.
            appender.withLock { $0.failure = error }
            throw .failed(error)
        }
        durable.store(target, ordering: .releasing)
    }

    /// So little between two syncs is a program that syncs each of its small writes.
    private static let smallSync = 64 << 10
    /// Zeros that are written at a time.
    private static let aheadLength = 256 << 10
    /// When so little of them is left, more follow.
    private static let aheadMin = 16 << 10

    /// Writes zeros behind the last record, so that the syncs of those that follow find blocks that
    /// were written before (`Docs/Decisions/0145-zeros-ahead-of-small-syncs.md`).
    private func writeAhead(_ state: inout Appender) {
        guard let active = state.active else { return }
        let position = state.position
        let isSmall = position - state.syncedPosition <= Self.smallSync
        state.syncedPosition = position
        guard isSmall, state.writtenPosition < position + Self.aheadMin else { return }
        let start = max(position, state.writtenPosition)
        let end = min(position + Self.aheadLength, state.capacity)
        guard start < end else { return }
        let zeros = [UInt8](repeating: 0, count: end - start)
        do throws(SystemError) {
            try unsafe zeros.withBytes { (bytes) throws(SystemError) in
                try unsafe active.file.write(gathering: [bytes], at: start)
            }
            state.writtenPosition = end
        } catch {
            // Only speed is lost: what lies behind the last record means nothing.
        }
    }
}
