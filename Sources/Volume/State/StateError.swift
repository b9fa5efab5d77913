/// Why a state directory is not used; nothing in it was changed.
package enum StateError: Error, Equatable, Sendable {
    /// There is none, or one that was never finished.
    case missing(String)
    /// It is there already.
    case exists(String)
    /// It is of something else than a volume.
    case foreign(String)
    /// A later program made it, which says that readers need at least this version.
    case newer(Int)
    /// Its description can not be read.
    case damaged(String)
    /// It was copied, or its disk was moved, from another place or machine.
    case copied
    /// It is where it was made, and so is no copy.
    case notCopied
    /// Another process uses it.
    case locked(String)
    /// The disk refused.
    case disk(String)
    /// The volume in it could not be opened.
    case volume(VolumeError)
}
