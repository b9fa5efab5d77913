// Lets go of blobs that nothing needs any more
// (`Docs/Decisions/0195-waste-is-found-by-looking.md`).
//
//     before a cut: packs without a needed chunk are marked ─► published as retired
//         ─► the ledger retires them ─► grace ─► the ledger deletes them
//         ─► before a cut: their rows are removed ─► published
//
// Each step is found again from the rows and the ledger, so a crash may come anywhere. Nothing is
// retired that was not published as retired: who goes on from an older checkpoint is stranded, and
// who goes on from this one shares no chunk with what goes.

internal import BlobModel
internal import Synchronization
internal import SystemIO
internal import VolumeFormat

/// What is on its way out.
package struct WasteReport: Sendable {
    /// Blobs that are retired and not deleted, and what the pool pays for them.
    package var retired = 0
    package var retiredBytes: UInt64 = 0
    /// When the first of them may be deleted, milliseconds since 1970 UTC.
    package var deletableFrom: UInt64?
    /// Blobs deleted since the checkpointer was opened, and their encoded bytes.
    package var deleted = 0
    package var deletedBytes: UInt64 = 0
    /// Bytes that no file has, and that a kept checkpoint needs.
    package var heldBytes: UInt64 = 0
    /// Bytes that nothing needs, in packs of which something is needed.
    package var sparseBytes: UInt64 = 0
    /// Packs whose live chunks were moved to others since the checkpointer was opened, and the
    /// stored bytes of those.
    package var packsEmptied = 0
    package var movedBytes: UInt64 = 0
    /// Packs that are needed only by kept checkpoints that read what was moved, and their bytes.
    package var emptied = 0
    package var emptiedBytes: UInt64 = 0
    /// Packs that are not emptied because something of them can not be read, and why the first.
    package var refused = 0
    package var refusal: String?
    /// Why the last look for waste, or the last word to the ledger, came to nothing.
    package var lastError: CheckpointError?

    package init() {}
}

/// What a checkpointer remembers of waste; all of it is found anew after a crash.
struct WasteState {
    /// A published checkpoint, and packs that are retired in it.
    struct Releasable {
        let head: PublishedHead
        let packs: [BlobID]
    }

    /// How many manifests are remembered, so that they need not be fetched.
    private static let manifestsMax = 128

    /// The next cut looks for waste because somebody asked, and keeps only the head.
    var isAsked = false
    var keepsHeadOnly = false
    var lastLook: Duration
    var lastRelease: Duration
    /// Blobs of retired packs that the ledger has no more.
    var gone: Set<BlobID> = []
    var releasable: Releasable?
    var report = WasteReport()
    /// Packs that can not be emptied, and why; tried again when somebody asks, or the next mount.
    private(set) var refused: [UInt64: String] = [:]
    /// Packs that the last look emptied, or found that it can not.
    var movesLast = 0
    private var manifests: [(blob: BlobID, manifest: Manifest)] = []

    init(at now: Duration) {
        lastLook = now
        lastRelease = now
    }

    mutating func remember(_ head: PublishedHead) {
        guard manifest(of: head.manifestBlob) == nil else { return }
        if manifests.count >= Self.manifestsMax { manifests.removeFirst() }
        manifests.append((head.manifestBlob, head.manifest))
    }

    mutating func refuse(_ pack: UInt64, _ reason: String) {
        refused[pack] = reason
        report.refused = refused.count
        if report.refusal == nil { report.refusal = "pack \(pack): \(reason)" }
    }

    mutating func forgetRefused() {
        refused = [:]
        report.refused = 0
        report.refusal = nil
    }

    mutating func note(_ found: WasteScan.Waste) {
        report.heldBytes = found.heldBytes
        report.sparseBytes = found.sparseBytes
        report.emptied = found.emptied
        report.emptiedBytes = found.emptiedBytes
    }

    func manifest(of blob: BlobID) -> Manifest? {
        manifests.first { $0.blob == blob }?.manifest
    }
}

extension Checkpointer {
    /// Looks for waste at once, empties sparse packs, publishes what is found, and has the ledger
    /// let go of what it may.
    ///
    /// `immediately`: keeps nothing but the newest checkpoint, and waits for no grace. Mounts that
    /// follow may lose bytes of older ones then; only a person says so. What is moved at a time is
    /// let go of before more is moved. Publishing is as patient as ``sync(patience:)``.
    package func collect(
        immediately: Bool = false,
        patience: Duration? = nil
    ) async throws(CheckpointError) -> WasteReport {
        waste.isAsked = true
        waste.keepsHeadOnly = immediately
        defer {
            waste.isAsked = false
            waste.keepsHeadOnly = false
        }
        waste.forgetRefused()
        var rounds = 0
        repeat {
            waste.movesLast = 0
            try await sync(patience: patience)
            try await releaseWaste(immediately: immediately)
            if let error = waste.report.lastError { throw error }
            rounds += 1
        } while immediately && waste.movesLast > 0 && rounds < Self.roundsMax
        return waste.report
    }

    /// Rounds of moves that one wish makes: enough for a quarter of a tebibyte, and an end.
    private static let roundsMax = 4096

    package func wasteReport() -> WasteReport { waste.report }

    // Before a cut.

    /// Looks for waste if it is time to; what keeps it from that is noted, and nothing goes.
    func lookForWaste(_ work: CheckpointWork) async {
        let now = environment.time.uptime
        guard waste.isAsked || now - waste.lastLook >= environment.settings.collectSpacing,
            let machine, let head = machine.head
        else { return }
        waste.lastLook = now
        do throws(CheckpointError) {
            let heads = environment.heads
            let record = try await ledger { () async throws(HeadStoreError) in
                try await heads.record()
            }
            guard record.head?.manifest == head.manifestBlob else { return }
            try await look(work, record)
            waste.report.lastError = nil
        } catch {
            waste.report.lastError = error
        }
    }

    /// Marks what nothing needs, then empties sparse packs; all of them when somebody asked.
    ///
    /// Where only the head is kept, what was emptied goes before more is moved.
    private func look(
        _ work: CheckpointWork,
        _ first: VolumeRecord
    ) async throws(CheckpointError) {
        var record = first
        var scan = try await collectWaste(work, record)
        waste.gone = []
        waste.note(scan.waste)
        // Marked first: what keeps chunks from moving is no reason that nothing goes.
        guard record.lease.token == token, record.lease.holder == environment.mountKey else {
            return
        }
        try await finishMoves(work)
        for _ in 0..<Self.roundsMax {
            let progress = try await moveSparse(scan, record, work)
            waste.movesLast += progress
            guard progress > 0, waste.isAsked else { return }
            let heads = environment.heads
            record = try await ledger { () async throws(HeadStoreError) in
                try await heads.record()
            }
            scan = try await collectWaste(work, record)
            waste.note(scan.waste)
            if waste.keepsHeadOnly { return }
        }
    }

    private func collectWaste(
        _ work: CheckpointWork,
        _ record: VolumeRecord
    ) async throws(CheckpointError) -> WasteScan {
        let kept = KeptCheckpoints(
            newest: machine?.sequence ?? 1,
            count: waste.keepsHeadOnly ? 1 : environment.settings.checkpointsKept,
            pins: record.pins
        )
        let gone = waste.gone
        return try await environment.blocking { () throws(CheckpointError) in
            try work.collectWaste(kept, gone: gone)
        }
    }

    /// Takes down what a checkpoint that was just published retires.
    ///
    /// All marks were made before its cut, and so are in it.
    func noteReleasable(_ work: CheckpointWork) async {
        guard let head = machine?.head else { return }
        waste.remember(head)
        guard waste.isAsked || isReleaseDue else { return }
        do throws(CheckpointError) {
            let packs = try await environment.blocking { () throws(CheckpointError) in
                try work.retiredBlobs()
            }
            waste.releasable = WasteState.Releasable(head: head, packs: packs)
        } catch {
            // It is published all the same.
            waste.report.lastError = error
        }
    }

    // After a publication.

    var isReleaseDue: Bool {
        environment.time.uptime - waste.lastRelease >= environment.settings.collectSpacing
    }

    /// Has the ledger retire and delete what it may, if it is time to.
    func releaseWasteIfDue() async {
        guard isReleaseDue, waste.releasable != nil else { return }
        do throws(CheckpointError) {
            try await releaseWaste()
            waste.report.lastError = nil
        } catch {
            // Nothing waits for it: the next time comes.
            waste.report.lastError = error
        }
    }

    func releaseWaste(immediately: Bool = false) async throws(CheckpointError) {
        guard let releasable = waste.releasable, let token, stopped == nil else { return }
        waste.lastRelease = environment.time.uptime
        let sequence = releasable.head.manifest.sequence
        let heads = environment.heads
        let record = try await ledger { () async throws(HeadStoreError) in
            try await heads.record()
        }
        // Whoever has the lease now lets go of it.
        guard record.lease.token == token, record.lease.holder == environment.mountKey,
            let head = record.head, head.sequence >= sequence, sequence > 1
        else { return }
        let kept = KeptCheckpoints(
            newest: sequence,
            count: immediately ? 1 : environment.settings.checkpointsKept,
            pins: record.pins
        )
        var retired = try await retiredBlobs()
        let rows = try await supersededBlobs(releasable.head, kept, retired)
        let wanted = (releasable.packs + rows).filter { retired[$0] == nil }
        if !wanted.isEmpty {
            environment.pass(.retireSent)
            try await ledger { () async throws(HeadStoreError) in
                try await heads.retire(
                    wanted,
                    sequence: sequence - 1,
                    token: token,
                    immediately: immediately
                )
            }
            environment.pass(.retired)
            retired = try await retiredBlobs()
        }
        let time = environment.time.nowMilliseconds
        let asked = immediately ? Set(wanted) : []
        let due = retired.values.filter { blob in
            // The ledger's clock is its own.
            let now = asked.contains(blob.blob) ? max(time, blob.deletableFrom) : time
            return blob.isDeletable(head: head.sequence, pins: record.pins, at: now)
        }
        try await delete(due, token: token)
        for blob in due { retired[blob.blob] = nil }
        // They are retired by now, or were: what the ledger does not know is gone.
        waste.gone = Set(releasable.packs.filter { retired[$0] == nil })
        note(waiting: retired.values)
    }

    private func delete(_ due: [RetiredBlob], token: UInt32) async throws(CheckpointError) {
        guard !due.isEmpty else { return }
        let blobs = due.map(\.blob).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        let heads = environment.heads
        environment.pass(.deleteSent)
        try await ledger { () async throws(HeadStoreError) in
            try await heads.deleteRetired(blobs, token: token)
        }
        environment.pass(.deleted)
        waste.report.deleted += due.count
        waste.report.deletedBytes += due.reduce(0) { $0 + $1.encodedLength }
    }

    private func note(waiting: some Collection<RetiredBlob>) {
        waste.report.retired = waiting.count
        waste.report.retiredBytes = waiting.reduce(0) { $0 + $1.encodedLength }
        waste.report.deletableFrom = waiting.map(\.deletableFrom).min()
    }

    private func retiredBlobs() async throws(CheckpointError) -> [BlobID: RetiredBlob] {
        let heads = environment.heads
        let found = try await ledger { () async throws(HeadStoreError) in try await heads.retired()
        }
        return Dictionary(found.map { ($0.blob, $0) }) { first, _ in first }
    }

    /// Blobs of manifests and rows of older checkpoints that no kept one has, the oldest first.
    ///
    /// Manifests name the one before. The walk ends at one that is retired or gone: as the oldest
    /// are retired first, and a manifest after its rows, so are all before it.
    private func supersededBlobs(
        _ head: PublishedHead,
        _ kept: KeptCheckpoints,
        _ retired: [BlobID: RetiredBlob]
    ) async throws(CheckpointError) -> [BlobID] {
        var seen = Set(head.manifest.blobs + [head.manifestBlob])
        var pinned: Set<BlobID> = []
        var old: [[BlobID]] = []
        var at = head.manifest
        while let parent = at.parent, retired[parent] == nil {
            let sequence = at.sequence - 1
            do throws(CheckpointError) {
                at = try await manifest(parent, sequence: sequence)
            } catch .blobs(.notFound) {
                break
            }
            let blobs = at.blobs + [parent]
            if kept.keeps(sequence) {
                pinned.formUnion(blobs)
            } else {
                old.append(blobs.filter { !seen.contains($0) })
                seen.formUnion(blobs)
            }
        }
        return old.reversed().flatMap { $0 }.filter { !pinned.contains($0) }
    }

    private func manifest(
        _ blob: BlobID,
        sequence: UInt64
    ) async throws(CheckpointError) -> Manifest {
        if let known = waste.manifest(of: blob) { return known }
        let manifest = try await HeadReader(environment).manifest(blob, sequence: sequence)
        waste.remember(PublishedHead(manifestBlob: blob, manifest: manifest))
        return manifest
    }
}
