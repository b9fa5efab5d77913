// The shell of checkpoints: takes the steps that `CheckpointMachine` decides, on the network and,
// by `CheckpointWork`, on the disk; keeps progress durable between them; starts one when it is
// due.
//
// One checkpoint is in flight at a time. A step that fails for a reason that passes is taken again
// later, from what is durable; one that fails for good ends publishing: the volume turns read-only
// when the lease or the head was lost.

package import BlobModel
internal import Codec
internal import SystemIO
internal import VolumeFormat

/// What a checkpointer tells of itself.
package struct CheckpointStatus: Sendable {
    /// The newest checkpoint that is published, 0 when none is.
    package var sequence: UInt64
    package var manifest: BlobID?
    /// Name of the step in flight; nil at rest.
    package var step: String?
    /// When the newest checkpoint was cut, milliseconds since 1970 UTC; nil when none is.
    package var cutAt: UInt64?
    /// Packs stored, and their bytes, since the checkpointer was opened.
    package var packsStored: UInt64
    package var bytesStored: UInt64
    /// Packs that are being stored, and their bytes.
    package var packsInFlight: Int
    package var bytesInFlight: Int
    /// Whether the ledger was reached, and the lease taken.
    package var isOpen: Bool
    /// Bytes written that no published checkpoint has; 0 only when there is no change at all.
    package var unpublishedBytes: UInt64
    /// The age (ms) of the oldest change since the last cut.
    package var unpublishedAge: UInt64
    /// Of the lease that this mount has, as far as it knows.
    package var token: UInt32?
    /// Why nothing will be published any more.
    package var stopped: CheckpointError?
    /// What went wrong last, nil since the last success.
    package var lastError: CheckpointError?
}

/// Makes and publishes the checkpoints of one mounted volume.
package actor Checkpointer {
    let environment: CheckpointEnvironment
    private(set) var machine: CheckpointMachine?
    private(set) var work: CheckpointWork?
    var token: UInt32?

    // A step in flight, and those who wait for its end.
    private(set) var isRunning = false
    private(set) var waiters: [CheckedContinuation<Void, Never>] = []

    /// Cuts begun, and the number of the last one whose checkpoint is published.
    ///
    /// One under way may have been taken before a change: who waits for that needs the next.
    private var cutsBegun: UInt64 = 0
    private var cutsPublished: UInt64 = 0
    private var lastStart: Duration?
    private var snapshot: (any CutSnapshot)?
    /// The cut whose gathering was not tried before.
    private var freshGeneration: UInt64?

    let gauge = UploadGauge()
    var currentStep: String?
    private(set) var stopped: CheckpointError?
    private var lastError: CheckpointError?
    /// User bytes in the cut in flight.
    private var bytesInCut: UInt64 = 0
    /// Whether the checkpoint under way came to its end.
    private var isConcluded = false
    /// Whether the ledger did not answer when it was asked last, and how often it came back.
    var isLedgerAway = false
    var ledgerReturns: UInt64 = 0
    var waste: WasteState

    package init(_ environment: CheckpointEnvironment) {
        self.environment = environment
        waste = WasteState(at: environment.time.uptime)
    }

    /// Takes the lease, compares local state with the ledger's head, and opens the volume for
    /// writing.
    ///
    /// With `takingOver`, which only a person asks for, a holder that does not answer the claim
    /// loses the lease once the ledger's patience with it is over; that is waited for.
    ///
    /// - Throws: `leaseLost` when another holds the lease (a claim is recorded then), `stranded`
    ///   when the head is not ours; the volume takes no writes then.
    package func open(takingOver: Bool = false) async throws(CheckpointError) {
        precondition(machine == nil)
        let environment = environment
        try await environment.blocking { () throws(CheckpointError) in
            try environment.checkpointFiles.prepare()
        }
        let lease = try await acquireLease(takingOver: takingOver)
        do throws(CheckpointError) {
            try await open(under: lease)
        } catch {
            await giveBack(lease, after: error)
            throw error
        }
    }

    private func open(under lease: Lease) async throws(CheckpointError) {
        let environment = environment
        let source = environment.source
        // Under the lease, so that nobody moves the head any more.
        let record = try await ledger { () async throws(HeadStoreError) in
            try await environment.heads.record()
        }
        guard let packLength = environment.settings.packLength(on: environment.blobs) else {
            throw .blobs(.invalidRequest("the network takes no blob that a pack fits"))
        }
        let work = CheckpointWork(
            environment: environment,
            numbers: PackNumbers(token: lease.token),
            packLength: packLength,
            epoch: record.currentEpoch
        )
        var machine = try await environment.blocking { () throws(CheckpointError) in
            CheckpointMachine(
                progress: try work.load(CheckpointProgress.localName) ?? .idle,
                head: try work.load(PublishedHead.localName),
                token: lease.token
            )
        }
        // What a newer program has published from here may need what this one does not know.
        let features = machine.features
        try format { () throws(VolumeFormatError) in try features.verifyWritable() }
        machine.begin(current: record.head)
        if case .stranded(let current) = machine.stopped { throw .stranded(current: current) }
        let ready = machine
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in
                try source.setLocalValue(LeaseToken.localName, LeaseToken.encode(lease.token))
                try source.setPublishedSequence(ready.sequence - 1)
                try source.setLeaseToken(lease.token)
            }
            // Under the token, since undoing a cut is an operation of its own.
            try work.cleanUp(after: ready.progress)
        }
        self.machine = machine
        self.work = work
        token = lease.token
    }

    /// Makes checkpoints when they are due, until the task is cancelled or publishing ends.
    package func run() async {
        var pause = environment.settings.retryFirst
        while !Task.isCancelled, stopped == nil {
            do throws(CheckpointError) {
                if machine == nil { try await openLate() }
                if isDue {
                    try await checkpoint(asked: hasChanges)
                    pause = environment.settings.retryFirst
                }
                await releaseWasteIfDue()
            } catch {
                lastError = error
                guard await rest(after: &pause) else { return }
                continue
            }
            guard await sleep(for: .milliseconds(500)) else { return }
        }
    }

    /// Returns when all that was written before the call is certified and published.
    ///
    /// Waits through failures that may pass, up to `patience`.
    ///
    /// - Throws: The failure that does not pass, or the last one when patience ran out; nothing
    ///   is lost, and the work goes on in `run`.
    package func sync(patience: Duration? = nil) async throws(CheckpointError) {
        let needed = cutsBegun + 1
        let start = environment.time.uptime
        var pause = environment.settings.retryFirst
        while cutsPublished < needed {
            if Task.isCancelled { throw .cancelled }
            if let stopped { throw stopped }
            if isRunning {
                await withCheckedContinuation { waiters.append($0) }
                continue
            }
            do throws(CheckpointError) {
                try await checkpoint(asked: true)
            } catch {
                lastError = error
                guard error.isTransient else { throw error }
                if let patience, environment.time.uptime - start >= patience { throw error }
                guard machine != nil else {
                    // Until the checkpointer is open nothing was tried that would want a rest.
                    guard await sleep(for: jittered(pause)) else { throw .cancelled }
                    continue
                }
                guard await rest(after: &pause) else { throw .cancelled }
            }
        }
    }

    package func status() -> CheckpointStatus {
        let head = machine?.head
        let unpublished = environment.source.unpublished()
        let isInFlight = environment.source.cutInFlight() != nil
        let uploads = gauge.now
        return CheckpointStatus(
            sequence: head?.manifest.sequence ?? 0,
            manifest: head?.manifestBlob,
            step: currentStep,
            cutAt: head?.manifest.cutAt,
            packsStored: uploads.packsStored,
            bytesStored: uploads.bytesStored,
            packsInFlight: uploads.packsInFlight,
            bytesInFlight: uploads.bytesInFlight,
            isOpen: machine != nil,
            unpublishedBytes: unpublished.bytes + (isInFlight ? max(1, bytesInCut) : 0),
            unpublishedAge: unpublished.age,
            token: machine?.stopped == nil ? token : nil,
            stopped: stopped,
            lastError: lastError
        )
    }

    // When.

    private var hasChanges: Bool {
        let unpublished = environment.source.unpublished()
        let settings = environment.settings
        let packLength = max(settings.packLength, work?.packLength ?? 0)
        let bytesMax = UInt64(settings.packsUnpublished * packLength)
        return unpublished.bytes >= bytesMax && unpublished.bytes > 0
            || unpublished.age >= settings.ageMax
    }

    private var isDue: Bool {
        guard !isRunning, let machine else { return false }
        // What a crash or a failure interrupted goes on at once.
        guard case .idle = machine.progress else { return true }
        if let lastStart, environment.time.uptime - lastStart < environment.settings.spacing {
            return false
        }
        return hasChanges
    }

    // How.

    /// Takes steps until none is left; those who wait are woken also on a throw.
    private func checkpoint(asked: Bool) async throws(CheckpointError) {
        precondition(!isRunning)
        guard machine != nil else { throw Self.notOpenYet }
        isRunning = true
        lastStart = environment.time.uptime
        defer {
            isRunning = false
            currentStep = nil
            let woken = waiters
            waiters = []
            for waiter in woken { waiter.resume() }
        }
        if asked { machine?.handle(.asked) }
        isConcluded = false
        do throws(CheckpointError) {
            while let step = machine?.step, step != .rest { try await take(step) }
            if isConcluded, let work { await noteReleasable(work) }
        } catch {
            // A lease that was lost meanwhile is why, or makes it idle to try again.
            if stopped == nil, let reason = machine?.stopped { try await stop(reason) }
            throw error
        }
        lastError = nil
    }

    private func take(_ step: CheckpointMachine.Step) async throws(CheckpointError) {
        guard let work else { preconditionFailure("A checkpointer is opened first.") }
        currentStep = step.name
        switch step {
        case .rest:
            return
        case .cut:
            await lookForWaste(work)
            try await cut(work)
        case .gather(let generation):
            try await gather(work, generation)
            machine?.handle(.gathered)
        case .sealRows(let generation, let sequence):
            let base = snapshot
            let rows = try await environment.blocking { () throws(CheckpointError) in
                try work.sealRows(generation: generation, sequence: sequence, base: base)
            }
            try await note(.rowsSealed(rows))
            snapshot?.close()
            snapshot = nil
        case .storeRows(_, let rows):
            let blobs = try await store(rows.packs.map(\.header.id), work)
            environment.pass(.rowsStored)
            machine?.handle(.rowsStored(blobs))
        case .sealManifest(let generation, let rows, let blobs):
            let head = machine?.head
            let token = token ?? 0
            let sealed = try await environment.blocking { () throws(CheckpointError) in
                try work.sealManifest(
                    generation: generation,
                    rows: rows,
                    blobs: blobs,
                    head: head,
                    token: token
                )
            }
            try await note(.manifestSealed(sealed))
        case .storeManifest(let sealed):
            let blobs = try await store([sealed.pack.header.id], work)
            environment.pass(.manifestStored)
            for blob in blobs { try await note(.manifestStored(blob)) }
        case .publish, .readHead, .finish, .stop:
            try await conclude(step, work)
        }
    }

    private func conclude(
        _ step: CheckpointMachine.Step,
        _ work: CheckpointWork
    ) async throws(CheckpointError) {
        switch step {
        case .publish(let intent):
            environment.pass(.publishSent)
            let outcome = await publish(intent)
            environment.pass(.publishAnswered)
            try await note(.publishOutcome(outcome))
            // Whether it took effect is read from the head; a ledger out of reach is waited for.
            if case .failure(let error) = outcome, error.isTransient { throw .heads(error) }
        case .readHead:
            let heads = environment.heads
            let record = try await ledger { () async throws(HeadStoreError) in
                try await heads.record()
            }
            try await note(.head(record.head))
        case .finish(let generation, let head):
            try await environment.blocking { () throws(CheckpointError) in
                try work.finish(generation: generation, head)
            }
            try await note(.finished)
            cutsPublished = cutsBegun
            isConcluded = true
        case .stop(let reason):
            try await stop(reason)
        default:
            preconditionFailure("\(step) is no step of publication")
        }
    }

    private func publish(_ intent: CheckpointMachine.Intent) async -> Result<Head, HeadStoreError> {
        let heads = environment.heads
        return await asked { () async throws(HeadStoreError) in
            try await heads.publish(
                manifest: intent.manifest,
                expected: intent.expected,
                token: intent.token,
                pins: []
            )
        }
    }

    private func stop(_ reason: CheckpointMachine.Reason) async throws(CheckpointError) {
        let error: CheckpointError
        switch reason {
        case .leaseLost: error = .leaseLost
        case .stranded(let current): error = .stranded(current: current)
        }
        try await stop(error)
        throw error
    }

    /// Ends publishing; the volume takes no writes any more, and keeps those it has.
    func stop(_ error: CheckpointError) async throws(CheckpointError) {
        stopped = error
        let source = environment.source
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in try source.setLeaseToken(nil) }
        }
    }

    /// Has the step under way be the last one: another mount has the lease.
    func noteLeaseLost() { machine?.handle(.leaseLost) }

    /// Tells the machine, and makes its progress durable.
    private func note(_ event: CheckpointMachine.Event) async throws(CheckpointError) {
        guard var next = machine, let work else { return }
        next.handle(event)
        if next.progress != machine?.progress {
            let progress = next.progress
            try await environment.blocking { () throws(CheckpointError) in
                try work.save(progress)
            }
        }
        // Told to the machine as it is now: that the lease is lost may have come meanwhile.
        machine?.handle(event)
    }

    private func cut(_ work: CheckpointWork) async throws(CheckpointError) {
        let bytes = environment.source.unpublished().bytes
        cutsBegun += 1
        let cut = try await environment.blocking { () throws(CheckpointError) in try work.cut() }
        bytesInCut = bytes
        guard !cut.isEmpty || machine?.head == nil else {
            cut.snapshot.close()
            let sequence = (machine?.sequence ?? 1) - 1
            let source = environment.source
            try await environment.blocking { () throws(CheckpointError) in
                try volume { () throws(VolumeError) in
                    try source.finishCut(generation: cut.generation, sequence: sequence)
                }
                try work.files.removeCuts(except: nil)
            }
            cutsPublished = cutsBegun
            isConcluded = true
            machine?.handle(.cutWasEmpty)
            return
        }
        let wantsBase = CheckpointWork.wantsBase(
            over: machine?.head,
            deltaByteCount: cut.byteCount,
            settings: environment.settings
        )
        if wantsBase { snapshot = cut.snapshot } else { cut.snapshot.close() }
        freshGeneration = cut.generation
        try await note(.cut(generation: cut.generation))
    }

    // Storing.

    private func gather(
        _ work: CheckpointWork,
        _ generation: UInt64
    ) async throws(CheckpointError) {
        let resumes = freshGeneration != generation
        freshGeneration = nil
        let (gatherer, sealed) = try await environment.blocking { () throws(CheckpointError) in
            try work.beginGathering(generation: generation, resumes: resumes)
        }
        let uploads = Uploads(work: work, gauge: gauge)
        let failure = await uploads.storeContents(of: gatherer, sealedBefore: sealed)
        if let failure { throw failure }
    }

    private func store(
        _ packs: [UInt64],
        _ work: CheckpointWork
    ) async throws(CheckpointError) -> [BlobID] {
        var blobs: [BlobID] = []
        for id in packs {
            let pack = try await environment.blocking { () throws(CheckpointError) in
                try work.readSealed(id)
            }
            let stored = try await Uploads(work: work, gauge: gauge).store(pack)
            blobs.append(stored.blob)
        }
        return blobs
    }
}
