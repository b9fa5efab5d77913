internal import BlobModel
internal import Codec
internal import Synchronization

/// What happened, line by line; two runs are the same when their digests are.
package final class Trace: Sendable {
    /// Guards the lines.
    private let state: Mutex<[String]> = Mutex([])

    package init() {}

    package func record(_ line: String) { state.withLock { $0.append(line) } }

    package var lines: [String] { state.withLock { $0 } }

    /// BLAKE2b-256 of the lines, in hex.
    package var digest: String {
        Hex.encode(Blake2b256.hash(Array(lines.joined(separator: "\n").utf8)))
    }
}
