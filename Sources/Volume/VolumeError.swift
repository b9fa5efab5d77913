internal import SystemIO

/// Why an operation on a volume failed; `Mount` has an errno for each.
package enum VolumeError: Error, Equatable, Sendable {
    case notFound
    case exists
    case notDirectory
    case isDirectory
    case directoryNotEmpty
    case nameTooLong
    case invalidArgument
    case notPermitted
    case accessDenied
    case tooManyLinks
    case fileTooLarge
    /// No data, or no hole, at or after the offset (SEEK_DATA, SEEK_HOLE).
    case noSuchOffset
    /// The extended attribute is not there.
    case noAttribute
    case attributeTooLarge
    case unsupported
    /// The inode or handle number is not known, or no longer.
    case stale
    case badHandle
    /// The local log or disk is full and waiting does not help.
    case noSpace
    /// The user's quota of the local disk is used up.
    case quotaExceeded
    /// The mount is read-only: by option, as a follower, or because the lease was lost.
    case readOnly
    /// A durability failure made the mount read-only; a restart recovers. Says what failed.
    case failed(String)
    /// The local disk returned an error.
    case inputOutput(String)
    /// Bytes did not match their checksum or their key, here or on the network.
    case corrupt(String)
    /// Bytes or a certificate needed the network, which did not answer in time.
    case networkUnavailable(String)
    case interrupted

    /// There was no room, nothing has changed, and the same may work when there is some again.
    package var isFull: Bool { self == .noSpace || self == .quotaExceeded }

    /// The machine refused before anything happened, or in a way that leaves all in doubt.
    init(_ error: SystemError, _ what: String) {
        self =
            if error.isQuotaExceeded {
                .quotaExceeded
            } else if error.isNoSpace {
                .noSpace
            } else {
                .inputOutput("\(what): \(error)")
            }
    }
}
