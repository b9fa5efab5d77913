internal import BlobModel
internal import VolumeFormat

/// What a mount that follows does about the head that the ledger tells; knows neither disk nor
/// network.
enum FollowerDecision: Hashable {
    /// It is the one that is shown.
    case stay
    /// The manifest is to be fetched: it is newer.
    case fetch(Head)
    /// The ledger goes back, or has another history: what is shown stays.
    case refuse(Refusal)

    enum Refusal: Hashable {
        /// The ledger's head is older than one that was seen.
        case older(Head?, than: UInt64)
        /// The ledger has another checkpoint of a sequence that was seen.
        case another(Head)
    }

    /// `shown` is the checkpoint that the follower has, nil before the first.
    init(shown: PublishedHead?, head: Head?) {
        guard let shown else {
            self = head.map { .fetch($0) } ?? .stay
            return
        }
        let sequence = shown.manifest.sequence
        guard let head, head.sequence >= sequence else {
            self = .refuse(.older(head, than: sequence))
            return
        }
        if head.sequence > sequence {
            self = .fetch(head)
        } else if head.manifest == shown.manifestBlob {
            self = .stay
        } else {
            self = .refuse(.another(head))
        }
    }
}

/// What has to be loaded to come from one checkpoint to a newer one.
enum FollowerPlan: Hashable {
    /// These, in order, on top of what is there.
    case deltas([Run])
    /// All of it: what is here becomes the base, row by row, then come the deltas.
    case whole(base: Run?, deltas: [Run])

    /// Deltas where they lead from one to the other, as nearly always; else the base too.
    init(from shown: Manifest?, to next: Manifest) {
        if let shown, shown.base == next.base, next.deltas.starts(with: shown.deltas) {
            self = .deltas(Array(next.deltas.dropFirst(shown.deltas.count)))
        } else {
            self = .whole(base: next.base, deltas: next.deltas)
        }
    }
}
