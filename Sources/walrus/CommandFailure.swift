internal import ArgumentParser
internal import Glibc

/// Why a command ends without having done what it was asked to.
///
/// Codes are part of what scripts rely on: they are only ever added to.
enum CommandFailure: Int32 {
    case failed = 1
    /// Of a network whose health was asked for: it can not be written, or not all of it be read.
    case critical = 2
    /// What was read is not what it should be, so trying again does not help.
    case damaged = 65

    /// Says why on standard error and ends the command with this code.
    func report(_ message: String) -> ExitCode {
        Terminal.writeError("walrus: \(message)\n")
        return ExitCode(rawValue)
    }
}

/// Standard error, and whether somebody is looking.
enum Terminal {
    static func writeError(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
            // Nobody is left to be told that standard error is gone.
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    static var showsProgress: Bool { isatty(2) == 1 }
}

/// Hands printed lines over at once, also when standard output is a pipe or a file.
func flushOutput() { _ = fflush(nil) }
