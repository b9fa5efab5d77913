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
        return unit == 0 ? "\(count) bytes" : String(format: "%.1f %@", value, units[unit])
    }
}

/// One line that is written over and over; nothing when nobody looks.
struct ProgressLine {
    private static let width = 24
    private var isShown = false

    mutating func show(_ progress: Progress) {
        guard Terminal.isWatched else { return }
        var line = "\r\u{1B}[K"
        if progress.total > 0 {
            let share = min(1, Double(progress.done) / Double(progress.total))
            let filled = Int(share * Double(Self.width))
            let bar =
                String(repeating: "#", count: filled)
                + String(repeating: ".", count: Self.width - filled)
            line += "[\(bar)] \(Int(share * 100)) %  "
        }
        line += progress.step
        if progress.done > 0 { line += "  \(Terminal.bytes(progress.done))" }
        write(line)
        isShown = true
    }

    mutating func finish() {
        guard isShown else { return }
        write("\r\u{1B}[K")
        isShown = false
    }

    private func write(_ text: String) {
        // It only decorates.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
