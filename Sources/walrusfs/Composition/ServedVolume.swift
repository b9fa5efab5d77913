internal import Mount
internal import Telemetry
internal import Volume

/// A volume that this process has opened and serves: to be written, or to follow another's writes.
protocol ServedVolume: Sendable {
    var name: String { get }
    /// What the kernel's requests go to.
    var mountable: any MountableVolume { get }
    /// What a mountpoint may not cover.
    var directories: [String] { get }
    var hasNetwork: Bool { get }

    /// The volume is mounted; `session` is told what the kernel must forget.
    func began(_ session: MountSession) async

    /// Makes everything written so far safe; of one that follows, shows the newest checkpoint.
    func sync(
        _ scope: SyncScope,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> SyncReport

    func status(mountpoint: String, isReadOnly: Bool) async -> StatusReport

    /// What client and network tell of themselves; nothing until the network was reached.
    var networkMetrics: [MetricFamily] { get async }

    /// Checks the volume as it is now; with `isDeep` every byte is read back.
    func check(
        isDeep: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> CheckReport

    /// Lets go of what nothing on the network needs; `immediately`: of all but the newest
    /// checkpoint, without a grace.
    func collect(
        immediately: Bool,
        _ progress: @escaping @Sendable (Progress) async -> Void
    ) async throws(CommandFailure) -> GarbageReport

    /// Makes everything durable locally and lets go, from the top down.
    func close() async
}
