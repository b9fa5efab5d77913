internal import BlobModel
internal import Codec
internal import SystemIO

@testable internal import LedgerService
@testable internal import StorageNode
@testable internal import walrusfs

extension FuzzTarget {
    /// What services and mounts keep, and are told by the programs of their users.
    ///
    /// `make fuzz` leaves these out, because they stand on the web server.
    static let services: [FuzzTarget] = [
        bcs("blob-info", BlobInfo.self),
        bcs("blob-registration", BlobRegistration.self),
        bcs("node-committees", NodeCommittees.self),
        bcs("node-cursor", NodeCursor.self),
        FuzzTarget("node-json") { bytes in
            let disk = InMemoryFileSystem()
            do {
                try disk.makeDirectories("/node")
                try disk.writeFileAtomically("/node/node.json", bytes)
            } catch {
                return "there is no disk"
            }
            _ = try? NodeDirectory.identity(of: "/node", files: disk)
            return nil
        },
        json("volume-settings", VolumeSettings.self),
        json("control-request", ControlRequest.self),
        json("control-answer", ControlAnswer<StatusReport>.self),
    ]
}
