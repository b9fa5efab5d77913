internal import BlobModel
internal import SystemIO

/// A directory of one blob's slivers: `primary-00000.bin` and so on, named by sliver index and
/// holding the bytes of the sliver alone, and `metadata.bcs`.
struct SliverFiles {
    let path: String
    static let metadataName = "metadata.bcs"

    private var files: LinuxFileSystem { CommandFiles.files }

    func path(of name: String) -> String { "\(path)/\(name)" }

    static func name(_ axis: SliverAxis, _ index: SliverIndex) -> String {
        let digits = String(index.rawValue)
        return axis.name + "-" + String(repeating: "0", count: 5 - digits.count) + digits + ".bin"
    }

    /// The sliver that a file is named for; nil for other files.
    static func sliver(named name: String) -> (axis: SliverAxis, index: SliverIndex)? {
        guard name.hasSuffix(".bin") else { return nil }
        let parts = name.dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let axis = SliverAxis(name: String(parts[0])),
            let number = UInt16(parts[1])
        else { return nil }
        let index = SliverIndex(number)
        return Self.name(axis, index) == name ? (axis, index) : nil
    }

    /// The slivers that there are files for, primary ones first, in order of their index.
    func slivers() throws -> [(axis: SliverAxis, index: SliverIndex)] {
        do {
            return try files.list(path).compactMap { Self.sliver(named: $0) }
        } catch {
            throw CommandFailure.failed.report("cannot list \(path): \(error)")
        }
    }

    /// Makes the directory, and removes what an earlier encoding left in it.
    func prepare() throws {
        do {
            try files.makeDirectories(path)
            for name in try files.list(path)
            where name == Self.metadataName || Self.sliver(named: name) != nil {
                try files.removeFile(self.path(of: name))
            }
        } catch {
            throw CommandFailure.failed.report("cannot prepare \(path): \(error)")
        }
    }
}
