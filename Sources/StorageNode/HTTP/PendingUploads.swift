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

/// Metadata that waits for its blob's registration: checked, and kept as the bytes that came.
///
/// Each hash of a decoded one is an array of its own, three times as much memory as its bytes.
struct PendingMetadata: Sendable {
    let bytes: [UInt8]
    private let primaryLength: Int
    private let secondaryLength: Int

    /// - Precondition: `bytes` are those of `metadata`.
    init(_ metadata: VerifiedBlobMetadata, bytes: [UInt8]) {
        self.bytes = bytes
        primaryLength = metadata.sliverLength(.primary)
        secondaryLength = metadata.sliverLength(.secondary)
    }

    /// Bytes of the symbols of each sliver.
    func sliverLength(_ axis: SliverAxis) -> Int {
        axis == .primary ? primaryLength : secondaryLength
    }
}

/// Metadata and slivers that came before their blob's registration, in memory.
///
/// Metadata is verified: its hash is the blob's name. Slivers are not; they are when they are
/// stored, so that nobody makes the node hash what nobody has paid for. Of two parts with one name
/// the later one stays: the first one may be garbage. Every part may be lost at any time: its
/// sender then learns from the confirmation that it is missing.
final class PendingUploads: Sendable {
    enum Part: Sendable {
        case metadata(PendingMetadata)
        case sliver(Sliver)
    }

    /// What is here of one blob.
    struct Upload: Sendable {
        fileprivate struct Held: Sendable {
            let part: Part
            /// The bytes that it counts for.
            let count: Int
        }

        /// By name; the metadata has none.
        fileprivate var held: [SliverName?: Held] = [:]
        /// What all parts count for.
        fileprivate var bytes = 0
        fileprivate var deadline: Duration

        fileprivate var parts: Int { held.count }

        var metadata: PendingMetadata? {
            guard case .metadata(let metadata)? = held[nil]?.part else { return nil }
            return metadata
        }

        var sliverNames: [SliverName] { held.keys.compactMap { $0 } }

        subscript(name: SliverName) -> Sliver? {
            guard case .sliver(let sliver)? = held[name]?.part else { return nil }
            return sliver
        }

        /// Lets go of a sliver, or of the metadata.
        mutating func remove(_ name: SliverName?) {
            bytes -= held.removeValue(forKey: name)?.count ?? 0
        }

        fileprivate mutating func put(_ part: Held, as name: SliverName?) {
            remove(name)
            held[name] = part
            bytes += part.count
        }
    }

    /// Those who wait for the end of a flush; it tells them its error.
    private typealias Waiter = CheckedContinuation<(any Error)?, Never>

    private struct Flush {
        /// As it was taken; its room is taken until the end.
        let upload: Upload
        var waiters: [Waiter] = []
    }

    private struct State {
        var uploads: [BlobID: Upload] = [:]
        var flushes: [BlobID: Flush] = [:]
        var bytes = 0
        var parts = 0

        mutating func remove(_ blob: BlobID) {
            guard let upload = uploads.removeValue(forKey: blob) else { return }
            bytes -= upload.bytes
            parts -= upload.parts
        }

        mutating func set(_ blob: BlobID, _ upload: Upload) {
            remove(blob)
            uploads[blob] = upload
            bytes += upload.bytes
            parts += upload.parts
        }

        /// At most `uploadsMax` are looked at.
        mutating func dropOverdue(at now: Duration) {
            for (blob, upload) in uploads where upload.deadline <= now { remove(blob) }
        }

        func hasRoom(for count: Int, of blob: BlobID, _ limits: PendingLimits) -> Bool {
            parts < limits.partsMax && count <= limits.bytesMax - bytes
                && (uploads[blob] != nil || uploads.count < limits.uploadsMax)
        }
    }

    private enum Turn {
        case nothing
        case underWay
        case taken(Upload)
    }

    let limits: PendingLimits
    private let time: any TimeSource
    // Guards what is kept, what room is promised to bodies under way, and who waits for a flush;
    // held for no I/O.
    private let state = Mutex(State())

    init(limits: PendingLimits, time: any TimeSource) {
        self.limits = limits
        self.time = time
    }

    /// Parts that are kept or being received, and their bytes.
    var used: (parts: Int, bytes: Int) {
        let now = time.uptime
        return state.withLock { state in
            state.dropOverdue(at: now)
            return (state.parts, state.bytes)
        }
    }

    /// What is here of a blob, also while it is being stored; nil when there is nothing.
    subscript(blob: BlobID) -> Upload? {
        let now = time.uptime
        return state.withLock { state in
            state.dropOverdue(at: now)
            return state.uploads[blob] ?? state.flushes[blob]?.upload
        }
    }

    /// Keeps the part that `receive` returns, `count` bytes long at most; `name` is nil for
    /// metadata.
    ///
    /// Its room is taken before it is received, and given back when it does not come. A part that
    /// is here already has its room: it is replaced, also when there is no more.
    func keep(
        _ count: Int,
        of blob: BlobID,
        as name: SliverName?,
        _ receive: () async throws -> Part
    ) async throws {
        let now = time.uptime
        let promised = state.withLock { state -> (parts: Int, bytes: Int)? in
            state.dropOverdue(at: now)
            if let held = state.uploads[blob]?.held[name], held.count >= count { return (0, 0) }
            guard state.hasRoom(for: count, of: blob, limits) else { return nil }
            state.parts += 1
            state.bytes += count
            return (1, count)
        }
        guard let promised else { throw Self.saturated }
        let part: Part
        do {
            part = try await receive()
        } catch {
            state.withLock { state in
                state.parts -= promised.parts
                state.bytes -= promised.bytes
            }
            throw error
        }
        let deadline = time.uptime + limits.lifetime
        let isKept = state.withLock { state in
            // Taken anew by what is kept.
            state.parts -= promised.parts
            state.bytes -= promised.bytes
            var upload = state.uploads[blob] ?? Upload(deadline: deadline)
            // What was to be replaced may be gone meanwhile.
            guard upload.held[name] != nil || state.hasRoom(for: count, of: blob, limits) else {
                return false
            }
            upload.deadline = deadline
            upload.put(Upload.Held(part: part, count: count), as: name)
            state.set(blob, upload)
            return true
        }
        guard isKept else { throw Self.saturated }
    }

    /// Has `store` see to all that is here of a blob, if anything is.
    ///
    /// Once at a time for each blob: whoever comes meanwhile waits for the end, and then sees to
    /// what has come since, so that nothing is verified twice. `store` removes from the upload what
    /// is stored, or is nothing; what it leaves when it throws stays here. A node's refusal is also
    /// that of those who waited.
    func flush(
        _ blob: BlobID,
        _ store: (inout Upload) async throws -> Void
    ) async throws {
        while true {
            switch turn(blob) {
            case .nothing:
                return
            case .underWay:
                let failure = await end(of: blob)
                if let failure = failure as? NodeError, case .refused = failure { throw failure }
            case .taken(var upload):
                do {
                    try await store(&upload)
                } catch {
                    finish(blob, leaving: upload, error)
                    throw error
                }
                return finish(blob, leaving: nil, nil)
            }
        }
    }

    private func turn(_ blob: BlobID) -> Turn {
        let now = time.uptime
        return state.withLock { state in
            state.dropOverdue(at: now)
            if state.flushes[blob] != nil { return .underWay }
            guard let upload = state.uploads.removeValue(forKey: blob) else { return .nothing }
            state.flushes[blob] = Flush(upload: upload)
            return .taken(upload)
        }
    }

    /// Waits until the flush of a blob has ended; it does end, so nobody stops waiting before.
    private func end(of blob: BlobID) async -> (any Error)? {
        await withCheckedContinuation { (waiter: Waiter) in
            let isUnderWay = state.withLock { state in
                guard state.flushes[blob] != nil else { return false }
                state.flushes[blob]?.waiters.append(waiter)
                return true
            }
            if !isUnderWay { waiter.resume(returning: nil) }
        }
    }

    private func finish(_ blob: BlobID, leaving rest: Upload?, _ failure: (any Error)?) {
        let waiters = state.withLock { state -> [Waiter] in
            guard let flush = state.flushes.removeValue(forKey: blob) else { return [] }
            state.bytes -= flush.upload.bytes
            state.parts -= flush.upload.parts
            if var upload = rest, upload.parts > 0 {
                // What came meanwhile is the later one.
                if let since = state.uploads[blob] {
                    for (name, part) in since.held { upload.put(part, as: name) }
                    upload.deadline = since.deadline
                }
                state.set(blob, upload)
            }
            return flush.waiters
        }
        for waiter in waiters { waiter.resume(returning: failure) }
    }

    /// Bytes that are taken, for tests.
    var bytes: Int { state.withLock { $0.bytes } }

    /// How many wait for the end of a blob's flush, for tests.
    func waiterCount(_ blob: BlobID) -> Int {
        state.withLock { $0.flushes[blob]?.waiters.count ?? 0 }
    }

    private static let saturated = NodeError.refused(
        .cacheSaturated,
        "There is no room for more that is not registered."
    )
}
