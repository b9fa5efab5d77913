package import SystemIO

package enum SegmentLogError: Error, Equatable, Sendable {
    /// The machine refused; with ``isNoSpace`` the log goes on as soon as there is room.
    case system(SystemError)
    /// Writing or syncing failed, so what is on the disk is unknown: the log takes nothing more.
    ///
    /// Only opening it anew tells what survived.
    case failed(SystemError)
    /// What was synced once does not verify.
    case corrupt(segment: UInt64, offset: Int)
    /// The segment was removed, or never was.
    case missing(segment: UInt64)
    /// Another kind of log lies here, or one of a later format.
    case unsupported(segment: UInt64)
    /// The record is longer than the format allows.
    case tooLong(length: Int)

    package var isNoSpace: Bool {
        if case .system(let error) = self { error.isNoSpace } else { false }
    }
}
