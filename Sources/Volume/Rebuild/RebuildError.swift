package import BlobModel

/// Why a view was not made anew; nothing was changed.
package enum RebuildError: Error, Equatable, Sendable {
    /// Operations that no checkpoint has may be lost: what is missing, as a person is told it.
    case incomplete(String)
    /// The head is none that this log continues: another mount published it.
    case stranded(Head)
    case checkpoint(CheckpointError)
    case volume(VolumeError)
}

/// What may be missing from a rebuilt view.
package enum RebuildLoss: Sendable {
    /// Nothing; and a check of the new view finds no error.
    case whole
    /// Nothing that is known of; what a check finds is told.
    case reported
    /// Records of the log that are nowhere: a person said so.
    case accepted
}

/// What a rebuilt view came from.
package struct RebuildReport: Sendable {
    /// The checkpoint whose rows it began with, 0 for none.
    package var sequence: UInt64 = 0
    package var rowCount: UInt64 = 0
    /// The newest record of the log in it.
    package var lastLSN: UInt64 = 0
    /// Records of the log that are nowhere; only where loss was accepted.
    package var missing: [ClosedRange<UInt64>] = []
    /// What a check of it found.
    package var check = FsckReport()
}
