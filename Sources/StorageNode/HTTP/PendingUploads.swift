internal import BlobModel
internal import Synchronization
internal import SystemIO

/// How much a node keeps of blobs that are not registered yet (`Docs/Formats/node-api.md`).
///
/// The numbers are the reference's, but for the bytes where many nodes share a process.
package struct PendingLimits: Sendable {
    package var uploadsMax = 1024
    package var partsMax = 20_480
    package var bytesMax = 1 << 30
    package var sliverBytesMax = 4 << 20
    /// How long a blob's parts are kept after the last of them came.
    package var lifetime: Duration = .seconds(60)

    package init() {}

    /// For a node that shares its process with others, and its clients' user.
    package static let embedded: PendingLimits = {
        var limits = PendingLimits()
        limits.bytesMax = 64 << 20
        return limits
    }()
}

/// Metadata and slivers that came before their blob's registration, in memory.
///
/// Metadata is verified: its hash is the blob's name. Slivers are not; they are when they are
/// stored, so that nobody makes the node hash what nobody has paid for. Every part may be lost at
/// any time: its sender then learns from the confirmation that it is missing.
final class PendingUploads: Sendable {
    enum Part: Sendable {
        case metadata(VerifiedBlobMetadata)
        case sliver(SliverName, Sliver)
    }

    /// What is here of one blob.
    struct Upload: Sendable {
        var metadata: VerifiedBlobMetadata?
        var slivers: [SliverName: Sliver] = [:]
        /// What all parts count for.
        fileprivate var bytes = 0
        fileprivate var deadline: Duration

        fileprivate var parts: Int { slivers.count + (metadata == nil ? 0 : 1) }
    }

    private struct State {
        var uploads: [BlobID: Upload] = [:]
        var bytes = 0
        var parts = 0

        mutating func remove(_ blob: BlobID) {
            guard let upload = uploads.removeValue(forKey: blob) else { return }
            bytes -= upload.bytes
            parts -= upload.parts
        }

        /// At most `uploadsMax` are looked at.
        mutating func dropOverdue(at now: Duration) {
            for (blob, upload) in uploads where upload.deadline <= now { remove(blob) }
        }
    }

    let limits: PendingLimits
    private let time: any TimeSource
    // Guards what is kept, and what room is promised to bodies under way; held for no I/O.
    private let state = Mutex(State())

    init(limits: PendingLimits, time: any TimeSource) {
        self.limits = limits
        self.time = time
    }

    /// What is here of a blob; nil when there is nothing.
    subscript(blob: BlobID) -> Upload? {
        let now = time.uptime
        return state.withLock { state in
            state.dropOverdue(at: now)
            return state.uploads[blob]
        }
    }

    /// Keeps the part that `receive` returns, `count` bytes long at most.
    ///
    /// Its room is taken before it is received, and given back when it does not come.
    func keep(
        _ count: Int,
        of blob: BlobID,
        _ receive: () async throws -> Part
    ) async throws {
        let now = time.uptime
        let isRoom = state.withLock { state in
            state.dropOverdue(at: now)
            guard state.parts < limits.partsMax, count <= limits.bytesMax - state.bytes,
                state.uploads[blob] != nil || state.uploads.count < limits.uploadsMax
            else { return false }
            state.parts += 1
            state.bytes += count
            return true
        }
        guard isRoom else { throw Self.saturated }
        let part: Part
        do {
            part = try await receive()
        } catch {
            state.withLock { state in
                state.parts -= 1
                state.bytes -= count
            }
            throw error
        }
        let deadline = time.uptime + limits.lifetime
        let isKept = state.withLock { state in
            // Taken anew by what is kept.
            state.parts -= 1
            state.bytes -= count
            guard state.uploads[blob] != nil || state.uploads.count < limits.uploadsMax else {
                return false
            }
            var upload = state.uploads[blob] ?? Upload(deadline: deadline)
            upload.deadline = deadline
            state.remove(blob)
            upload.add(part, count: count)
            state.uploads[blob] = upload
            state.parts += upload.parts
            state.bytes += upload.bytes
            return true
        }
        guard isKept else { throw Self.saturated }
    }

    /// Lets go of a blob's parts.
    func drop(_ blob: BlobID) { state.withLock { $0.remove(blob) } }

    /// Bytes that are taken, for tests.
    var bytes: Int { state.withLock { $0.bytes } }

    private static let saturated = NodeError.refused(
        .cacheSaturated,
        "There is no room for more that is not registered."
    )
}

extension PendingUploads.Upload {
    /// A part that is here already is not counted twice: the first one stays.
    fileprivate mutating func add(_ part: PendingUploads.Part, count: Int) {
        switch part {
        case .metadata(let metadata):
            guard self.metadata == nil else { return }
            self.metadata = metadata
        case .sliver(let name, let sliver):
            guard slivers[name] == nil else { return }
            slivers[name] = sliver
        }
        bytes += count
    }
}
