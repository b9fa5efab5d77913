internal import Synchronization
internal import SystemIO

/// How full the log is, and what that does to writers.
package struct LogStatus: Hashable, Sendable {
    /// Bytes of the log that can not go before they are on the network.
    package var used: UInt64
    /// Bytes of it beyond which writes wait.
    package var cap: UInt64
    /// Bytes a second that lately went to the network.
    package var uploadRate: UInt64
    /// Writes that wait for room.
    package var writersWaiting: Int
    /// The local disk has no room for the volume's own files.
    package var isDiskFull: Bool
}

extension Volume {
    /// How full the log is, and what that does to writers.
    package func logStatus() -> LogStatus {
        core.withLock { core in
            let pressure = core.pressure
            return LogStatus(
                used: pressure.used,
                cap: pressure.cap,
                uploadRate: pressure.drained,
                writersWaiting: core.writersWaiting,
                isDiskFull: core.isDiskFull
            )
        }
    }

    /// Waits until the log has room for `count` bytes, or gives up.
    ///
    /// No thread is held, and the end of the task ends it.
    func waitForRoom(_ count: Int) async throws(VolumeError) {
        core.withLock { $0.writersWaiting += 1 }
        defer { core.withLock { $0.writersWaiting -= 1 } }
        let deadline = time.uptime + patience
        while true {
            let answer = try locked { (core) throws(VolumeError) in
                // A full disk or a lost lease is told at once.
                try core.beginChange(bytes: count)
                return try core.admit(count)
            }
            if answer == .refuse { throw .noSpace }
            if answer != .wait { return }
            guard time.uptime < deadline else { throw .noSpace }
            do {
                try await time.sleep(for: .milliseconds(20))
            } catch {
                throw .interrupted
            }
        }
    }
}
