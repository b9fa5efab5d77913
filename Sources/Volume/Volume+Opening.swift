package import SQLite
internal import Synchronization
package import SystemIO
internal import VolumeFormat

extension Volume {
    /// Opens the volume of a state directory, which stays held as long as the volume lives.
    ///
    /// Nothing is made in it: a new volume needs ``makeRoot()``, an attached one `load`.
    /// `databaseFiles` puts its database on the same disk as the rest, in tests, which also like
    /// short segments.
    package static func open(
        _ state: StateDirectory,
        _ configuration: VolumeConfiguration,
        disk: any FileSystem,
        entropy: any Entropy,
        time: any TimeSource,
        databaseFiles: FileSystemVFS? = nil,
        segmentSize: Int = 64 << 20
    ) throws(StateError) -> Volume {
        do throws(VolumeError) {
            let log = SegmentOperationLog(
                state.logPath,
                disk: disk,
                entropy: entropy,
                segmentSize: segmentSize
            )
            let volume = try open(
                databasePath: state.databasePath,
                databaseFiles: databaseFiles,
                log: log,
                time: time,
                configuration: configuration
            )
            volume.seams.withLock { $0.state = state }
            return volume
        } catch {
            throw .volume(error)
        }
    }

    /// Whether there is nothing of a volume here: no record in the log, no root in the database.
    ///
    /// No state directory that was made in order is ever so, not even that of an empty volume:
    /// what was in it is lost.
    package func isBlank() throws(VolumeError) -> Bool {
        guard log.lastLSN == 0 else { return false }
        return try value(of: .inodes, RowKey.number(InodeNumber.root.rawValue)) == nil
    }

    static func open(
        databasePath: String,
        databaseFiles: FileSystemVFS? = nil,
        log: any OperationLog,
        time: any TimeSource,
        configuration: VolumeConfiguration,
        plan: ReplayPlan? = nil
    ) throws(VolumeError) -> Volume {
        let database: VolumeDatabase
        do throws(SystemError) {
            try Connection.secureLog(of: databasePath, databaseFiles)
        } catch {
            throw VolumeError(error, "database")
        }
        do throws(SQLiteError) {
            database = try VolumeDatabase(databasePath, files: databaseFiles)
        } catch {
            throw VolumeError(error)
        }
        return try Volume(
            log: log,
            database: database,
            time: time,
            configuration: configuration,
            plan: plan
        )
    }
}
