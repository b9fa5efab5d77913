internal import Foundation

/// The checkout that the tests were built from, read as text.
struct SourceTree {
    struct File {
        /// Relative to the top of the tree.
        let path: String
        let lines: [String]

        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        var module: String {
            let parts = path.split(separator: "/")
            return parts.count > 1 ? String(parts[1]) : ""
        }
    }

    static let top = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All files under `folders` whose name ends so, by path.
    static func files(in folders: [String], suffix: String) -> [File] {
        var files: [File] = []
        for folder in folders {
            let root = top.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: root.path)
            while let name = names?.nextObject() as? String {
                guard name.hasSuffix(suffix) else { continue }
                let url = root.appending(path: name)
                // A file that is not UTF-8 is reported by its absence of lines in no test: the
                // compiler refuses it already.
                let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                files.append(File(path: folder + "/" + name, lines: lines.map(String.init)))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    static let swift = files(in: ["Sources", "Tests"], suffix: ".swift")
    static let sources = swift.filter { $0.path.hasPrefix("Sources/") }
    static let pages = files(in: ["Docs"], suffix: ".md")
}

extension SourceTree.File {
    /// The code of a line: without a comment that takes all of it, and without string contents.
    func code(at index: Int) -> String {
        let line = lines[index]
        if line.trimmingCharacters(in: .whitespaces).hasPrefix("//") { return "" }
        var code = ""
        var isInString = false
        var previous: Character = " "
        for character in line {
            if character == "\"", previous != "\\" { isInString.toggle() }
            if !isInString { code.append(character) }
            previous = character
        }
        return code.components(separatedBy: " // ")[0]
    }
}
