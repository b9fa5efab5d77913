// Named places between the steps of a checkpoint where what was done is durable and what follows is
// not. A mount passes them by; a test's plan looks at disk and network there, or ends the process
// (`Docs/Checkpoints.md`).

/// A place on a checkpoint's way where a crash is worth a test of its own.
package enum FaultPoint: String, CaseIterable, Sendable {
    /// The volume is frozen; nothing is written down yet.
    case cut
    /// The cut file is complete, and progress does not name it.
    case delta
    /// A pack of contents is sealed in memory.
    case gather
    /// A pack of contents is on the disk, its rows are not.
    case sealed
    /// The rows of a pack are placed; it is about to be stored.
    case storing
    /// A pack is registered on the ledger, and none of it is uploaded.
    case registered
    /// A pack of contents is certified, and nobody here has written that down.
    case certified
    /// A pack of the rows of a new base is on the disk; more may follow.
    case baseMerge
    /// All packs of rows are on the disk, and progress does not name them.
    case rowsSealed
    /// The rows are certified, and nobody here has written that down.
    case rowsStored
    /// The manifest is on the disk, and progress does not name it.
    case manifestSealed
    /// The manifest is certified, and not yet the intent.
    case manifestStored
    /// The intent is durable; the publication is about to be sent.
    case publishSent
    /// The ledger has answered, and nobody here has written that down.
    case publishAnswered
    /// The new head is written down; the log is not released.
    case release
    /// The log is released; files of the checkpoint are still there.
    case released
    /// What lives of sparse segments of the log is copied, and nothing points there yet.
    case compaction
    /// The copies are what the view knows; the segments are still there.
    case compacted
    /// Packs that nothing needs are marked, rows of deleted ones removed; the cut is about to be.
    case wasteMarked
    /// A pack of moved chunks is on the disk; it is about to be stored.
    case moveSealed
    /// It is certified, and no row says so.
    case moveStored
    /// Its chunks lie there; its file is still here, and the cut is about to be.
    case moved
    /// A head that needs some blobs no more is published; the ledger is about to be told.
    case retireSent
    /// The ledger has retired them, and nobody here knows.
    case retired
    /// The grace of some is over; they are about to be deleted.
    case deleteSent
    /// They are gone, and their rows are still there.
    case deleted
}

extension CheckpointEnvironment {
    /// Passes a fault point: nothing happens unless a plan is installed.
    func pass(_ point: FaultPoint) {
        if let faultPlan { faultPlan(point) }
    }
}
