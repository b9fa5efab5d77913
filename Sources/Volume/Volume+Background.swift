// What happens without being asked. The composition root gives a thread and calls
// ``Volume/runBackground(until:)``, or calls ``Volume/tick()`` itself every quarter of a second or
// so; both block.

internal import Synchronization
internal import SystemIO
internal import VolumeFormat

extension Volume {
    /// What is due: syncs of the log, commits of the view, removals, release of the log.
    ///
    /// - Returns: Whether more waits to be removed, so that the next call should come at once.
    @discardableResult
    package func tick() throws(VolumeError) -> Bool {
        let (lsn, isFailed) = core.withLock { core in
            let age = core.time.uptime - core.lastSync
            let isDue = age >= core.configuration.syncAge || core.unsyncedBytes >= 32 << 20
            return (isDue ? core.appliedLSN : 0, core.failure != nil)
        }
        guard !isFailed else { return false }
        if lsn > 0 {
            try makeDurable(lsn)
            core.withLock { core in
                core.unsyncedBytes = 0
                core.lastSync = core.time.uptime
            }
        }
        let (isCommitted, hasMore) = try locked { (core) throws(VolumeError) in
            try core.reapSome()
            let isDue =
                core.time.uptime - core.lastCommit >= core.configuration.commitAge
                || core.database.uncommittedRows >= 65536
            guard isDue, !core.isViewWaiting else { return (false, core.canReap) }
            let isCommitted = try core.commitIfThereIsRoom()
            return (isCommitted, core.canReap)
        }
        if isCommitted {
            try release()
            try compactIfDue()
        }
        return hasMore
    }

    /// Makes the view durable, then removes what of the log nobody needs any more.
    private func release() throws(VolumeError) {
        let isWorth = try locked { (core) throws(VolumeError) in
            let isLong = core.database.logPages > core.configuration.viewLogPages
            return (core.log.segments().count > 2 || isLong)
                && core.committedLSN > core.durableViewLSN
        }
        guard isWorth else { return }
        try locked { (core) throws(VolumeError) in
            guard try core.makeViewDurableIfThereIsRoom() else { return }
            try core.trimLog()
        }
    }

    /// Makes everything durable locally, for an orderly end; the volume stays usable.
    package func synchronize() throws(VolumeError) {
        try makeDurable(log.lastLSN)
        // The log has it all, if the disk has no room for the view.
        try locked { (core) throws(VolumeError) in _ = try core.makeViewDurableIfThereIsRoom() }
    }

    /// Runs what is due until `isDone`, and then once more everything; blocks.
    ///
    /// A failure is told by every operation from then on, so it only ends this.
    package func runBackground(
        sleeping sleep: () -> Void,
        until isDone: () -> Bool
    ) throws(VolumeError) {
        while !isDone() {
            if try !tick() { sleep() }
        }
        try synchronize()
    }
}
