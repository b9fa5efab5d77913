internal import ArgumentParser

/// `walrusfs sync`.
struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Wait until what is written is safe.",
        discussion: """
            With --network, the default where the volume has one, everything written before the
            command is certified by the storage nodes and published when it returns: losing this
            machine loses none of it. With --local it is on this machine's disk: a power cut loses
            none of it. (sync(1) does not reach a FUSE filesystem.)

              walrusfs sync ~/walrus
              walrusfs sync --local ~/walrus
            """
    )

    @Flag(help: "Only to the local disk.")
    var local = false

    @Flag(help: "To the network, and fail if the volume has none.")
    var network = false

    @Flag(help: "Print what is published as JSON.")
    var json = false

    @Argument(help: "The mountpoint, a path below it, or the volume's name.")
    var target: String

    func validate() throws {
        if local, network { throw ValidationError("choose one of --local and --network") }
    }

    func run() throws {
        let scope: SyncScope? = local ? .local : network ? .network : nil
        var line = ProgressLine()
        defer { line.finish() }
        let report: SyncReport = try ControlClient(for: target, home: Home()).ask(
            ControlRequest(command: .sync, scope: scope)
        ) { line.show($0) }
        line.complete("published")
        if json {
            print(String(decoding: ControlCoding.encode(report), as: UTF8.self), terminator: "")
        }
    }
}
