internal import BlobModel
internal import Codec
internal import SystemIO

@testable internal import BlobClient
@testable internal import LedgerService
@testable internal import Mount
@testable internal import StorageNode
@testable internal import walrusfs

extension FuzzTarget {
    /// What services and mounts keep, and are told by the programs of their users.
    static let services: [FuzzTarget] = [
        bcs("blob-info", BlobInfo.self),
        bcs("blob-registration", BlobRegistration.self),
        bcs("node-committees", NodeCommittees.self),
        bcs("node-cursor", NodeCursor.self),
        FuzzTarget("sliver-record") { bytes in
            var reader = ByteReader(bytes)
            guard let header = try? SliverRecordHeader(axis: .primary, from: &reader) else {
                return nil
            }
            return same(header.bytes, Array(bytes.prefix(SliverRecordHeader.length)))
        },
        FuzzTarget("node-json") { bytes in
            guard let disk = disk(with: bytes, at: "/node/node.json") else {
                return "there is no disk"
            }
            _ = try? NodeDirectory.identity(of: "/node", files: disk)
            return nil
        },
        FuzzTarget("node-generation") { bytes in
            guard let disk = disk(with: bytes, at: "/node.generation") else {
                return "there is no disk"
            }
            guard let number = try? NodeGeneration.current(of: "/node", files: disk) else {
                return nil
            }
            return number > 0 ? nil : "is \(number)"
        },
        FuzzTarget("ledger-format") { bytes in
            guard let disk = disk(with: bytes, at: "/ledger/format.json") else {
                return "there is no disk"
            }
            _ = try? DirectoryFormat.check("/ledger", network: nil, in: disk)
            return nil
        },
        FuzzTarget("journal-file") { bytes in
            guard let body = FileTransactionJournal.body(of: bytes) else { return nil }
            return same(FileTransactionJournal.contents(of: body), bytes)
        },
        FuzzTarget("mount-table") { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let entries = MountTable.parse(text)
            let lines = text.utf8.count { $0 == 0x0A } + 1
            return entries.count <= lines ? nil : "has more mounts than lines"
        },
        json("volume-settings", VolumeSettings.self),
        json("control-request", ControlRequest.self),
        json("control-answer", ControlAnswer<StatusReport>.self),
    ]

    private static func disk(with bytes: [UInt8], at path: String) -> InMemoryFileSystem? {
        let disk = InMemoryFileSystem()
        do {
            for folder in ["/node", "/ledger"] { try disk.makeDirectories(folder) }
            try disk.writeFileAtomically(path, bytes)
        } catch {
            return nil
        }
        return disk
    }
}
