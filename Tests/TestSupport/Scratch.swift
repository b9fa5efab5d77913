internal import Foundation

/// A temporary folder, and everything that a test started in it: nothing of it outlives the test.
///
/// Mounts below the folder are unmounted and processes that were named here are ended, by pid,
/// before the folder goes; also when the test fails.
package final class Scratch {
    package let path: String
    private var processes: [Int32] = []

    private init() throws {
        let base = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        path = base + "/walrusfs-test-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755]
        )
    }

    /// Runs `body` with a fresh folder and cleans up after it.
    package static func with<Result>(
        _ body: (Scratch) throws -> Result
    ) throws -> Result {
        let scratch = try Scratch()
        defer { scratch.cleanUp() }
        return try body(scratch)
    }

    /// Runs `body` with a fresh folder and cleans up after it.
    package static func withAsync<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Scratch) async throws -> Result
    ) async throws -> Result {
        let scratch = try Scratch()
        defer { scratch.cleanUp() }
        return try await body(scratch)
    }

    /// Makes a folder below and returns its path.
    package func folder(_ name: String) throws -> String {
        let folder = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        return folder
    }

    /// A process that the test started and that must not outlive it.
    package func owns(process: Int32) { processes.append(process) }

    /// A process that has ended and was waited for: its number may be somebody else's by now.
    package func disowns(process: Int32) { processes.removeAll { $0 == process } }

    /// The mountpoints below the folder.
    package var mounts: [String] {
        let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        return table.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix(path) else { return nil }
            return String(fields[1])
        }
    }

    private func cleanUp() {
        for mount in mounts.reversed() {
            // A mount that is already gone is what is wanted.
            _ = try? Tool.run("umount", ["-l", mount])
        }
        for process in processes where process > 1 { kill(process, SIGKILL) }
        // What still runs below this folder was left by a command: find it by its arguments.
        for process in Self.processes(mentioning: path) { kill(process, SIGKILL) }
        try? FileManager.default.removeItem(atPath: path)  // Gone, or not: the next run differs.
    }

    private static func processes(mentioning text: String) -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.filter { process in
            guard process != getpid(),
                let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")
            else { return false }
            return String(decoding: line, as: UTF8.self).contains(text)
        }
    }
}
