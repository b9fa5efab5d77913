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
}
