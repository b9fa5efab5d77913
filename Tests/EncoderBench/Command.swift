internal import Foundation
internal import Glibc

/// Programs that are timed.
enum Command {
    struct Failure: Error { let path: String, status: Int32 }

    /// Runs a program to its end, without its output, and returns its peak memory in bytes.
    ///
    /// The system's own record of the peak also counts that of whoever started the program, so it
    /// is looked up while the program runs: it only grows.
    static func run(_ path: String, _ arguments: [String]) throws -> Int {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var peak = 0
        while process.isRunning {
            peak = max(peak, peakMemory(of: process.processIdentifier))
            usleep(1000)
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(path: path, status: process.terminationStatus)
        }
        return peak
    }

    private static func peakMemory(of process: Int32) -> Int {
        // The process may just have ended.
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let words = line?.split(whereSeparator: { " \t".contains($0) }) ?? []
        return words.count > 1 ? (Int(words[1]) ?? 0) * 1024 : 0
    }
}
