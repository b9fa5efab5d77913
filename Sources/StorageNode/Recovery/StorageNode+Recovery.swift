// A node holds, of every blob that is certified, the metadata and both slivers of each of its
// shards. What it lacks (it was away, or its disk was lost, or bits rotted) it gets back here: the
// metadata from whoever has it, secondary slivers from the symbols of k_p primary ones, then
// primary slivers from the symbols of k_s secondary ones: about the bytes of what is rebuilt.
//
// `RecoveryQueue` decides which blob and when, `SymbolGathering` whom to ask for what; nothing is
// written down but the slivers themselves, so that a crash costs what was under way.

internal import BlobModel
internal import ErasureCoding
internal import Ledger
internal import Synchronization
internal import SystemIO

/// What recovery has done since the node started, and what is left.
package struct RecoveryStatus: Sendable, Equatable {
    /// Blobs of which something is missing, or may be.
    package var blobsIncomplete = 0
    package var blobsRecovered = 0
    package var sliversRecovered = 0
    /// Bytes of answers that came from others.
    package var bytesReceived = 0
    /// Bytes of slivers that were rebuilt from them.
    package var bytesRebuilt = 0
    /// How many blobs miss something of a shard.
    package var missing: [UInt16: Int] = [:]
    /// Shards that come from their former holders.
    package var inTransfer: [UInt16] = []
    /// Whether every certified blob was looked at since the start.
    package var isScanned = false
}

/// What the recovery of a node remembers while it runs.
final class Recovery: Sendable {
    struct State {
        var queue: RecoveryQueue
        var status = RecoveryStatus()
        var isScanning = true
        /// A blob did not fit the queue, so that the scan has to come round again.
        var isScanWanted = false
        /// Scanned up to here.
        var position: BlobID?
        /// Shards that come from their former holders, and are not recovered meanwhile.
        var inTransfer: Set<UInt16> = []
        /// Whether anybody fetches shards from their former holders.
        var isMigrating = false
        /// Counts what the driver should wake for.
        var signals: UInt64 = 0
    }

    // Guards all of it; held for no I/O.
    let state: Mutex<State>
    let waiters = HeightWaiters()

    init(limits: RecoveryQueue.Limits = RecoveryQueue.Limits()) {
        state = Mutex(State(queue: RecoveryQueue(limits: limits)))
    }

    func status(at now: Duration) -> RecoveryStatus {
        state.withLock { state in
            var status = state.status
            status.blobsIncomplete = state.queue.incomplete(at: now)
            status.missing = state.queue.missing
            status.inTransfer = state.inTransfer.sorted()
            status.isScanned = status.isScanned && !state.isScanning && !state.isScanWanted
            return status
        }
    }

    /// Has a blob looked at when `due` has come.
    func want(_ blob: BlobID, bytes: Int, due: Duration, shards: [UInt16] = []) {
        let signals = state.withLock { state in
            if !state.queue.want(blob, bytes: bytes, due: due, shards: shards) {
                state.isScanWanted = true
            }
            state.signals += 1
            return state.signals
        }
        waiters.reached(signals)
    }

    /// Other shards are to be fetched than before: everything is looked at once more.
    func shardsHaveChanged(gained: [UInt16]) {
        state.withLock { state in
            state.inTransfer = state.isMigrating ? Set(gained) : []
            state.isScanWanted = true
        }
        wake()
    }

    func wake() {
        let signals = state.withLock { state in
            state.signals += 1
            return state.signals
        }
        waiters.reached(signals)
    }
}

extension StorageNode {
    private static let scanPage = 256
    private static let idlePause = Duration.seconds(3600)
    /// While the node does not know what the ledger knows, it waits before it fetches what may be
    /// deleted by now.
    private static let behindPause = Duration.seconds(2)

    /// How long a client may still be uploading what was just certified.
    private static func uploadGrace(_ length: UInt64) -> Duration {
        switch length {
        case ...(100 << 20): .seconds(15)
        case ...(4 << 30): .seconds(30)
        default: .seconds(120)
        }
    }

    package var recoveryStatus: RecoveryStatus { recovery.status(at: time.uptime) }

    /// Recovers what is missing, until the task is cancelled; what can not be recovered because it
    /// is inconsistent is proven so to the others, and brought to the ledger by `invalidate`.
    package func recover(
        connect: @escaping ConnectPeer,
        invalidate: InvalidateBlob? = nil
    ) async {
        let peers = RecoveryPeers(own: self, connect: connect, invalidate: invalidate)
        await withTaskGroup(of: Bool.self) { group in
            var hasWaiter = false
            while !Task.isCancelled {
                let seen = recovery.state.withLock { $0.signals }
                await scan()
                while let blob = recovery.state.withLock({ $0.queue.take(at: time.uptime) }) {
                    group.addTask {
                        await self.recover(blob, peers)
                        return false
                    }
                }
                if !hasWaiter {
                    hasWaiter = true
                    let pause = recoveryPause
                    group.addTask {
                        await self.waitForRecovery(after: seen, atMost: pause)
                        return true
                    }
                }
                if await group.next() == true { hasWaiter = false }
            }
            group.cancelAll()
        }
    }

    private var recoveryPause: Duration {
        let now = time.uptime
        return recovery.state.withLock { state in
            if state.isScanning, state.queue.hasRoom { return .zero }
            return max(.zero, min(Self.idlePause, (state.queue.nextDue ?? .seconds(1 << 40)) - now))
        }
    }

    private func waitForRecovery(after seen: UInt64, atMost pause: Duration) async {
        await recovery.waiters.wait(
            for: seen + 1,
            current: { self.recovery.state.withLock { $0.signals } }
        ) {
            // Cancelled when something was wanted.
            try? await self.time.sleep(for: pause)
        }
    }

    // MARK: What is missing

    /// What a node lacks of a blob that it should hold.
    struct Missing: Sendable {
        let hasMetadata: Bool
        /// Secondary ones first.
        let slivers: [SliverName]
        let length: UInt64
    }

    /// What the node should have of a blob, secondary slivers first; without the shards that come
    /// from their former holders.
    private func namesToRecover(of blob: BlobID) -> [SliverName] {
        let inTransfer = recovery.state.withLock { $0.inTransfer }
        return (names(of: blob, .secondary) + names(of: blob, .primary)).filter {
            inTransfer.isEmpty
                || !inTransfer.contains(parameters.shard(holding: $0.pair, of: blob).rawValue)
        }
    }

    /// What is missing of a blob; nil when it is not certified any more, or everything is here.
    private func missing(of blob: BlobID) async throws(NodeError) -> Missing? {
        try await missing(of: blob, namesToRecover(of: blob))
    }

    /// What of these slivers is missing; nil when the blob is not certified, or nothing is.
    func missing(
        of blob: BlobID,
        _ names: [SliverName]
    ) async throws(NodeError) -> Missing? {
        let epoch = cursor.epoch
        return try await reading { store throws(NodeStoreError) in
            guard let info = try store.info(of: blob), try store.isCertified(info, at: epoch) else {
                return nil
            }
            return try store.missing(of: blob, info, names)
        }
    }

    private func shards(of missing: Missing, _ blob: BlobID) -> [UInt16] {
        if !missing.hasMetadata { return shards }
        return Set(missing.slivers.map { parameters.shard(holding: $0.pair, of: blob).rawValue })
            .sorted()
    }

    private func bytes(of length: UInt64) -> Int {
        // A length over what can be encoded is registered by nobody.
        let size = (try? parameters.symbolSize(of: length)) ?? EncodingParameters.symbolSizeMax
        return shards.count
            * SliverAxis.allCases.reduce(0) { $0 + parameters.sliverLength($1, symbolSize: size) }
    }

    /// Looks at a page of blobs, while the queue has room.
    private func scan() async {
        let (position, isWanted) = recovery.state.withLock { state in
            if !state.isScanning, state.isScanWanted, state.queue.hasRoom {
                state.isScanWanted = false
                state.isScanning = true
                state.position = nil
            }
            return (state.position, state.isScanning && state.queue.hasRoom)
        }
        guard isWanted else { return }
        let epoch = cursor.epoch
        do throws(NodeError) {
            let (found, last) = try await reading { [self] store throws(NodeStoreError) in
                var found: [(BlobID, Missing)] = []
                let page = try store.blobs(after: position, limit: Self.scanPage)
                for (blob, info) in page where try store.isCertified(info, at: epoch) {
                    let names = namesToRecover(of: blob)
                    if let missing = try store.missing(of: blob, info, names) {
                        found.append((blob, missing))
                    }
                }
                return (found, page.count < Self.scanPage ? nil : page.last?.blob)
            }
            for (blob, missing) in found {
                recovery.want(
                    blob,
                    bytes: bytes(of: missing.length),
                    due: time.uptime,
                    shards: shards(of: missing, blob)
                )
            }
            recovery.state.withLock { state in
                state.position = last
                state.isScanning = last != nil
                if last == nil { state.status.isScanned = true }
            }
        } catch {
            // The disk failed, which was noticed; looking again is all there is.
            try? await time.sleep(for: .seconds(1))
        }
    }

    /// Blobs were certified: their slivers are on their way, or will have to be fetched.
    func wereCertified(_ blobs: [BlobID: Certified]) {
        let (now, wall) = (time.uptime, time.nowMilliseconds)
        let hasCaughtUp = status.withLock { $0.hasCaughtUp }
        for (blob, certified) in blobs.sorted(by: { $0.key < $1.key }) {
            // While this node was away nobody could upload to it, and what was certified long ago
            // nobody uploads any more.
            let grace = hasCaughtUp ? Self.uploadGrace(certified.length) : .zero
            let age = Duration.milliseconds(wall - min(wall, certified.milliseconds))
            recovery.want(
                blob,
                bytes: bytes(of: certified.length),
                due: now + max(.zero, grace - age)
            )
        }
    }

    /// Blobs are invalid: what was missing of them is not, however late it would be tried again.
    func wereInvalidated(_ blobs: [BlobID]) {
        for blob in blobs {
            notice(.invalidated(blob))
            recovery.want(blob, bytes: 0, due: time.uptime)
        }
    }

    /// Something of a blob was found damaged and dropped.
    func wasDamaged(_ blob: BlobID) {
        recovery.want(blob, bytes: 0, due: time.uptime)
    }

    // MARK: One blob

    private func recover(_ blob: BlobID, _ peers: RecoveryPeers) async {
        do throws(RecoveryFailure) {
            let missing: Missing?
            do throws(NodeError) {
                missing = try await self.missing(of: blob)
            } catch {
                throw .failed("\(error)")
            }
            guard let missing else {
                return recovery.state.withLock { $0.queue.finished(blob, at: time.uptime) }
            }
            recovery.state.withLock { $0.queue.found(blob, missing: shards(of: missing, blob)) }
            guard !isBehind else {
                let due = time.uptime + Self.behindPause
                recovery.state.withLock { $0.queue.postponed(blob, until: due) }
                return recovery.wake()
            }
            let isRecovered = try await recoverOrInvalidate(blob, missing, peers)
            recovery.state.withLock { state in
                // Of an invalid one nothing is missing any more, once its block is here.
                if isRecovered { state.status.blobsRecovered += 1 }
                state.queue.finished(blob, at: time.uptime)
            }
        } catch {
            if case .failed(let what) = error, !Task.isCancelled {
                notice(.notRecovered(blob, what))
            }
            let jitter = peers.jitter()
            recovery.state.withLock { state in
                switch error {
                case .notWanted: state.queue.finished(blob, at: time.uptime)
                case .failed, .inconsistent:
                    state.queue.failed(blob, at: time.uptime, jitter: jitter)
                }
            }
        }
        recovery.wake()
    }

    /// Recovers what is missing of a blob; one that can not be, because it was encoded
    /// inconsistently, is proven so to the others and brought to the ledger.
    ///
    /// - Returns: Whether it was recovered.
    @discardableResult
    func recoverOrInvalidate(
        _ blob: BlobID,
        _ missing: Missing,
        _ peers: RecoveryPeers
    ) async throws(RecoveryFailure) -> Bool {
        var attempt = BlobRecovery(node: self, peers: peers, blob: blob)
        do throws(RecoveryFailure) {
            try await attempt.run(missing)
            return true
        } catch .inconsistent(let metadata, let proof) {
            let invalidation = BlobInvalidation(
                node: self,
                peers: peers,
                metadata: metadata,
                proof: proof
            )
            try await invalidation.run()
            return false
        }
    }

    /// Whether the ledger may know what the node does not.
    var isBehind: Bool {
        status.withLock { $0.isDiverged || $0.ledgerHeight > $0.cursor.block.height }
    }
}

/// Why a blob was not recovered this time.
enum RecoveryFailure: Error {
    /// It was deleted or invalidated meanwhile.
    case notWanted
    /// It never will be: what others have of it gives another sliver than it should.
    case inconsistent(VerifiedBlobMetadata, InconsistencyProof)
    case failed(String)
}

extension NodeStore {
    /// Whether the network has promised to keep a blob, and still does in `epoch`.
    func isCertified(_ info: BlobInfo, at epoch: Epoch) throws(NodeStoreError) -> Bool {
        guard info.invalidated == nil else { return false }
        return try live(info, at: epoch).contains(where: \.isCertified)
    }

    /// What is missing of a blob of which these slivers should be here; nil if nothing.
    func missing(
        of blob: BlobID,
        _ info: BlobInfo,
        _ names: [SliverName]
    ) throws(NodeStoreError) -> StorageNode.Missing? {
        let hasMetadata = try hasMetadata(of: blob)
        var slivers: [SliverName] = []
        for name in names where try !hasSliver(name) { slivers.append(name) }
        guard !hasMetadata || !slivers.isEmpty else { return nil }
        return .init(hasMetadata: hasMetadata, slivers: slivers, length: info.length)
    }
}
