internal import ArgumentParser
internal import Mount

/// `walrusfs umount`.
struct UmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount",
        abstract: "Unmount a volume, with everything safe on this machine.",
        discussion: """
            Everything written is made durable on the local disk. When the network has it all, the
            lease goes back, and any machine with the key may mount the volume next. What the
            network does not have yet is told: it stays here, with the lease if this mount had it,
            and the next mount of this volume on this machine sends it; until then no other machine
            can write the volume, unless a person there takes it over, which leaves this work
            behind. With --sync the
            network gets everything first. When the command returns, the serving process has ended
            and let go of all files.

              walrusfs umount ~/walrus
              walrusfs umount --sync ~/walrus
            """
    )

    @Flag(help: "Wait until everything is certified and published on the network.")
    var sync = false

    @Flag(help: "Detach even if files are in use; those who use them get errors.")
    var lazy = false

    @Argument(help: "The mountpoint.")
    var mountpoint: String

    func run() throws {
        let mountpoint = Mountpoint(mountpoint)
        let entry = MountTable.entry(at: mountpoint.path)
        guard let entry, entry.isOurs else {
            throw CommandFailure(MountError.notMounted(mountpoint.path))
        }
        var watch: ControlConnection?
        var report: SyncReport?
        if Mountpoint.attribute("walrusfs.socket", of: mountpoint.path) != nil {
            let client = try ControlClient(for: mountpoint.path, home: Home())
            watch = client.watch()
            var line = ProgressLine()
            defer { line.finish() }
            report = try client.ask(
                ControlRequest(command: .prepareUnmount, scope: sync ? .network : .local)
            ) { line.show($0) }
            line.complete("published")
        }
        do throws(MountError) {
            try mountpoint.unmount(lazily: lazy || report == nil)
        } catch {
            throw CommandFailure(error)
        }
        // The connection ends when the process does; whatever it says is not for us.
        if let watch {
            try? watch.send(ControlCoding.encode(ControlRequest(command: .unmounted)))
            _ = try? watch.receive()
        }
        if let report, report.unpublishedBytes > 0 { print(Self.sentence(report)) }
    }

    /// What becomes of the work that the network does not have.
    private static func sentence(_ report: SyncReport) -> String {
        // Names and attributes have no bytes to count; a change of nothing else counts as one.
        let isLittle = report.unpublishedBytes < 1024
        let bytes = isLittle ? "Some changes" : Terminal.bytes(report.unpublishedBytes)
        if let stopped = report.stopped {
            return
                "\(bytes) are only on this machine, and are not published from here: \(stopped). "
                + "'walrusfs mount -o ro' shows them."
        }
        guard report.holdsLease == true else {
            return
                "\(bytes) are only on this machine yet; the next mount sends them to the network, "
                + "if no other machine has written the volume by then."
        }
        return "\(bytes) are only on this machine yet; the next mount sends them to the network. "
            + "Until then this machine keeps the lease."
    }
}
