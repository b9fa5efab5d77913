import Synchronization
import SystemIO
import VolumeFormat

@testable import Volume

/// What checkpoints of a volume under the crash harness have left on the network: bytes of slices,
/// and the rows of each cut that may have been published.
final class CrashNetwork: PlacedReader {
    typealias Rows = [RowID: [UInt8]]

    private struct State {
        var bytes: [UInt64: [(offset: UInt32, bytes: [UInt8])]] = [:]
        var rows: [UInt64: Rows] = [:]
    }

    private let state: Mutex<State>

    init() { state = Mutex(State()) }

    /// The same, to go on from in another life.
    init(copying other: CrashNetwork) { state = Mutex(other.state.withLock { $0 }) }

    func put(_ slice: UInt64, _ offset: UInt32, _ bytes: [UInt8]) {
        state.withLock { $0.bytes[slice, default: []].append((offset, bytes)) }
    }

    /// The rows that the checkpoint of a cut has.
    func rows(of generation: UInt64) -> Rows { state.withLock { $0.rows[generation] ?? [:] } }

    func setRows(_ rows: Rows, of generation: UInt64) {
        state.withLock { $0.rows[generation] = rows }
    }

    func find(_ slice: UInt64, _ offset: UInt32, _ length: UInt32) -> [UInt8]? {
        state.withLock { state in
            var found = [UInt8?](repeating: nil, count: Int(length))
            for part in state.bytes[slice] ?? [] {
                for (index, byte) in part.bytes.enumerated() {
                    let at = Int(part.offset) + index - Int(offset)
                    if found.indices.contains(at) { found[at] = byte }
                }
            }
            let bytes = found.compactMap { $0 }
            return bytes.count == Int(length) ? bytes : nil
        }
    }

    func readCached(
        _ slice: UInt64,
        offset: UInt32,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> Bool {
        guard let bytes = find(slice, offset, UInt32(buffer.count)) else {
            throw .corrupt("bytes of slice \(slice) at \(offset) are neither here nor there")
        }
        unsafe buffer.copyBytes(from: bytes)
        return true
    }

    func read(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) async throws(VolumeError) -> [UInt8] {
        throw .networkUnavailable("everything is cached")
    }
}
