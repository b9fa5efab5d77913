internal import Volume

/// What a check of a volume found; the keys are those of `fsck --json`.
struct CheckReport: Codable, Sendable {
    struct Problem: Codable, Sendable {
        var kind: String
        var place: String
        var detail: String
        /// `left`, `repairable` or `repaired`.
        var outcome: String
        var text: String
    }

    /// What a database that was made anew came from.
    struct Rebuilt: Codable, Sendable {
        /// The checkpoint that it began with; 0 for none.
        var sequence: UInt64
        /// The newest record of the log in it.
        var lastRecord: UInt64
        /// Records that are nowhere, each the first and the last of some.
        var missing: [[UInt64]]

        var text: String {
            let base = sequence == 0 ? "the log alone" : "checkpoint \(sequence) and the log"
            let lost = missing.map { "\n  records \($0[0]) to \($0[1]) of the log are lost" }
            return "the database was made anew from \(base), up to record \(lastRecord)"
                + lost.joined()
        }
    }

    var problems: [Problem]
    var problemCount: Int
    var repairedCount: Int
    var inodes: Int
    var names: Int
    var extents: Int
    var slices: Int
    /// Of a deep check.
    var bytesRead: UInt64?
    var rebuilt: Rebuilt?
    /// Of fsck(8).
    var exitCode: Int32

    init(_ report: FsckReport, isDeep: Bool = false) {
        problems = report.problems.map { problem in
            Problem(
                kind: problem.kind.rawValue,
                place: problem.place,
                detail: problem.detail,
                outcome: problem.outcome.rawValue,
                text: problem.description
            )
        }
        problemCount = report.problemCount
        repairedCount = report.repairedCount
        inodes = report.inodes
        names = report.names
        extents = report.extents
        slices = report.slices
        bytesRead = isDeep ? report.bytesRead : nil
        exitCode = report.exitCode
    }

    init(_ report: RebuildReport) {
        self.init(report.check)
        rebuilt = Rebuilt(
            sequence: report.sequence,
            lastRecord: report.lastLSN,
            missing: report.missing.map { [$0.lowerBound, $0.upperBound] }
        )
        exitCode |= FsckReport.errorsCorrected
    }

    var verdict: String {
        if problemCount == 0 { return "clean" }
        if repairedCount == problemCount { return "\(problemCount) errors, all repaired" }
        return repairedCount == 0
            ? "\(problemCount) errors" : "\(problemCount) errors, \(repairedCount) repaired"
    }
}
