package import BlobModel
package import SystemIO
package import VolumeFormat

/// Why a checkpoint was not made, or a volume not attached.
package enum CheckpointError: Error, Equatable, Sendable {
    case volume(VolumeError)
    case blobs(BlobStoreError)
    case heads(HeadStoreError)
    case format(VolumeFormatError)
    case system(SystemError)
    /// Local state of the checkpointer is not what it wrote.
    case damagedState(String)
    /// Another mount holds the lease now; this one is read-only and keeps its unpublished work.
    case leaseLost
    /// The mount that a lease was to be taken from may still answer, until this block time (ms).
    case patienceNotOver(until: UInt64)
    /// The volume's network can not be used, for a reason that waiting does not change.
    case noNetwork(String)
    /// The ledger's head is not the one that this state directory continues.
    case stranded(current: Head?)
    /// The volume has no checkpoint yet, so there is nothing to attach to.
    case neverPublished
    case cancelled

    /// Whether the same step may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .blobs(let error): error.isTransient
        case .heads(let error): error.isTransient
        case .system(let error): error.isNoSpace || error.isOutOfDescriptors
        case .volume(.noSpace), .volume(.quotaExceeded), .volume(.networkUnavailable): true
        case .volume, .format, .damagedState, .leaseLost, .patienceNotOver, .noNetwork, .stranded,
            .neverPublished, .cancelled:
            false
        }
    }

    /// What an operation of the volume that needed it answers.
    package var asVolumeError: VolumeError {
        switch self {
        case .volume(let error): error
        case .blobs(.corrupt(let blob, let what)): .corrupt("blob \(blob): \(what)")
        case .blobs(.inconsistent(let blob)): .corrupt("blob \(blob) was encoded inconsistently")
        case .blobs(let error): .networkUnavailable("\(error)")
        case .heads(let error): .networkUnavailable("\(error)")
        case .format(let error): .corrupt("\(error)")
        case .system(let error): VolumeError(error, "local files")
        case .damagedState(let what): .corrupt(what)
        case .leaseLost, .patienceNotOver, .stranded: .readOnly
        case .noNetwork(let reason): .networkUnavailable(reason)
        case .neverPublished: .notFound
        case .cancelled: .interrupted
        }
    }
}

/// Runs a call of the volume, its error made ours.
func volume<Result>(
    _ body: () throws(VolumeError) -> Result
) throws(CheckpointError) -> Result {
    do throws(VolumeError) { return try body() } catch { throw .volume(error) }
}

/// Runs a call of the system, its error made ours.
func system<Result>(
    _ body: () throws(SystemError) -> Result
) throws(CheckpointError) -> Result {
    do throws(SystemError) { return try body() } catch { throw .system(error) }
}

/// Runs a decoder of a format, its error made ours.
func format<Result>(
    _ body: () throws(VolumeFormatError) -> Result
) throws(CheckpointError) -> Result {
    do throws(VolumeFormatError) { return try body() } catch { throw .format(error) }
}
