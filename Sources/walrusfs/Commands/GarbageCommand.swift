internal import ArgumentParser

/// `walrusfs gc`.
struct GarbageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Let go of what nothing on the network needs any more.",
        discussion: """
            A mounted volume does this by itself, now and then: what neither the newest three
            checkpoints nor a pin needs is retired, and its storage is let go of after the
            network's grace, a day as a rule. Packs of which little is needed are emptied into new
            ones first, some of them at a time. The command does it at once, with all of them, and
            tells what is left.

            With --now nothing but the newest checkpoint is kept, and nothing waits. A mount that
            follows, and shows an older one at this moment or has files of it open, may lose bytes.

              walrusfs gc ~/walrus
            """
    )

    @Flag(help: "Keep only the newest checkpoint, and wait for no grace.")
    var now = false

    @Flag(help: "Print what goes, and what waits, as JSON.")
    var json = false

    @Argument(help: "The mountpoint, a path below it, or the volume's name.")
    var target: String

    func run() throws {
        var line = ProgressLine()
        defer { line.finish() }
        let report: GarbageReport = try ControlClient(for: target, home: Home()).ask(
            ControlRequest(command: .gc, now: now)
        ) { line.show($0) }
        line.finish()
        if json {
            print(String(decoding: ControlCoding.encode(report), as: UTF8.self), terminator: "")
        } else {
            print("deleted      \(report.deleted) blobs, \(Terminal.bytes(report.deletedBytes))")
            if report.packsEmptied > 0 {
                let moved = Terminal.bytes(report.movedBytes)
                print("emptied      \(report.packsEmptied) packs, \(moved) moved")
            }
            print("garbage      \(report.waiting)")
        }
    }
}
