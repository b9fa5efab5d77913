import BlobModel
import StorageNode
import SystemIO
import Testing

@Suite struct NodeReplaceTests {
    private let network = NetworkID(bytes: [UInt8](repeating: 1, count: 32))
    private let node = NodeID(bytes: [UInt8](repeating: 2, count: 32))
    private let path = "/disk/node-03"

    private func identity(_ generation: Int) -> NodeIdentity {
        NodeIdentity(network: network, node: node, generation: generation)
    }

    private func made() throws -> InMemoryFileSystem {
        let files = InMemoryFileSystem()
        try NodeDirectory.create(path, identity(0), files: files)
        return files
    }

    private func replace(_ files: InMemoryFileSystem) throws -> NodeReplacement {
        try NodeDirectory.replace(path, network: network, node: node, files: files)
    }

    @Test func aReplacedNodeIsEmptyAndTheOldDiskIsKeptAndRefused() throws {
        let files = try made()
        try files.writeFileAtomically(path + "/slivers/x", [1])
        #expect(try NodeGeneration.current(of: path, files: files) == 0)
        let replaced = try replace(files)
        #expect(replaced == NodeReplacement(generation: 1, old: path + ".old-0"))
        #expect(try NodeGeneration.current(of: path + "/", files: files) == 1)
        #expect(try files.list(path + "/slivers").isEmpty)
        #expect(try files.exists(path + ".old-0/slivers/x"))
        try NodeDirectory.open(path, identity(1), files: files).close()
        // The old disk comes back.
        try files.rename(path, to: "/disk/elsewhere")
        try files.rename(path + ".old-0", to: path)
        let error = #expect(throws: NodeDirectoryError.self) {
            try NodeDirectory.open(path, identity(1), files: files)
        }
        #expect(error == .wrongGeneration(path, found: 0, expected: 1))
        #expect(error?.description.contains("walrus node replace") == true)
    }

    @Test func aLostDirectoryIsMadeAnew() throws {
        let files = InMemoryFileSystem()
        try files.makeDirectories("/disk")
        #expect(try replace(files) == NodeReplacement(generation: 1, old: nil))
        #expect(try replace(files) == NodeReplacement(generation: 2, old: path + ".old-1"))
        try NodeDirectory.open(path, identity(2), files: files).close()
    }

    @Test func aNodeThatRunsIsNotReplaced() throws {
        let files = try made()
        let directory = try NodeDirectory.open(path, identity(0), files: files)
        #expect(throws: NodeDirectoryError.inUse(path)) { try replace(files) }
        directory.close()
        _ = try replace(files)
    }

    @Test func whatIsNotTheNodesIsNotTouched() throws {
        let files = InMemoryFileSystem()
        try files.makeDirectories(path)
        try files.writeFileAtomically(path + "/letter", [1])
        #expect(throws: NodeDirectoryError.notEmpty(path)) { try replace(files) }
        try files.removeFile(path + "/letter")
        let other = NodeIdentity(
            network: network,
            node: NodeID(bytes: [UInt8](repeating: 9, count: 32))
        )
        try NodeDirectory.create(path, other, files: files)
        #expect(throws: NodeDirectoryError.foreign(path)) { try replace(files) }
        #expect(try NodeGeneration.current(of: path, files: files) == 0)
    }

    /// At every step a power cut leaves a node that is missing, refused or replaced, and doing it
    /// again replaces it.
    @Test func aCrashWhileReplacingIsMendedByDoingItAgain() throws {
        var steps = 0
        while true {
            let files = try made()
            files.faults.stepsUntilPowerCut = steps
            let isDone = (try? replace(files)) != nil
            for seed in 0..<4 as Range<UInt64> {
                let after = files.crash(seed: seed)
                let generation = try NodeGeneration.current(of: path, files: after)
                let opened = try? NodeDirectory.open(path, identity(generation), files: after)
                opened?.close()
                if isDone { #expect(generation == 1 && opened != nil) }
                if opened == nil || generation == 0 {
                    let replaced = try replace(after)
                    #expect(replaced.generation == generation + 1)
                    try NodeDirectory.open(path, identity(generation + 1), files: after).close()
                }
            }
            if isDone { break }
            steps += 1
        }
        #expect(steps > 5)
    }

    @Test(arguments: ["", "1", "x\n", "0\n", "-1\n"])
    func aDamagedGenerationIsRefused(text: String) throws {
        let files = try made()
        try files.writeFileAtomically(path + ".generation", Array(text.utf8))
        #expect(throws: NodeDirectoryError.damaged(path + ".generation")) {
            try NodeGeneration.current(of: path, files: files)
        }
    }
}
