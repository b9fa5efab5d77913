internal import Foundation
internal import Testing

/// Pages that point somewhere, point to something.
@Suite struct DocumentTests {
    @Test func everyPageHasOneTitle() {
        for page in SourceTree.pages {
            var isInFence = false
            var titles = 0
            for line in page.lines {
                if line.hasPrefix("```") { isInFence.toggle() }
                if !isInFence, line.hasPrefix("# ") { titles += 1 }
            }
            #expect(titles == 1, "\(page.path) has \(titles) titles")
        }
    }

    @Test func everyLinkResolves() throws {
        let link = /\]\(([^)#\s]+)(#[^)]*)?\)/
        let readme = SourceTree.files(in: ["."], suffix: "README.md")
        for page in SourceTree.pages + readme where !page.path.contains(".build") {
            let folder = SourceTree.top.appending(path: page.path).deletingLastPathComponent()
            for match in page.lines.joined(separator: "\n").matches(of: link) {
                let target = String(match.1)
                guard !target.contains("://") else { continue }
                let url = folder.appending(path: target)
                #expect(
                    FileManager.default.fileExists(atPath: url.path),
                    "\(page.path) points to \(target)"
                )
            }
        }
    }

    /// A source that names a page names one that is there.
    @Test func everyPageNamedInASourceExists() {
        let name = /Docs\/[A-Za-z0-9\/_-]+\.md/
        for file in SourceTree.swift {
            for match in file.lines.joined(separator: "\n").matches(of: name) {
                let path = SourceTree.top.appending(path: String(match.0)).path
                #expect(
                    FileManager.default.fileExists(atPath: path),
                    "\(file.path): \(match.0)"
                )
            }
        }
    }

    /// Decisions are numbered, and a number is given once.
    @Test func decisionsAreNumberedOnce() {
        let names = SourceTree.pages.filter { $0.path.hasPrefix("Docs/Decisions/") }.map(\.name)
        let numbers = names.map { $0.prefix(4) }
        #expect(numbers.allSatisfy { $0.allSatisfy(\.isNumber) }, "\(names)")
        #expect(Set(numbers).count == numbers.count, "\(names)")
    }
}
