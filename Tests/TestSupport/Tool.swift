internal import Foundation
internal import Synchronization

/// What a program did.
package struct ToolResult: Sendable, CustomStringConvertible {
    package let command: String
    /// The exit status, or 128 + the signal that ended it, as a shell has it.
    package let status: Int32
    package let output: String
    package let errors: String

    /// The first line says what went wrong as far as a program's last line of errors does: where
    /// only the lines of failures are kept, it is all there is.
    package var description: String {
        let last = errors.split(separator: "\n").last.map { ": " + $0 } ?? ""
        let all = "\(output.suffix(4000))\(errors.suffix(4000))"
        return "\(command): status \(status)\(last)\n\(all)"
    }
}

/// A program that did not do what a test stands on.
package struct ToolFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Real programs, run to their end.
package enum Tool {
    /// The folder with this build's programs: the one that the test bundle is in.
    package static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path

    /// Runs `program` (a path, a product of this build, or a name in PATH) and waits for it.
    ///
    /// - Throws: When it can not be started. A status that is not zero is for the caller to judge.
    package static func run(
        _ program: String,
        _ arguments: [String] = [],
        in folder: String? = nil,
        environment: [String: String] = [:]
    ) throws -> ToolResult {
        let process = Process()
        let product = products + "/" + program
        if program.contains("/") {
            process.executableURL = URL(filePath: program)
            process.arguments = arguments
        } else if FileManager.default.isExecutableFile(atPath: product) {
            process.executableURL = URL(filePath: product)
            process.arguments = arguments
        } else {
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [program] + arguments
        }
        if let folder { process.currentDirectoryURL = URL(filePath: folder) }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: a daemon that a command leaves behind inherits these, and a reader
        // would wait for its end.
        let capture = try Capture()
        process.standardOutput = capture.output
        process.standardError = capture.errors
        try process.run()
        process.waitUntilExit()
        let signalled = process.terminationReason == .uncaughtSignal
        let (output, errors) = capture.finish()
        return ToolResult(
            command: ([program] + arguments).joined(separator: " "),
            status: process.terminationStatus + (signalled ? 128 : 0),
            output: output,
            errors: errors
        )
    }

    /// Runs a program that must end with status 0, and returns what it printed.
    @discardableResult
    package static func succeed(
        _ program: String,
        _ arguments: [String] = [],
        in folder: String? = nil,
        environment: [String: String] = [:]
    ) throws -> String {
        let result = try run(program, arguments, in: folder, environment: environment)
        guard result.status == 0 else { throw ToolFailure("\(result)") }
        return result.output
    }

    /// Runs a script of bash, stopping at its first failure.
    @discardableResult
    package static func script(
        _ text: String,
        in folder: String? = nil,
        environment: [String: String] = [:]
    ) throws -> String {
        try succeed(
            "bash",
            ["-euo", "pipefail", "-c", text],
            in: folder,
            environment: environment
        )
    }
}

/// Two unlinked files that take a program's output.
private struct Capture {
    let output: FileHandle
    let errors: FileHandle

    init() throws {
        output = try Self.makeFile()
        errors = try Self.makeFile()
    }

    func finish() -> (String, String) { (Self.text(of: output), Self.text(of: errors)) }

    private static func makeFile() throws -> FileHandle {
        let path = NSTemporaryDirectory() + "/walrusfs-capture-\(UUID().uuidString)"
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forUpdatingAtPath: path)
        else { throw ToolFailure("can not write \(path)") }
        try FileManager.default.removeItem(atPath: path)
        return file
    }

    private static func text(of file: FileHandle) -> String {
        guard (try? file.seek(toOffset: 0)) != nil, let bytes = try? file.readToEnd() else {
            return ""  // Nothing was written.
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
