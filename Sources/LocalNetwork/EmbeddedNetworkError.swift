package import LedgerService
package import SystemIO

/// Why an embedded network can not be made or opened; each says what to do.
package enum EmbeddedNetworkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no network in the directory.
    case missing(String)
    /// There is something in the directory already.
    case exists(String)
    /// The directory belongs to something else, or the network to another version.
    case foreign(String, String)
    case damaged(String, String)
    /// A network has at least 4 nodes.
    case tooFewNodes(Int)
    /// The host of the network does not answer.
    case hostSilent(String)
    /// More nodes are gone than the network can do without.
    case tooFewAvailable(path: String, available: Int, needed: Int)
    case ledger(LedgerStoreError)
    case disk(SystemError)

    package var description: String {
        switch self {
        case .missing(let path):
            "There is no network in \(path). Check the path, or whether a disk is not mounted; "
                + "`walrusfs create` makes a new one."
        case .exists(let path):
            "\(path) is not empty, so no network is made there. Choose another directory."
        case .foreign(let path, let what): "\(path) is not a network of this version: \(what)."
        case .damaged(let path, let what):
            "\(path) is damaged: \(what). Put the file back from a copy of the directory."
        case .tooFewNodes(let count):
            "A network of \(count) nodes can not be encoded for; it takes at least 4."
        case .hostSilent(let path):
            "Another process hosts the network in \(path), and does not answer on its socket."
        case .tooFewAvailable(let path, let available, let needed):
            "Only \(available) nodes of the network in \(path) are there, and \(needed) are "
                + "needed. Mount their disks or put their directories back."
        case .ledger(let error): "The ledger can not be used: \(error)."
        case .disk(let error): "\(error)"
        }
    }
}
