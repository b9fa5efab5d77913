internal import ArgumentParser
internal import BlobModel
internal import Foundation
internal import SystemIO
internal import Volume

/// `walrusfs rescue`.
struct RescueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rescue",
        abstract: "Save what only this machine has of a volume that can not be published any more.",
        discussion: """
            For a mount that lost its lease, or whose volume was written elsewhere meanwhile: what
            it had not published is kept, and this copies it out. The volume must not be mounted,
            and is not changed.

            Into a directory, which is made and must be empty, go the files that were made or
            changed since the last published checkpoint, whole, in their places, and everything
            below directories that were made or moved; names that were removed are told. With
            --all it is the whole tree. Modes, owners, times, extended attributes, hard links and
            holes are kept, as far as this user may. Without the network it copies what is on this
            machine, and tells each range that it is not, which is a hole then: exit status 69.

            With --as-volume the whole tree becomes a new volume on the same network, with a key of
            its own, published when the command returns.

              walrusfs rescue photos /srv/photos-rescued
              walrusfs rescue --all photos /srv/photos-rescued
              walrusfs rescue photos --as-volume photos-2
            """
    )

    @Flag(help: "The whole tree, not only what is not published.")
    var all = false

    @Option(help: "Make a new volume of this name instead of filling a directory.")
    var asVolume: String?

    @Flag(help: "Print what was copied, and what was not, as JSON.")
    var json = false

    @Argument(help: "The volume.")
    var volume: String

    @Argument(help: "The directory to fill.")
    var directory: String?

    func validate() throws {
        guard (directory == nil) != (asVolume == nil) else {
            throw ValidationError("give either a directory or --as-volume")
        }
        if all, asVolume != nil {
            throw ValidationError("a new volume always gets the whole tree")
        }
    }

    func run() async throws {
        let rescuer = VolumeRescuer(home: Home(), volume: volume)
        let summary: RescueSummary
        if let asVolume {
            summary = try await rescuer.rescue(asVolume: asVolume)
        } else {
            summary = try await rescuer.rescue(into: Home.absolute(directory ?? ""), all: all)
        }
        if json {
            print(String(decoding: ControlCoding.encode(summary), as: UTF8.self), terminator: "")
        } else {
            tell(summary)
        }
        if !summary.lost.isEmpty {
            throw CommandFailure(
                .unavailable,
                "\(Terminal.bytes(summary.lostBytes)) could not be read, and are holes in the copy",
                advice: "try again when the network answers, into another directory"
            )
        }
    }

    private func tell(_ summary: RescueSummary) {
        let target = asVolume.map { "the new volume '\($0)'" } ?? directory ?? ""
        print(
            "Copied \(summary.files) files, \(summary.directories) directories and "
                + "\(summary.others) others, \(Terminal.bytes(summary.bytes)), to \(target)."
        )
        for path in summary.removed { print("removed:  \(path)") }
        for loss in summary.notKept { print("not kept: \(loss.path): \(loss.what)") }
        for loss in summary.lost {
            print(
                "not read: \(loss.path): \(loss.length) bytes from \(loss.offset): \(loss.reason)"
            )
        }
        if let asVolume {
            print("Mount it:       walrusfs mount \(asVolume) DIRECTORY")
            print("Keep its key:   walrusfs key export \(asVolume) > \(asVolume).key")
        }
    }
}

/// What a rescue did; the keys are those of `rescue --json`.
struct RescueSummary: Codable, Sendable {
    struct Loss: Codable, Sendable {
        let path: String
        let offset: UInt64
        let length: UInt64
        let reason: String
    }

    struct NotKept: Codable, Sendable {
        let path: String
        let what: String
    }

    var files: Int
    var directories: Int
    /// Symbolic links, FIFOs, sockets and devices.
    var others: Int
    var bytes: UInt64
    var lost: [Loss]
    var notKept: [NotKept]
    var removed: [String]

    var lostBytes: UInt64 { lost.reduce(0) { $0 + $1.length } }

    init(_ report: RescueReport) {
        func text(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
        files = report.files
        directories = report.directories
        others = report.others
        bytes = report.bytes
        lost = report.lost.map { loss in
            Loss(
                path: text(loss.path),
                offset: loss.offset,
                length: loss.length,
                reason: loss.reason
            )
        }
        notKept = report.notKept.map { NotKept(path: text($0.path), what: $0.what) }
        removed = report.removed.map(text)
    }
}
