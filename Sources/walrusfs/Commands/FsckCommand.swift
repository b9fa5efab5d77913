internal import ArgumentParser
internal import Glibc
internal import SystemIO
internal import Volume

/// `walrusfs fsck`.
struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check the local state of a volume that is not mounted.",
        discussion: """
            Reads all metadata and computes anew what is kept twice: names and links, sizes,
            references, where bytes are. Repairs nothing, and needs no network.

            The exit status is that of fsck(8): 0 no errors, 4 errors, 8 the check could not be
            made.

              walrusfs fsck default
            """
    )

    @Argument(help: "The volume's name.")
    var volume = Home.defaultVolume

    func run() throws {
        let path = try Home().state(of: volume)
        let report: FsckReport
        do throws(StateError) {
            report = try Self.check(path)
        } catch .volume(.corrupt(let what)) {
            Terminal.printError("walrusfs fsck: '\(volume)' is damaged: \(what)")
            Glibc.exit(FsckReport.errorsLeft)
        } catch {
            let failure = CommandFailure(error, volume: volume)
            Terminal.printError("walrusfs fsck: \(failure)")
            Glibc.exit(FsckReport.operationalError)
        }
        for problem in report.problems { print("\(problem)") }
        let hidden = report.problemCount - report.problems.count
        if hidden > 0 { print("and \(hidden) more") }
        print(
            "\(volume): \(report.inodes) inodes, \(report.names) names, \(report.extents) "
                + "extents, \(report.slices) slices: "
                + (report.isClean ? "clean" : "\(report.problemCount) errors")
        )
        if !report.isClean { Glibc.exit(report.exitCode) }
    }

    private static func check(_ path: String) throws(StateError) -> FsckReport {
        let disk = LinuxFileSystem()
        let state = try StateDirectory.open(path, disk: disk)
        var configuration = VolumeConfiguration()
        // Without a lease's token nothing of the volume changes.
        configuration.token = nil
        let volume = try Volume.open(
            state,
            configuration,
            disk: disk,
            entropy: LinuxEntropy(),
            time: LinuxTimeSource()
        )
        do throws(VolumeError) { return try volume.check() } catch { throw .volume(error) }
    }
}
