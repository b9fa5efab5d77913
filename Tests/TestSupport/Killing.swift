internal import Foundation

/// Ends processes by force.
package enum Killing {
    /// Kills a process, and returns when nothing of it is left that others could meet: it runs no
    /// more, and its files, locks and ports are free.
    ///
    /// A signal is only a wish: on a busy machine the process goes some time after kill(2)
    /// returned.
    package static func now(_ process: Int32) throws {
        guard kill(process, SIGKILL) == 0 else {
            throw ToolFailure("no process \(process) to kill: \(errno)")
        }
        while isThere(process) { usleep(1000) }
    }

    /// Whether it is more than a number that its parent has not asked for yet.
    private static func isThere(_ process: Int32) -> Bool {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat"),
            let state = String(decoding: stat, as: UTF8.self).split(separator: ")").last?
                .drop(while: { $0 == " " }).first
        else { return false }
        return state != "Z" && state != "X"
    }
}
