internal import Foundation

/// A storage node that lies, as a process in the place of one of a network's.
package final class LyingProcess {
    /// The five kinds, as `lying-node` knows them.
    package static let kinds = ["garbage", "another", "stale", "silent", "equivocating"]

    private let process = Process()
    private let scratch: Scratch

    /// Starts one, and returns when it answers.
    ///
    /// `devnet` is the folder of the network, `name` the node whose key, directory and address it
    /// takes, which nobody uses any more.
    package init(
        _ kind: String,
        insteadOf name: String,
        at url: String,
        devnet: String,
        network: String,
        in scratch: Scratch
    ) throws {
        self.scratch = scratch
        process.executableURL = URL(filePath: Tool.products + "/lying-node")
        process.arguments = [
            "\(devnet)/genesis.bcs", network, kind, "\(devnet)/keys/\(name).key",
            "\(devnet)/\(name)", url.replacing("https://", with: ""),
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        scratch.owns(process: process.processIdentifier)
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard line.hasPrefix("ready") else { throw ToolFailure("no liar: \(line)") }
    }

    /// Ends it.
    package func end() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        scratch.disowns(process: process.processIdentifier)
    }
}
