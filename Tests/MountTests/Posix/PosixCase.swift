/// A sequence of system calls, for `posix-calls` (`Tests/PosixCalls/main.c` has the words).
///
/// It runs on the machine's own filesystem and on a volume, which must answer alike, so no
/// expectation is written by hand.
struct PosixCase: Sendable {
    let name: String
    let lines: [String]

    init(_ name: String, _ lines: [String]) {
        self.name = name
        self.lines = lines
    }

    /// All of them.
    static let all =
        renames + renameCorners + pathOperations + pathErrors + openings + directoryPermissions
        + filePermissions + stickyDirectories + modeChanges + ownerChanges + privilegeLosses
        + inheritance + masks + timesOfCalls + timesSet + timesOfReads + attributes
        + accessListChecks + accessListInheritance + accessListModes + accessListCorners
        + truncations + allocations + holes + clones + mappings + directAccess + unlinkedFiles
        + unnamedFiles + locks + listings + nodes + programs + limits
        + refusals + differences
}

/// Who makes a call: user, group, supplementary groups.
enum Who {
    static let root = "0:0"
    static let owner = "1001:1001,3001"
    static let member = "1002:1001"
    static let supplementary = "1003:1003,1001"
    static let other = "1004:1004"

    static let all = [
        ("root", root), ("owner", owner), ("member", member), ("supplementary", supplementary),
        ("other", other),
    ]
}

/// What a name may stand for.
enum Thing: String, CaseIterable {
    case nothing
    case file
    case emptyDirectory = "empty-directory"
    case fullDirectory = "full-directory"
    case dangling = "dangling-link"
    case toFile = "link-to-file"
    case toDirectory = "link-to-directory"
    case loop
    case fifo
    case socket
    case device

    /// The calls that make it at `path`; what links lead to lies beside it.
    func make(_ path: String) -> [String] {
        switch self {
        case .nothing: []
        case .file: ["put contents \(path)"]
        case .emptyDirectory: ["mkdir 0755 \(path)"]
        case .fullDirectory: ["mkdir 0755 \(path)", "put inner \(path)/inner"]
        case .dangling: ["symlink nowhere \(path)"]
        case .toFile: ["put beside \(path).to", "symlink \(Self.last(path)).to \(path)"]
        case .toDirectory: ["mkdir 0755 \(path).to", "symlink \(Self.last(path)).to \(path)"]
        case .loop: ["symlink \(Self.last(path)) \(path)"]
        case .fifo: ["mknod p 0644 \(path)"]
        case .socket: ["mknod s 0644 \(path)"]
        case .device: ["mknod c 0644 \(path) 1 3"]
        }
    }

    private static func last(_ path: String) -> Substring {
        path.split(separator: "/").last ?? ""
    }
}

/// Octal, as the calls take it.
func octal(_ value: Int) -> String { "0" + String(value, radix: 8) }

extension PosixCase {
    /// One of `share` of the cases, spread over all families; what shows differences, whole.
    static func sample(_ share: Int) -> [PosixCase] {
        let isDifference = Set(differences.map(\.name))
        return all.enumerated().compactMap { index, item in
            index % share == 0 || isDifference.contains(item.name) ? item : nil
        }
    }
}
