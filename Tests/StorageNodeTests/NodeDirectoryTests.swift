import BlobModel
import StorageNode
import SystemIO
import Testing

@Suite struct NodeDirectoryTests {
    private let network = NetworkID(bytes: [UInt8](repeating: 1, count: 32))
    private let node = NodeID(bytes: [UInt8](repeating: 2, count: 32))
    private let path = "/disk/node-03"

    private var identity: NodeIdentity { NodeIdentity(network: network, node: node) }

    private func made() throws -> InMemoryFileSystem {
        let files = InMemoryFileSystem()
        try NodeDirectory.create(path, identity, files: files)
        return files
    }

    private func rewrite(_ files: InMemoryFileSystem, _ change: (String) -> String) throws {
        let bytes = try #require(try files.readWholeFile(path + "/node.json"))
        let text = change(String(decoding: bytes, as: UTF8.self))
        try files.writeFileAtomically(path + "/node.json", Array(text.utf8))
    }

    @Test func whatWasMadeOpensOnceAtATime() throws {
        let files = try made()
        let directory = try NodeDirectory.open(path, identity, files: files)
        #expect(directory.identity == identity)
        #expect(throws: NodeDirectoryError.inUse(path)) {
            try NodeDirectory.open(path, identity, files: files)
        }
        directory.close()
        try NodeDirectory.open(path, identity, files: files).close()
    }

    @Test func aMissingDirectoryIsMissingAndStaysSo() throws {
        let files = InMemoryFileSystem()
        #expect(throws: NodeDirectoryError.missing(path)) {
            try NodeDirectory.open(path, identity, files: files)
        }
        #expect(try !files.exists(path))
        // An empty directory is where a disk is not mounted.
        try files.makeDirectories(path)
        #expect(throws: NodeDirectoryError.missing(path)) {
            try NodeDirectory.open(path, identity, files: files)
        }
        #expect(try files.list(path).isEmpty)
    }

    @Test func anotherNodesDirectoryIsForeign() throws {
        let files = try made()
        let other = NodeID(bytes: [UInt8](repeating: 3, count: 32))
        #expect(throws: NodeDirectoryError.foreign(path)) {
            try NodeDirectory.open(
                path,
                NodeIdentity(network: network, node: other),
                files: files
            )
        }
        let elsewhere = NetworkID(bytes: other.bytes)
        #expect(throws: NodeDirectoryError.foreign(path)) {
            try NodeDirectory.open(
                path,
                NodeIdentity(network: elsewhere, node: node),
                files: files
            )
        }
        try rewrite(files) { $0.replacing("walrus-node", with: "walrus-ledger") }
        #expect(throws: NodeDirectoryError.foreign(path)) {
            try NodeDirectory.open(path, identity, files: files)
        }
    }

    @Test func anOldDiskThatComesBackIsRefused() throws {
        let files = try made()
        let replaced = NodeIdentity(network: network, node: node, generation: 1)
        #expect(throws: NodeDirectoryError.wrongGeneration(path, found: 0, expected: 1)) {
            try NodeDirectory.open(path, replaced, files: files)
        }
    }

    @Test func aNewerDirectoryIsRefusedByVersion() throws {
        let files = try made()
        try rewrite(files) { $0.replacing("\"minReader\":1", with: "\"minReader\":2") }
        #expect(throws: NodeDirectoryError.newer(path, version: 2)) {
            try NodeDirectory.open(path, identity, files: files)
        }
    }

    @Test(arguments: ["", "{", "[]", "{\"kind\":\"walrus-node\",\"minReader\":1}", "\u{0}"])
    func aDamagedDescriptionIsRefused(text: String) throws {
        let files = try made()
        try rewrite(files) { _ in text }
        #expect(throws: NodeDirectoryError.damaged(path)) {
            try NodeDirectory.open(path, identity, files: files)
        }
    }

    @Test func nothingIsMadeWhereSomethingIs() throws {
        let files = try made()
        #expect(throws: NodeDirectoryError.notEmpty(path)) {
            try NodeDirectory.create(path, identity, files: files)
        }
    }
}
