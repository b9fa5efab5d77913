internal import Foundation
internal import Testing

/// The house rules that a machine can check (`Docs/Style.md`).
@Suite struct StyleTests {
    @Test func theTreeIsFound() {
        #expect(SourceTree.sources.count > 10)
        #expect(SourceTree.pages.count > 3)
    }

    @Test func linesFitAHundredColumns() {
        for file in SourceTree.swift {
            for (index, line) in file.lines.enumerated() where line.count > 100 {
                Issue.record("\(file.path):\(index + 1): \(line.count) columns")
            }
        }
    }

    @Test func filesAreReadableInOneSitting() {
        for file in SourceTree.swift where file.lines.count > 800 {
            Issue.record("\(file.path): \(file.lines.count) lines; split it by concern")
        }
    }

    /// In sources; a table of cases in a test may take a hundred.
    ///
    /// A function's lines are counted from its `func` or `init` to the brace that closes it at the
    /// same indentation, which swift-format guarantees.
    @Test func functionsFitASeventyLineScreen() {
        for file in SourceTree.swift {
            var open: (indent: Int, start: Int)?
            for (index, line) in file.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                if let function = open {
                    guard indent == function.indent, line.dropFirst(indent).first == "}" else {
                        continue
                    }
                    let length = index - function.start + 1
                    if length > (file.path.hasPrefix("Tests/") ? 100 : 70) {
                        Issue.record("\(file.path):\(function.start + 1): \(length) lines")
                    }
                    open = nil
                } else if isFunctionStart(file.code(at: index)) {
                    open = (indent, index)
                }
            }
        }
    }

    private func isFunctionStart(_ code: String) -> Bool {
        let words = code.split(whereSeparator: { " (<".contains($0) })
        guard let keyword = words.first(where: { $0 == "func" || $0 == "init" }) else {
            return false
        }
        let modifiers = words.prefix { $0 != keyword }
        return modifiers.allSatisfy { word in
            word.hasPrefix("@")
                || [
                    "package", "private", "fileprivate", "internal", "public", "static", "final",
                    "mutating", "override", "nonisolated", "convenience", "required", "consuming",
                    "borrowing", "unsafe",
                ].contains(String(word))
        }
    }

    /// What may not be called, where it may be all the same, and what to use instead.
    private static let banned: [(call: String, allowed: [String], instead: String)] = [
        ("try!", ["Tests/"], "a typed error or a precondition with its reason"),
        ("fatalError()", [], "preconditionFailure with a message"),
        ("TODO", [], "an issue"),
        ("FIXME", [], "an issue"),
        ("Task.detached", ["Sources/walrus", "Sources/walrusfs"], "a structured task"),
        ("UUID()", ["Tests/"], "Entropy"),
        ("Task.sleep", ["Sources/SystemIO/", "Tests/"], "the clock that was passed in"),
        (".random(in:", ["Tests/", "Sources/Simulation/"], "Entropy, or a seeded generator"),
        ("Date()", ["Tests/"], "the clock that was passed in"),
        ("Date.now", ["Tests/"], "the clock that was passed in"),
    ]

    @Test(arguments: banned.indices)
    func bannedCallsAreNotMade(index: Int) {
        let rule = Self.banned[index]
        for file in SourceTree.swift where !file.path.hasPrefix("Tests/TidyTests/") {
            guard !rule.allowed.contains(where: { file.path.hasPrefix($0) }) else { continue }
            for line in file.lines.indices where file.code(at: line).contains(rule.call) {
                Issue.record("\(file.path):\(line + 1): \(rule.call); use \(rule.instead)")
            }
        }
    }

    /// Unstructured tasks escape a seeded executor, so services may not start any.
    @Test func servicesStartNoUnstructuredTasks() {
        let expression = /(^|[^.\w])Task\s*(\(|\{)/
        for file in SourceTree.sources
        where !file.path.hasPrefix("Sources/walrus")
            && !file.path.hasSuffix("/SimulatedWorld.swift")
        {
            for line in file.lines.indices {
                if file.code(at: line).contains(expression) {
                    Issue.record("\(file.path):\(line + 1): Task { } below level 5")
                }
            }
        }
    }

    private static let fences: [(module: String, importers: [String])] = [
        ("NIOCore", ["Transport"]), ("NIOPosix", ["Transport"]), ("NIOHTTP1", ["Transport"]),
        ("NIOSSL", ["Transport", "FuzzTests"]), ("HummingbirdCore", ["Transport"]),
        ("X509", ["Transport"]),
        ("CFuse", ["Mount"]), ("CSQLite", ["SQLite"]), ("CZstd", ["VolumeFormat"]),
        ("CSodium", ["BlobModel", "BlobModelTests"]),
        (
            "CKernels",
            ["BlobModel", "ErasureCoding", "ErasureCodingTests", "BlobModelTests", "EncoderBench"]
        ),
        ("ArgumentParser", ["walrus", "walrusfs"]),
    ]

    @Test(arguments: fences.indices)
    func fencedModulesStayBehindTheirFace(index: Int) {
        let fence = Self.fences[index]
        for file in SourceTree.swift where !fence.importers.contains(file.module) {
            for line in file.lines.indices {
                let words = file.code(at: line).split(separator: " ")
                if words.contains("import"), words.last.map(String.init) == fence.module {
                    Issue.record("\(file.path):\(line + 1): imports \(fence.module)")
                }
            }
        }
    }

    /// `@unchecked Sendable` takes a promise from the compiler; the line above says why it holds.
    @Test func uncheckedSendableSaysWhy() {
        for file in SourceTree.sources {
            for line in file.lines.indices
            where file.code(at: line).contains("@unchecked")
                || line > 0
                    && file.code(at: line).contains("nonisolated(unsafe)")
            {
                let above = file.lines[max(0, line - 8)..<line]
                if !above.contains(where: { $0.contains("//") }) {
                    Issue.record("\(file.path):\(line + 1): give the reason in a comment above")
                }
            }
        }
    }

    @Test func pathsHaveNoSpaces() {
        for file in SourceTree.swift + SourceTree.pages where file.path.contains(" ") {
            Issue.record("\(file.path)")
        }
    }
}
