internal import ArgumentParser
internal import Glibc
internal import Synchronization
internal import SystemIO
internal import Volume

/// `walrusfs fsck`.
struct FsckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check a volume, and repair what is certain.",
        discussion: """
            Reads all metadata and computes anew what is kept twice: names and links, sizes,
            references, where bytes are. A mounted volume is checked as it is at that moment, and
            goes on. --deep also reads every byte back, from the network and the local log,
            verifies it, and names the files that something is missing of.

            --repair (or -y, -p) sets right what is certain, in a volume that is not mounted:
            counts, wrong references, names of nothing; what has lost its name comes to
            'lost+found'. -n changes nothing, which is also what happens without either. What only
            a person can decide is told, and left.

            --rebuild makes the local database anew, if it is lost or damaged, from the newest
            checkpoint on the network and the local log. It refuses where operations may be missing
            that no checkpoint has, and says which; --accept-loss goes on without them. The old
            database is kept as 'volume.db.damaged'.

            The exit status is that of fsck(8): 0 no errors, 1 errors were corrected, 4 errors are
            left, 5 both, 8 the check could not be made, 16 the command line was wrong, 32 it was
            interrupted.

              walrusfs fsck default
              walrusfs fsck --deep --json photos
              walrusfs fsck --repair photos
              walrusfs fsck --rebuild photos
            """
    )

    @Flag(help: "Set right what is certain.")
    var repair = false

    @Flag(name: .customShort("y"), help: "The same as --repair.")
    var yes = false

    @Flag(name: .customShort("p"), help: "The same as --repair.")
    var preen = false

    @Flag(name: .customShort("n"), help: "Change nothing.")
    var dryRun = false

    @Flag(help: "Read every byte back, and verify it.")
    var deep = false

    @Flag(help: "Make the local database anew.")
    var rebuild = false

    @Flag(help: "Rebuild also where operations are missing.")
    var acceptLoss = false

    @Flag(help: "Print what is found as JSON.")
    var json = false

    @Argument(help: "The volume's name; if it is mounted, also a path in it.")
    var volume = Home.defaultVolume

    private var repairs: Bool { repair || yes || preen }

    func validate() throws {
        if dryRun, repairs || rebuild { throw ValidationError("-n repairs and rebuilds nothing") }
        if acceptLoss, !rebuild { throw ValidationError("--accept-loss is for --rebuild") }
        if deep, rebuild { throw ValidationError("rebuild first, then check with --deep") }
    }

    func run() async throws {
        // All that is changed is changed by operations, of which a prefix may be there.
        signal(SIGINT) { _ in Glibc._exit(FsckReport.cancelled) }
        let line = SharedProgressLine(isShown: !json)
        do throws(CommandFailure) {
            let report = try await work(line)
            line.finish()
            show(report)
            if report.exitCode != 0 { Glibc.exit(report.exitCode) }
        } catch {
            line.finish()
            Terminal.printError("walrusfs fsck: \(error)")
            Glibc.exit(
                error.status == .damaged ? FsckReport.errorsLeft : FsckReport.operationalError
            )
        }
    }

    private func work(_ line: SharedProgressLine) async throws(CommandFailure) -> CheckReport {
        let home = Home()
        if let client = try? ControlClient(for: volume, home: home) {
            do throws(CommandFailure) {
                return try ask(client, line)
            } catch {
                // Nobody mounts it: the check is this process's.
                if error.status != .notFound { throw error }
            }
        }
        let path: String
        do {
            path = try home.state(of: volume)
        } catch {
            throw CommandFailure(.notFound, "there is no volume '\(volume)': \(error)")
        }
        let mender = VolumeMender(name: volume, path: path)
        if rebuild { return try await mender.rebuild(acceptsLoss: acceptLoss) }
        return try await mender.check(repairs: repairs, isDeep: deep) { line.show($0) }
    }

    private func ask(
        _ client: ControlClient,
        _ line: SharedProgressLine
    ) throws(CommandFailure) -> CheckReport {
        if repairs || rebuild {
            let _: StatusReport = try client.ask(ControlRequest(command: .status))
            throw CommandFailure(
                .busy,
                "'\(volume)' is mounted",
                advice: "unmount it first: what is in use is not repaired"
            )
        }
        var request = ControlRequest(command: .fsck)
        request.deep = deep
        return try client.ask(request) { line.show($0) }
    }

    private func show(_ report: CheckReport) {
        if json {
            let text = String(decoding: ControlCoding.encode(report), as: UTF8.self)
            return print(text, terminator: "")
        }
        for problem in report.problems { print(problem.text) }
        let hidden = report.problemCount - report.problems.count
        if hidden > 0 { print("and \(hidden) more") }
        if let rebuilt = report.rebuilt { print(rebuilt.text) }
        let read = report.bytesRead.map { ", \(Terminal.bytes($0)) read back" } ?? ""
        print(
            "\(volume): \(report.inodes) inodes, \(report.names) names, \(report.extents) "
                + "extents, \(report.slices) slices\(read): " + report.verdict
        )
    }
}

/// A line of progress that several tasks tell of.
final class SharedProgressLine: Sendable {
    // Guards the line on the terminal.
    private let line = Mutex(ProgressLine())
    private let isShown: Bool

    init(isShown: Bool) { self.isShown = isShown }

    func show(_ progress: Progress) {
        if isShown { line.withLock { $0.show(progress) } }
    }

    func finish() { line.withLock { $0.finish() } }
}
