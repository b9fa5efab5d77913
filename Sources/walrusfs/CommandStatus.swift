/// What the commands exit with.
///
/// Scripts know these numbers: a case is never renumbered, only added. They are those of
/// sysexits(3) as far as that has them.
enum CommandStatus: Int32, CaseIterable {
    case success = 0
    case failure = 1
    case usage = 64
    case notFound = 66
    case unavailable = 69
    case exists = 73
    case inputOutput = 74
    case busy = 75
    case damaged = 76
    case notPermitted = 77
    case configuration = 78

    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "failed for another reason than those below"
        case .usage: "the command line was wrong"
        case .notFound: "no such volume, mountpoint, file or network"
        case .unavailable: "the network did not answer; trying again may help"
        case .exists: "the volume is there already"
        case .inputOutput: "the disk returned an error or is full"
        case .busy: "in use by another process, or mounted already"
        case .damaged: "local state or a key is damaged, foreign, newer or copied"
        case .notPermitted: "not permitted, or the key is wrong"
        case .configuration: "this machine lacks something, such as /dev/fuse"
        }
    }

    /// The table for `--help`.
    static var table: String {
        allCases.map { status in
            let number = String(status.rawValue)
            let gap = String(repeating: " ", count: 4 - number.count)
            return "  \(number)\(gap)\(status.meaning)"
        }.joined(separator: "\n")
    }
}

/// A command that did not do what it was asked.
struct CommandFailure: Error, CustomStringConvertible {
    let status: CommandStatus
    /// What failed, and on what.
    let message: String
    /// What to do about it.
    let advice: String?

    init(_ status: CommandStatus, _ message: String, advice: String? = nil) {
        self.status = status
        self.message = message
        self.advice = advice
    }

    var description: String { message + (advice.map { "\n  \($0)" } ?? "") }

    /// As one line of a daemon's readiness pipe: the status, then the text.
    var encoded: String { "\(status.rawValue)\n\(description)" }

    /// Reads ``encoded``.
    init(encoded: String) {
        let parts = encoded.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let status = parts.first.flatMap { Int32($0) }.flatMap { CommandStatus(rawValue: $0) }
        guard let status, parts.count == 2 else {
            self.init(.failure, encoded)
            return
        }
        self.init(status, String(parts[1]))
    }
}
