// Keeps a mount at the newest checkpoint of its volume: asks the ledger for the head, loads what is
// new behind what is shown, shows it, and has the kernel forget what it knew. It never asks for the
// lease, and stores nothing.
//
//     rest ─► head ─► manifest ─► deltas, or the base as far as it differs ─► show ─► tell kernel

package import BlobModel
internal import SystemIO
internal import VolumeFormat

/// What a follower tells of itself.
package struct FollowerStatus: Sendable {
    /// The checkpoint that is shown, also by the kernel; 0 when there is none yet.
    package var sequence: UInt64
    package var manifest: BlobID?
    /// When it was cut, milliseconds since 1970 UTC, by the clock of who did.
    package var cutAt: UInt64?
    /// The newest one that the ledger has told of.
    package var headSequence: UInt64
    /// How long ago the ledger answered; nil when it never did.
    package var answeredAgo: Duration?
    /// Whether a checkpoint is being loaded.
    package var isLoading: Bool
    /// Why the newest checkpoint is not shown; nil when it is, as far as is known.
    package var lastError: FollowerError?
}

/// Why a follower does not show the newest checkpoint.
package enum FollowerError: Error, Equatable, Sendable {
    case checkpoint(CheckpointError)
    /// The ledger's head is older than one that was shown: it was set back, or lies.
    case headWentBack(to: UInt64, from: UInt64)
    /// The ledger has another checkpoint of the sequence that is shown.
    case headIsAnother(sequence: UInt64)
}

/// Moves one ``FollowedVolume`` on.
package actor Follower {
    private let environment: CheckpointEnvironment
    private let followed: FollowedVolume
    private let reader: NetworkPlacedReader?
    private let interval: Duration
    private let noticing = BlockingPool(threads: 1, name: "kernel-cache")
    private var cache: (any KernelCache)?

    /// What is between loading a checkpoint and its end.
    private enum Unfinished {
        case loaded(PublishedHead, CheckpointChanges)
        /// The kernel has not heard of it yet.
        case shown(PublishedHead, CheckpointChanges, [StaleName])
    }

    /// What is read here.
    private var shown: PublishedHead?
    /// What the kernel knows nothing older than.
    private var told: PublishedHead?
    private var unfinished: Unfinished?
    private var headSequence: UInt64 = 0
    private var lastAnswer: Duration?
    private var isPolling = false
    private var isLoading = false
    private var lastError: FollowerError?

    /// `environment.source` is the volume of `followed`, and `reader` reads its bytes; `interval`
    /// is how often the ledger is asked.
    package init(
        _ environment: CheckpointEnvironment,
        _ followed: FollowedVolume,
        reader: NetworkPlacedReader?,
        interval: Duration
    ) throws(CheckpointError) {
        self.environment = environment
        self.followed = followed
        self.reader = reader
        self.interval = interval
        let head = try followed.loader.head()
        shown = head
        told = head
        headSequence = head?.manifest.sequence ?? 0
    }

    /// Who is told what the kernel knows wrongly; nobody, as long as nothing is mounted.
    package func setCache(_ cache: any KernelCache) { self.cache = cache }

    package func status() -> FollowerStatus {
        FollowerStatus(
            sequence: told?.manifest.sequence ?? 0,
            manifest: told?.manifestBlob,
            cutAt: told?.manifest.cutAt,
            headSequence: headSequence,
            answeredAgo: lastAnswer.map { environment.time.uptime - $0 },
            isLoading: isLoading,
            lastError: lastError
        )
    }

    /// Follows until the task is cancelled.
    ///
    /// A network out of reach is asked again, and what is shown stays.
    package func run() async {
        var pause = interval
        while !Task.isCancelled {
            do throws(FollowerError) {
                try await poll()
                pause = interval
            } catch {
                // The status tells it. A checkpoint that can not be loaded is fetched each time.
                if case .checkpoint(let cause) = error, !cause.isTransient {
                    pause = min(pause * 2, max(interval, environment.settings.retryLongest))
                }
            }
            // It only throws when the task is cancelled.
            guard (try? await environment.time.sleep(for: pause)) != nil else { return }
        }
    }

    /// Asks for the head once, and shows it when it is newer.
    ///
    /// - Returns: Whether another checkpoint is shown than before.
    @discardableResult
    package func poll() async throws(FollowerError) -> Bool {
        do throws(FollowerError) {
            let isNew = try await pollHead()
            lastError = nil
            return isNew
        } catch {
            lastError = error
            throw error
        }
    }

    /// Shows what is the newest checkpoint when this is called, or a newer one.
    package func catchUp() async throws(FollowerError) {
        // A poll under way may have asked before the call.
        while isPolling {
            guard (try? await environment.time.sleep(for: .milliseconds(20))) != nil else {
                throw .checkpoint(.cancelled)
            }
        }
        try await poll()
    }

    private func pollHead() async throws(FollowerError) -> Bool {
        // A poll that waits for the network lets others in, and one loads at a time.
        guard !isPolling else { return false }
        isPolling = true
        defer { isPolling = false }
        let decision: FollowerDecision
        do throws(CheckpointError) {
            decision = try await advance()
        } catch {
            throw .checkpoint(error)
        }
        switch decision {
        case .stay: return false
        case .fetch: return true
        case .refuse(.older(let head, let sequence)):
            throw .headWentBack(to: head?.sequence ?? 0, from: sequence)
        case .refuse(.another(let head)): throw .headIsAnother(sequence: head.sequence)
        }
    }

    /// Ends what an earlier attempt began, then does what the ledger's head asks for.
    private func advance() async throws(CheckpointError) -> FollowerDecision {
        try await show()
        let record: VolumeRecord
        do throws(HeadStoreError) {
            record = try await environment.heads.record()
        } catch {
            throw .heads(error)
        }
        lastAnswer = environment.time.uptime
        let decision = FollowerDecision(shown: shown, head: record.head)
        if record.head == nil, shown == nil { throw .neverPublished }
        guard case .fetch(let head) = decision else { return decision }
        headSequence = head.sequence
        isLoading = true
        defer { isLoading = false }
        try await load(head)
        try await show()
        return decision
    }

    // MARK: - Load

    private func load(_ head: Head) async throws(CheckpointError) {
        let manifest = try await HeadReader(environment)
            .manifest(head.manifest, sequence: head.sequence)
        let loader = followed.loader
        let isAnythingKept = followed.isAnythingKept
        let next = PublishedHead(manifestBlob: head.manifest, manifest: manifest)
        do throws(CheckpointError) {
            try await onDisk { () throws(VolumeError) in
                try loader.begin(isAnythingKept: isAnythingKept)
            }
            try await load(FollowerPlan(from: shown?.manifest, to: manifest))
            let changes = try await onDisk { () throws(VolumeError) in try loader.finish(next) }
            unfinished = .loaded(next, changes)
        } catch {
            // What can not be undone now is undone by the next attempt, or the next opening.
            try? await onDisk { () throws(VolumeError) in try loader.rollBack() }
            throw error
        }
    }

    private func load(_ plan: FollowerPlan) async throws(CheckpointError) {
        let loader = followed.loader
        let reader = HeadReader(environment)
        let rest: [Run]
        switch plan {
        case .deltas(let deltas): rest = deltas
        case .whole(let base, let deltas):
            let entries =
                if let base { try await reader.index(of: base).entries } else {
                    [RunIndex.Entry]()
                }
            let keys = environment.keys
            let missing = try await onDisk { () throws(VolumeError) in
                try loader.compare(with: entries, keys: keys)
            }
            if let base {
                try await reader.forEachLeaf(of: base, in: missing) {
                    (rows) throws(CheckpointError) in
                    try volume { () throws(VolumeError) in try loader.put(rows) }
                }
            }
            try await onDisk { () throws(VolumeError) in try loader.removeListed() }
            rest = deltas
        }
        for delta in rest {
            try await reader.forEachLeaf(of: delta) { (rows) throws(CheckpointError) in
                try volume { () throws(VolumeError) in try loader.put(rows) }
            }
        }
    }

    private func onDisk<Result: Sendable>(
        _ body: @escaping @Sendable () throws(VolumeError) -> Result
    ) async throws(CheckpointError) -> Result {
        try await environment.blocking { () throws(CheckpointError) in try volume(body) }
    }

    // MARK: - Show

    /// Takes a checkpoint that was loaded to its end.
    private func show() async throws(CheckpointError) {
        let followed = followed
        if case .loaded(let head, let changes)? = unfinished {
            let names = try await onDisk { () throws(VolumeError) in try followed.show(changes) }
            shown = head
            if !changes.moved.isEmpty { reader?.forgetPlaces() }
            unfinished = .shown(head, changes, names)
        }
        guard case .shown(let head, let changes, let names)? = unfinished else { return }
        if let cache {
            try await noticing.run { () throws(CheckpointError) in
                try volume { () throws(VolumeError) in try followed.tell(cache, names, changes) }
            }
        }
        told = head
        unfinished = nil
        // Space only: the next one tries again.
        try? await onDisk { () throws(VolumeError) in try followed.loader.tidy() }
    }
}
