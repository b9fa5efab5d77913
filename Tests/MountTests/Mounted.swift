internal import Foundation
internal import TestSupport
internal import Testing

/// What is mounted for a test.
enum MountKind: String, CaseIterable, CustomTestStringConvertible {
    /// Dictionaries behind the kernel adapter: what fails here is the adapter's fault.
    case plain
    /// The same, answering reads, writes and syncs later.
    case late
    /// A volume, through the command.
    case volume

    var testDescription: String { rawValue }
}

/// A mount of its own for one test.
struct Mounted {
    let scratch: Scratch
    let mountpoint: String
    let environment: [String: String]
    var options: [String] = []

    /// Real mounts need the kernel's door; without it the suite is skipped, and says so.
    static var isPossible: Bool { FileManager.default.isWritableFile(atPath: "/dev/fuse") }

    /// Runs `body` with a mount, and ends it in good order.
    ///
    /// With `diskSize`, as mount(8) takes it for tmpfs, the volume's state lies on a disk of its
    /// own.
    static func with(
        _ kind: MountKind,
        options: [String] = ["allow_other", "suid", "dev"],
        environment: [String: String] = [:],
        diskSize: String? = nil,
        _ body: (Mounted) throws -> Void
    ) throws {
        try Scratch.with { scratch in
            if let diskSize {
                let disk = try scratch.folder("home")
                try Tool.succeed("mount", ["-t", "tmpfs", "-o", "size=\(diskSize)", "none", disk])
            }
            let mounted = Mounted(
                scratch: scratch,
                mountpoint: try scratch.folder("mnt"),
                environment: environment.merging(
                    ["WALRUSFS_HOME": try scratch.folder("home")],
                    uniquingKeysWith: { $1 }
                ),
                options: options
            )
            try mounted.start(kind, options)
            try body(mounted)
            try Tool.succeed("umount", [mounted.mountpoint])
        }
    }

    private func start(_ kind: MountKind, _ options: [String]) throws {
        if kind == .volume {
            try Tool.succeed(
                "walrusfs",
                ["create", "--network", "none", "test"],
                environment: environment
            )
            try mount(options)
        } else {
            _ = try startPlain((kind == .late ? ["late"] : []) + options)
        }
    }

    private func mount(_ options: [String]) throws {
        let list = options.isEmpty ? [] : ["-o", options.joined(separator: ",")]
        try Tool.succeed(
            "walrusfs",
            ["mount"] + list + ["test", mountpoint],
            environment: environment
        )
    }

    /// Unmounts the volume and mounts it again, with other options if there are any.
    func remount(_ options: [String]? = nil) throws {
        try Tool.succeed("walrusfs", ["umount", mountpoint], environment: environment)
        try mount(options ?? self.options)
    }

    /// Leaves so many bytes free on the disk that the volume's state lies on.
    func leaveFree(_ bytes: Int) throws {
        let disk = scratch.path + "/home"
        let used =
            try Tool.succeed("df", ["--output=used", "-B1", disk])
            .split(separator: "\n").last.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        try Tool.succeed("mount", ["-o", "remount,size=\(used + bytes)", disk])
    }

    /// Mounts a plain tree and returns the process that serves it.
    func startPlain(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: Tool.products + "/plain-mount")
        process.arguments = [mountpoint] + arguments
        process.standardInput = FileHandle.nullDevice
        let log = scratch.path + "/log"
        guard FileManager.default.createFile(atPath: log, contents: nil),
            let output = FileHandle(forWritingAtPath: log)
        else { throw ToolFailure("can not write \(log)") }
        process.standardOutput = output
        process.standardError = output
        try process.run()
        scratch.owns(process: process.processIdentifier)
        // Only a hang takes two minutes.
        for _ in 0..<12_000 {
            if isAlive { return process }
            guard process.isRunning else { break }
            usleep(10_000)
        }
        throw ToolFailure(try String(contentsOfFile: log, encoding: .utf8))
    }

    /// Whether a mount is there and answers.
    private var isAlive: Bool {
        var status = stat()
        return unsafe scratch.mounts.contains(mountpoint) && lstat(mountpoint, &status) == 0
    }

    @discardableResult
    func script(_ text: String) throws -> String {
        try Tool.script(text, in: mountpoint, environment: environment)
    }
}
