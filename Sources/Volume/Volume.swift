// A volume on the local disk (`Docs/Formats/volume-state.md`). One lock guards all state; reads of
// bytes, syncs and callbacks run outside of it. An actor would make each answer to the kernel wait
// for the cooperative pool, and a lock for each directory would need an order for renames: the
// sections are microseconds long, so there is one.

internal import Synchronization
internal import SystemIO

/// The filesystem: local, with a checkpointer that carries it to the network.
package final class Volume: MountableVolume {
    /// Guards everything of the volume but the log's own files.
    let core: Mutex<VolumeCore>
    let log: any OperationLog
    let time: any TimeSource
    let seams = Mutex(VolumeSeams())
    let patience: Duration

    init(
        log: any OperationLog,
        database: sending any RowDatabase,
        time: any TimeSource,
        configuration: VolumeConfiguration,
        plan: ReplayPlan? = nil
    ) throws(VolumeError) {
        let core = VolumeCore(
            log: log,
            database: database,
            time: time,
            configuration: configuration
        )
        try core.recover(plan)
        self.core = Mutex(core)
        self.log = log
        self.time = time
        patience = configuration.patience
    }

    /// Runs `body` with the volume's state, alone.
    func locked<Result: Sendable>(
        _ body: (VolumeCore) throws(VolumeError) -> Result
    ) throws(VolumeError) -> Result {
        try core.withLock { (core) throws(VolumeError) in
            defer { core.sweep() }
            return try body(core)
        }
    }

    /// Makes the root directory of a new volume; does nothing in one that has its root.
    ///
    /// An attached volume must not get it: its root comes with its rows.
    package func makeRoot() throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.makeRoot() }
    }

    /// Where bytes are read that the log no longer has; nil: nowhere any more.
    ///
    /// A reader asks the volume where they are, so each holds the other. Who opens volumes one
    /// after another takes the reader out in the end; who lives for one volume need not.
    package func setPlacedReader(_ reader: (any PlacedReader)?) {
        seams.withLock { $0.placedReader = reader }
    }

    /// What fsync(2) waits for besides the local disk, in mounts that promise the network.
    package func setNetworkSync(_ sync: @escaping @Sendable () async throws(VolumeError) -> Void) {
        seams.withLock { $0.networkSync = sync }
    }

    /// Says that an uploader makes room in the log, so that writes may wait for it.
    package func setHasUploader(_ hasUploader: Bool) {
        core.withLock { $0.configuration.hasUploader = hasUploader }
    }

    /// Says that reading leaves access times alone.
    package func setOmitsAccessTimes(_ omits: Bool) {
        core.withLock { $0.configuration.omitsAccessTimes = omits }
    }

    /// Says that the kernel holds writes back, before anything is opened.
    package func setWritesBack(_ writesBack: Bool) {
        core.withLock { $0.configuration.writesBack = writesBack }
    }

    /// Bytes that statfs(2) says there is room for.
    package func setCapacity(_ bytes: UInt64) {
        core.withLock { $0.configuration.capacity = bytes }
    }
}

/// What the composition root hangs into a volume.
struct VolumeSeams: Sendable {
    /// Held as long as the volume is.
    var state: StateDirectory?
    var placedReader: (any PlacedReader)?
    var faultPlan: (@Sendable (FaultPoint) -> Void)?
    var networkSync: (@Sendable () async throws(VolumeError) -> Void)?
}
