// Decides what a checkpoint does next; knows neither disk nor network. The shell (`Checkpointer`)
// takes the step, makes what it names durable, and reports.
//
//     rest ─► cut ─► gather ─► sealRows ─► storeRows ─► sealManifest ─► storeManifest
//                                                                            ▼
//                                 finish ◄─ readHead ◄─ outcome unknown ◄─ publish ─► finish
//
// A state whose parent is not the current head never publishes: it stops, stranded.

internal import BlobModel
internal import VolumeFormat

/// The steps of one checkpoint, as decisions.
struct CheckpointMachine {
    /// What is to be published over which head.
    struct Intent: Hashable {
        var manifest: BlobID
        /// The sequence of the parent; 0 for the first checkpoint.
        var expected: UInt64
        var parent: BlobID?
        var token: UInt32
    }

    enum Step: Hashable {
        case rest
        case cut
        case gather(generation: UInt64)
        case sealRows(generation: UInt64, sequence: UInt64)
        case storeRows(generation: UInt64, SealedRows)
        case sealManifest(generation: UInt64, SealedRows, [BlobID])
        case storeManifest(SealedManifest)
        case publish(Intent)
        case readHead(Intent)
        case finish(generation: UInt64, PublishedHead)
        case stop(Reason)
    }

    /// Why nothing is published any more.
    enum Reason: Hashable {
        case leaseLost
        case stranded(current: Head?)
    }

    enum Event {
        case asked
        /// The cut file is durable.
        case cut(generation: UInt64)
        /// The cut had nothing in it.
        case cutWasEmpty
        case gathered
        case rowsSealed(SealedRows)
        case rowsStored([BlobID])
        case manifestSealed(SealedManifest)
        case manifestStored(BlobID)
        case publishOutcome(Result<Head, HeadStoreError>)
        case head(Head?)
        case finished
        case leaseLost
    }

    private(set) var progress: CheckpointProgress
    /// The newest checkpoint that this state directory knows as published.
    private(set) var head: PublishedHead?
    private let token: UInt32
    private var isAsked = false
    private var isGathered = false
    private var rowBlobs: [BlobID]?
    private var mustReadHead = false
    private var isLeaseLost = false
    private(set) var stopped: Reason?

    init(progress: CheckpointProgress, head: PublishedHead?, token: UInt32) {
        self.progress = progress
        self.head = head
        self.token = token
    }

    /// The sequence of the checkpoint in flight or next.
    var sequence: UInt64 { (head?.manifest.sequence ?? 0) + 1 }

    /// What the checkpoints that it goes on with need of who writes.
    var features: FeatureFlags {
        let inFlight: FeatureFlags =
            switch progress {
            case .idle, .cut, .rows: .none
            case .manifest(_, let sealed): sealed.manifest.features
            case .published(_, let head): head.manifest.features
            }
        return inFlight.union(head?.manifest.features ?? .none)
    }

    /// What to do now.
    var step: Step {
        if let stopped { return .stop(stopped) }
        switch progress {
        case .idle:
            return isAsked ? .cut : .rest
        case .cut(let generation):
            return isGathered
                ? .sealRows(generation: generation, sequence: sequence)
                : .gather(generation: generation)
        case .rows(let generation, let rows):
            if let rowBlobs { return .sealManifest(generation: generation, rows, rowBlobs) }
            return .storeRows(generation: generation, rows)
        case .manifest(_, let sealed):
            guard let blob = sealed.blob else { return .storeManifest(sealed) }
            let intent = Intent(
                manifest: blob,
                expected: sealed.manifest.sequence - 1,
                parent: sealed.manifest.parent,
                token: token
            )
            return mustReadHead ? .readHead(intent) : .publish(intent)
        case .published(let generation, let head):
            return .finish(generation: generation, head)
        }
    }

    /// Takes note of what happened; `progress` is to be made durable before the next step.
    mutating func handle(_ event: Event) {
        switch (event, progress) {
        case (.leaseLost, _):
            stopped = .leaseLost
        case (.asked, _):
            isAsked = true
        case (.cut(let generation), .idle):
            isAsked = false
            isGathered = false
            progress = .cut(generation: generation)
        case (.cutWasEmpty, .idle):
            isAsked = false
        case (.gathered, .cut):
            isGathered = true
        case (.rowsSealed(let rows), .cut(let generation)):
            precondition(rows.sequence == sequence)
            rowBlobs = nil
            progress = .rows(generation: generation, rows)
        case (.rowsStored(let blobs), .rows):
            rowBlobs = blobs
        case (.manifestSealed(let sealed), .rows(let generation, _)):
            precondition(sealed.manifest.parent == head?.manifestBlob)
            progress = .manifest(generation: generation, sealed)
        case (.manifestStored(let blob), .manifest(let generation, var sealed)):
            sealed.blob = blob
            progress = .manifest(generation: generation, sealed)
        case (.publishOutcome(let outcome), .manifest(_, let sealed)):
            handle(outcome, of: sealed)
        case (.head(let current), .manifest(_, let sealed)):
            handle(current: current, of: sealed)
        case (.finished, .published(_, let head)):
            self.head = head
            progress = .idle
        default:
            preconditionFailure("\(event) does not follow \(progress)")
        }
    }

    private mutating func handle(
        _ outcome: Result<Head, HeadStoreError>,
        of sealed: SealedManifest
    ) {
        switch outcome {
        case .success:
            publish(sealed)
        case .failure(.leaseLost):
            // Perhaps it was published before the lease went: the head tells.
            isLeaseLost = true
            mustReadHead = true
        case .failure(.conflict(let current)):
            handle(current: current, of: sealed)
        case .failure:
            mustReadHead = true
        }
    }

    /// My manifest means done, my parent that it is tried again, anything else stranded.
    private mutating func handle(current: Head?, of sealed: SealedManifest) {
        mustReadHead = false
        if let blob = sealed.blob, current?.manifest == blob {
            publish(sealed)
        } else if !continues(current) {
            stopped = .stranded(current: current)
        } else if isLeaseLost {
            stopped = .leaseLost
        }
    }

    private mutating func publish(_ sealed: SealedManifest) {
        guard case .manifest(let generation, _) = progress, let blob = sealed.blob else {
            preconditionFailure("Only a stored manifest is published.")
        }
        mustReadHead = false
        let head = PublishedHead(manifestBlob: blob, manifest: sealed.manifest)
        progress = .published(generation: generation, head)
    }

    /// Whether the ledger's head is the one that this state continues.
    private func continues(_ current: Head?) -> Bool {
        current?.manifest == head?.manifestBlob
            && (current?.sequence ?? 0) == (head?.manifest.sequence ?? 0)
    }

    /// Compares with the ledger's head when a mount begins.
    mutating func begin(current: Head?) {
        switch progress {
        case .manifest(_, let sealed):
            handle(current: current, of: sealed)
        case .published(_, let published):
            if current?.manifest != published.manifestBlob {
                stopped = .stranded(current: current)
            }
        case .idle, .cut, .rows:
            if !continues(current) { stopped = .stranded(current: current) }
        }
    }
}

extension CheckpointMachine.Step {
    /// What a person is told that the checkpointer does.
    var name: String {
        switch self {
        case .rest: "resting"
        case .cut: "cutting"
        case .gather: "uploading"
        case .sealRows, .storeRows: "uploading metadata"
        case .sealManifest, .storeManifest: "uploading the manifest"
        case .publish, .readHead: "publishing"
        case .finish: "releasing"
        case .stop: "stopped"
        }
    }
}
