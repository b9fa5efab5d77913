internal import Foundation
internal import Glibc

/// What people see.
enum Terminal {
    /// Whether someone is looking at the error output, where progress is shown.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }

    static func printError(_ text: String) {
        // Nowhere to complain about a closed error output.
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    /// Milliseconds, as a person says it.
    static func time(_ milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1000
        switch seconds {
        case 0..<120: return "\(seconds) s"
        case 120..<7200: return "\(seconds / 60) min"
        default: return "\(seconds / 3600) h"
        }
    }

    static func bytes(_ count: UInt64) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        if unit == 0 { return count == 1 ? "1 byte" : "\(count) bytes" }
        return String(format: "%.1f %@", value, units[unit])
    }
}

/// One line that is written over and over; nothing when nobody looks.
struct ProgressLine {
    private static let width = 24
    private static let clear = "\r\u{1B}[K"
    private var isShown = false
    private var hasBar = false

    mutating func show(_ progress: Progress) {
        guard Terminal.isWatched else { return }
        var line = Self.clear
        hasBar = progress.total > 0
        if hasBar { line += Self.bar(Double(progress.done) / Double(progress.total)) }
        line += progress.step
        if progress.done > 0 { line += "  \(Terminal.bytes(progress.done))" }
        write(line)
        isShown = true
    }

    private static func bar(_ share: Double) -> String {
        let share = min(1, share)
        let filled = Int(share * Double(width))
        let bar =
            String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        return "[\(bar)] \(Int(share * 100)) %  "
    }

    /// Ends the line when all is done: a bar stays, full, and says what is.
    ///
    /// What was estimated before may have come to less: bytes that compress, or are known already.
    mutating func complete(_ what: String) {
        guard isShown, hasBar else { return finish() }
        write(Self.clear + Self.bar(1) + what + "\n")
        isShown = false
    }

    mutating func finish() {
        guard isShown else { return }
        write(Self.clear)
        isShown = false
    }

    private func write(_ text: String) {
        // It only decorates.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
