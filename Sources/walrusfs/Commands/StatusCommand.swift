internal import ArgumentParser
internal import Foundation

/// `walrusfs status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell how a mounted volume is doing.",
        discussion: """
              walrusfs status ~/walrus
              walrusfs status --json ~/walrus | jq .unpublishedBytes
            """
    )

    @Flag(help: "Print everything as JSON.")
    var json = false

    @Argument(help: "The mountpoint, a path below it, or the volume's name.")
    var target: String

    func run() throws {
        let report: StatusReport = try ControlClient(for: target, home: Home())
            .ask(ControlRequest(command: .status, scope: nil))
        if json {
            print(String(decoding: ControlCoding.encode(report), as: UTF8.self), terminator: "")
            return
        }
        print("volume       \(report.volume)")
        print("mountpoint   \(report.mountpoint)\(report.readOnly ? " (read-only)" : "")")
        print("process      \(report.pid)")
        print("network      \(report.network)")
        let used = report.bytesTotal - min(report.bytesFree, report.bytesTotal)
        if report.restarts > 0 { print("restarts     \(report.restarts), see mount.log") }
        print("contents     \(Terminal.bytes(used)) in \(report.inodes) files")
        if let following = report.following {
            print("checkpoint   \(report.sequence == 0 ? "none yet" : String(report.sequence))")
            print("following    \(Self.sentence(following, shown: report.sequence))")
        } else {
            for line in Self.progress(report) { print(line) }
        }
        if let text = report.rebuilt { print("rebuilt      \(text)") }
        if let reason = report.waitingFor { print("waiting for  \(reason)") }
        if let step = report.step { print("working on   \(step)") }
        if let error = report.lastError { print("last error   \(error)") }
        if let reason = report.stopped { print("stopped      \(reason)") }
        if let advice = report.advice { print("advice       \(advice)") }
    }

    private static func sentence(_ following: FollowingReport, shown: UInt64) -> String {
        let state =
            following.head > shown
            ? "checkpoint \(following.head) is on its way" : "the newest that is known"
        guard let ago = following.answeredAgo else {
            return "\(state); the network has not answered"
        }
        return "\(state); the network answered \(ago / 1000) s ago"
    }

    /// How far the volume is on its way to the network.
    private static func progress(_ report: StatusReport) -> [String] {
        var lines: [String] = []
        func add(_ name: String, _ parts: String?...) {
            let text = parts.compactMap { $0 }.joined(separator: ", ")
            lines.append(name.padding(toLength: 13, withPad: " ", startingAt: 0) + text)
        }
        add(
            "checkpoint",
            report.sequence == 0 ? "none yet" : String(report.sequence),
            report.checkpointAge.map { "of \(Terminal.time($0)) ago" }
        )
        add(
            "unpublished",
            Terminal.bytes(report.unpublishedBytes),
            report.unpublishedAge > 0 ? "oldest \(Terminal.time(report.unpublishedAge)) ago" : nil
        )
        if report.uploadRate > 0 || report.packsInFlight > 0 {
            add(
                "upload",
                "\(Terminal.bytes(report.uploadRate)) a second",
                "\(report.packsInFlight) packs in flight",
                report.uploadSeconds.map { "\(Terminal.time($0 * 1000)) left" }
            )
        }
        add(
            "log",
            Terminal.bytes(report.logBytes)
                + (report.logBytesMax.map { " of \(Terminal.bytes($0))" } ?? ""),
            report.writersWaiting > 0 ? "\(report.writersWaiting) writers wait" : nil
        )
        if let health = report.networkHealth {
            add("lease", report.lease.map { "held (\($0))" } ?? "not held")
            add("health", health)
            add("garbage", report.garbage?.waiting)
        }
        return lines
    }
}
