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
