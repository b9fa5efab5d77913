internal import Foundation
internal import TestSupport

/// What `posix-calls` printed for each case.
struct PosixRun {
    let answers: [String: [String]]

    /// Performs cases in a folder, as somebody.
    static func perform(_ cases: [PosixCase], in folder: String, as who: String, _ scratch: Scratch)
        throws -> PosixRun
    {
        let script = scratch.path + "/cases-\(UUID().uuidString.prefix(8))"
        var text = ""
        for item in cases {
            text += "case \(item.name)\n"
            for line in item.lines { text += line + "\n" }
        }
        try Data(text.utf8).write(to: URL(filePath: script))
        let program = Tool.products + "/posix-calls"
        let result = try Tool.run(
            "bash",
            ["-c", "exec '\(program)' '\(folder)' \(who) < \(script)"]
        )
        guard result.status == 0 else { throw ToolFailure("\(result)") }
        return PosixRun(parsing: result.output)
    }

    private init(parsing output: String) {
        var answers: [String: [String]] = [:]
        var name = ""
        for line in output.split(separator: "\n") {
            if line.hasPrefix("case ") {
                name = String(line.dropFirst(5))
                answers[name] = []
            } else if line != "end" {
                answers[name]?.append(String(line))
            }
        }
        self.answers = answers
    }
}

/// A difference between a volume and the machine's filesystem that is meant.
///
/// One that no case shows any more fails the test, so the list stays true.
struct PosixDifference {
    /// Cases whose name begins and ends so.
    let prefix: String
    var suffix = ""
    /// Answers of the machine's filesystem that contain this may differ.
    let local: String
    let reason: String

    func covers(_ item: PosixCase, _ local: [String], _ volume: [String]) -> Bool {
        guard item.name.hasPrefix(prefix), item.name.hasSuffix(suffix) else { return false }
        guard local.count == volume.count else { return false }
        return zip(local, volume).allSatisfy { $0 == $1 || $0.contains(self.local) }
    }

    /// Each is in the table of `Docs/Semantics.md`.
    static let all: [PosixDifference] = [
        PosixDifference(
            prefix: "chown -1 -1 of a file",
            local: "EPERM p:",
            reason: "the kernel sends the same for a write by others"
        ),
        PosixDifference(
            prefix: "other on 02766",
            local: "0766 ",
            reason: "the kernel does not say who is of the group"
        ),
        PosixDifference(
            prefix: "other on 06766",
            local: "0766 ",
            reason: "the kernel does not say who is of the group"
        ),
        PosixDifference(
            prefix: "times of read at the end",
            local: " f:a",
            reason: "the kernel knows the size, and does not ask"
        ),
        PosixDifference(
            prefix: "times of copy",
            local: "6 f:a g:mc",
            reason: "a clone reads nothing"
        ),
        PosixDifference(
            prefix: "times of mapped",
            local: " f:",
            reason: "pages of a mapping are read and written when the kernel wants to"
        ),
        PosixDifference(
            prefix: "times of private write",
            local: " f:",
            reason: "the page is read from the volume first"
        ),
    ]
}

extension PosixCase {
    /// The calls with both answers, for a person.
    func explain(_ local: [String], _ volume: [String]) -> String {
        var text = "case \(name)\n"
        for (index, line) in lines.enumerated() { text += "  \(index): \(line)\n" }
        for index in 0..<max(local.count, volume.count) {
            let left = index < local.count ? local[index] : ""
            let right = index < volume.count ? volume[index] : ""
            text += left == right ? "    \(left)\n" : "  - \(left)\n  + \(right)\n"
        }
        return text
    }
}
