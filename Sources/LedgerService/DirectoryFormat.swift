internal import BlobModel
internal import Foundation
internal import SystemIO

/// The `format.json` of a ledger's directory (`Docs/Formats/directories.md`).
struct DirectoryFormat: Codable, Equatable {
    static let name = "format.json"
    static let ledger = "ledger"
    /// The newest version that this program reads.
    static let versionMax = 1

    let kind: String
    let version: Int
    let minReader: Int
    let network: String

    init(network: NetworkID) {
        kind = Self.ledger
        version = 1
        minReader = 1
        self.network = network.description
    }

    /// Reads and checks the file; nil when there is none.
    static func check(
        _ directory: String,
        network: NetworkID?,
        in files: some FileSystem
    ) throws(LedgerStoreError) -> DirectoryFormat? {
        let path = directory + "/" + name
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try files.readWholeFile(path, limit: 1 << 16)
        } catch {
            throw .failed(error.description)
        }
        guard let bytes else { return nil }
        // The reason why it does not parse helps nobody; that it does not is the message.
        guard let format = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            throw .damaged(path: directory, "\(name) can not be read")
        }
        guard format.kind == ledger else { throw .foreign(path: directory, found: format.kind) }
        guard format.minReader <= versionMax else {
            throw .newer(path: directory, needs: format.minReader)
        }
        if let network, format.network != network.description {
            throw .foreign(path: directory, found: "network \(format.network)")
        }
        return format
    }

    /// Writes the file, durably: the last act of making a directory.
    func write(to directory: String, in files: some FileSystem) throws(LedgerStoreError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do {
            let data = try encoder.encode(self)
            try files.writeFileAtomically(directory + "/" + Self.name, Array(data) + [0x0A])
        } catch {
            throw .failed("\(error)")
        }
    }
}
