internal import Foundation
internal import TestSupport
internal import Testing

/// System calls in thousands of combinations, answered as the machine's own filesystem answers.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct PosixTests {
    /// `WALRUS_POSIX=full` performs every case (`make conformance`); without it, one of so many of
    /// each generated family.
    static let isFull = ProcessInfo.processInfo.environment["WALRUS_POSIX"] == "full"
    private static let share = 4

    private static func chosen() -> [PosixCase] {
        isFull ? PosixCase.all : PosixCase.sample(share)
    }

    @Test(arguments: [("root", "0:0"), ("user", Who.owner)])
    func aVolumeAnswersLikeAnyFilesystem(_ name: String, _ who: String) throws {
        let cases = Self.chosen()
        #expect(Set(cases.map(\.name)).count == cases.count, "names of cases are given once")
        try Mounted.with(.volume) { mounted in
            let scratch = mounted.scratch
            let local = try PosixRun.perform(
                cases,
                in: scratch.folder("local"),
                as: who,
                scratch
            )
            let volume = try PosixRun.perform(cases, in: mounted.mountpoint, as: who, scratch)
            var differences = 0
            var seen: Set<Int> = []
            for item in cases {
                guard let left = local.answers[item.name], let right = volume.answers[item.name]
                else {
                    Issue.record("case \(item.name) was not performed")
                    continue
                }
                guard left != right else { continue }
                let meant = PosixDifference.all.firstIndex { $0.covers(item, left, right) }
                if let meant {
                    seen.insert(meant)
                    continue
                }
                differences += 1
                if differences <= 20 { Issue.record("\(item.explain(left, right))") }
            }
            print("posix: \(cases.count) cases as \(name), \(differences) differ")
            #expect(differences == 0)
            for (index, difference) in PosixDifference.all.enumerated()
            where Self.isFull
                || PosixCase.differences.contains(where: { difference.covers($0.name) })
            {
                #expect(seen.contains(index), "no longer seen: \(difference)")
            }
        }
    }

    /// Each row of the page has a case that shows it, and each difference has its row.
    @Test func thePageOnSemanticsListsTheDifferences() throws {
        let path = Fixtures.repositoryPath("Docs/Semantics.md")
        let page = try String(contentsOfFile: path, encoding: .utf8)
        let table = try #require(page.components(separatedBy: "## Differences from ext4\n").last)
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
        #expect(rows.count > 5)
        for row in rows {
            #expect(PosixDifference.all.contains { row.contains($0.row) }, "no case shows: \(row)")
        }
        for difference in PosixDifference.all {
            #expect(
                rows.count { $0.contains(difference.row) } == 1,
                "the page has not one row for \(difference)"
            )
        }
    }
}
