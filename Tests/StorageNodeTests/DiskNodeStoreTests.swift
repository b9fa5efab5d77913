import BlobClient
import BlobModel
import Codec
import ErasureCoding
import Ledger
import StorageNode
import SystemIO
import TestNetwork
import TestSupport
import Testing

/// A store in a directory of its own, which can be opened again.
private final class Disk {
    let path: String
    let identity: NodeIdentity
    private(set) var store: DiskNodeStore?

    init(_ path: String, network: NetworkID) throws {
        self.path = path
        identity = NodeIdentity(
            network: network,
            node: Genesis.nodeID(network: network, index: 0)
        )
        try NodeDirectory.create(path, identity, files: LinuxFileSystem())
        try open()
    }

    func open() throws {
        let directory = try NodeDirectory.open(path, identity, files: LinuxFileSystem())
        store = try DiskNodeStore.open(
            directory,
            entropy: LinuxEntropy(),
            segmentSize: 64 << 10
        )
    }

    var opened: DiskNodeStore {
        get throws { try #require(store) }
    }

    func reopen() throws {
        store?.close()
        store = nil
        try open()
    }

    /// Lets go of the store as a killed process does: what waits for a commit is lost.
    func crash() throws {
        store = nil
        try open()
    }
}

/// Encoded blobs, and blocks of a ledger that they are on.
private struct Material {
    let network: NetworkID
    let genesis: Genesis
    let blobs: [EncodedBlob]
    let blocks: [Block]

    init() async throws {
        let testNetwork = try TestNetwork()
        let (_, store) = try await testNetwork.looseStore(testNetwork.client())
        let encoder = RedStuffEncoder(try EncodingParameters(shardCount: 10))
        var blobs: [EncodedBlob] = []
        for seed in 1...6 {
            let bytes = TestNetwork.bytes(700 * seed, seed: UInt64(seed))
            _ = try await store.store(bytes)
            blobs.append(try encoder.encode(bytes))
        }
        self.blobs = blobs
        genesis = testNetwork.genesis
        network = genesis.networkID
        try await testNetwork.execute(.advanceEpoch(from: 0))
        blocks = try await testNetwork.ledger.memory.blocks(
            from: 1,
            limit: 1000,
            waitMilliseconds: 0
        )
    }

    func name(_ blob: Int, _ pair: Int, _ axis: SliverAxis) -> SliverName {
        SliverName(
            blob: blobs[blob].blobID,
            pair: SliverPairIndex(UInt16(pair)),
            axis: axis
        )
    }

    func apply(_ block: Block, to store: some NodeStore) throws {
        let cursor = try store.cursor()
        guard block.height == cursor.block.height + 1 else { return }
        try store.append(block)
        let changes = try NodeState.apply(
            block,
            epoch: cursor.epoch,
            committees: try store.committees() ?? NodeCommittees(try genesis.committee()),
            to: store
        )
        let next = NodeCursor(block: block.reference, epoch: changes.epoch)
        try store.commit(changes, cursor: next, garbageDue: 1000)
    }
}

@Suite struct DiskNodeStoreTests {
    private func compare(
        _ disk: DiskNodeStore,
        _ memory: MemoryNodeStore,
        _ material: Material,
        seed: UInt64
    ) throws {
        #expect(try disk.cursor() == memory.cursor(), "seed \(seed)")
        #expect(try disk.committees() == memory.committees(), "seed \(seed)")
        let ids = memory.blobs(after: nil, limit: 100).map(\.blob)
        #expect(try disk.blobs(after: nil, limit: 100).map(\.blob) == ids, "seed \(seed)")
        if ids.count > 2 {
            let part = Array(ids[1...2])
            #expect(try disk.blobs(after: ids[0], limit: 2).map(\.blob) == part, "seed \(seed)")
        }
        let blocks = memory.blocks(from: 1, limit: 1000)
        #expect(try disk.blocks(from: 1, limit: 1000) == blocks, "seed \(seed)")
        for blob in material.blobs.indices {
            let id = material.blobs[blob].blobID
            #expect(try disk.info(of: id) == memory.info(of: id), "seed \(seed)")
            #expect(try disk.metadata(of: id) == memory.metadata(of: id), "seed \(seed)")
            #expect(try disk.pairs(of: id) == memory.pairs(of: id), "seed \(seed)")
            for pair in 0..<3 {
                for axis in SliverAxis.allCases {
                    let name = material.name(blob, pair, axis)
                    #expect(try disk.sliver(name) == memory.sliver(name), "seed \(seed)")
                    let range = 7..<60
                    #expect(
                        try disk.sliverBytes(name, range: range)
                            == memory.sliverBytes(name, range: range),
                        "seed \(seed)"
                    )
                }
            }
        }
        #expect(
            try disk.garbage(dueAt: 5000, limit: 100) == memory.garbage(dueAt: 5000, limit: 100),
            "seed \(seed)"
        )
    }

    /// Any order of what a node does gives what the dictionaries give, also after reopening.
    ///
    /// After a kill nothing that was stored is lost, because the logs say it again; only what the
    /// ledger says is behind, and comes again from the blocks.
    @Test(arguments: 1...6)
    func theDiskAgreesWithTheReference(seed: UInt64) async throws {
        let material = try await Material()
        try Scratch.with { scratch in
            let disk = try Disk(scratch.path + "/node", network: material.network)
            let memory = MemoryNodeStore(network: material.network)
            let random = SeededEntropy(seed: seed)
            for _ in 0..<250 {
                let blob = Int(random.uint64(below: UInt64(material.blobs.count)))
                let encoded = material.blobs[blob]
                let pair = Int(random.uint64(below: 3))
                let axis: SliverAxis = random.uint64(below: 2) == 0 ? .primary : .secondary
                let name = material.name(blob, pair, axis)
                switch random.uint64(below: 20) {
                case 0..<4:
                    let next = Int(memory.cursor().block.height)
                    guard next < material.blocks.count else { break }
                    try material.apply(material.blocks[next], to: try disk.opened)
                    try material.apply(material.blocks[next], to: memory)
                case 4..<6:
                    try disk.opened.store(encoded.metadata)
                    try memory.store(encoded.metadata)
                case 6..<14:
                    let sliver = encoded.pair(name.pair)[axis]
                    try disk.opened.store(sliver, as: name)
                    try memory.store(sliver, as: name)
                case 14 where axis == .primary:
                    // Likewise.
                    try disk.opened.drop([(name.blob, name.pair)])
                    memory.drop([(name.blob, name.pair)])
                case 14:
                    try disk.opened.forget(name)
                    memory.forget(name)
                    // A forgotten sliver may come back with a crash, so this is committed.
                    try disk.opened.flush()
                case 15:
                    try disk.opened.deleteData(of: encoded.blobID)
                    memory.deleteData(of: encoded.blobID)
                case 16: try disk.opened.flush()
                case 17: try disk.opened.synchronize()
                case 18: try disk.reopen()
                default:
                    try disk.crash()
                    for block in material.blocks.prefix(Int(memory.cursor().block.height)) {
                        try material.apply(block, to: try disk.opened)
                    }
                }
            }
            try compare(disk.opened, memory, material, seed: seed)
            try disk.reopen()
            try compare(disk.opened, memory, material, seed: seed)
            disk.store?.close()
        }
    }

    @Test(arguments: [true, false])
    func aLostIndexIsRebuiltFromTheLogs(isGarbled: Bool) async throws {
        let material = try await Material()
        try Scratch.with { scratch in
            let disk = try Disk(scratch.path + "/node", network: material.network)
            let memory = MemoryNodeStore(network: material.network)
            for blob in material.blobs.indices {
                try disk.opened.store(material.blobs[blob].metadata)
                try memory.store(material.blobs[blob].metadata)
                let name = material.name(blob, 1, .secondary)
                let sliver = material.blobs[blob].pair(name.pair).secondary
                try disk.opened.store(sliver, as: name)
                try memory.store(sliver, as: name)
            }
            for block in material.blocks {
                try material.apply(block, to: try disk.opened)
                try material.apply(block, to: memory)
            }
            disk.store?.close()
            let files = LinuxFileSystem()
            for suffix in ["", "-wal", "-shm"] {
                let path = disk.path + "/index.db" + suffix
                guard try files.exists(path) else { continue }
                try files.removeFile(path)
            }
            if isGarbled {
                let garbage = TestNetwork.bytes(20_000)
                try files.writeFileAtomically(disk.path + "/index.db", garbage)
            }
            try disk.crash()
            // The node's own blocks say the rest again.
            for bytes in try disk.opened.blocks(from: 1, limit: 1000) {
                try material.apply(try Block(bcsBytes: bytes), to: try disk.opened)
            }
            try compare(disk.opened, memory, material, seed: 0)
            disk.store?.close()
        }
    }

    @Test func rotIsFoundWhenItIsReadAndNotServed() async throws {
        let material = try await Material()
        try Scratch.with { scratch in
            let disk = try Disk(scratch.path + "/node", network: material.network)
            let name = material.name(5, 0, .primary)
            let sliver = material.blobs[5].pair(name.pair).primary
            try disk.opened.store(material.blobs[5].metadata)
            try disk.opened.store(sliver, as: name)
            // Others fill the segment up, because the last one is checked when the log opens.
            for _ in 0..<10 {
                for pair in 1..<10 {
                    let other = material.name(5, pair, .primary)
                    try disk.opened.store(
                        material.blobs[5].pair(other.pair).primary,
                        as: other
                    )
                }
            }
            disk.store?.close()
            // Somewhere in the sliver's symbols one bit flips.
            let files = LinuxFileSystem()
            let segment = try #require(
                try files.list(disk.path + "/slivers").first { $0.hasSuffix(".seg") }
            )
            let path = disk.path + "/slivers/" + segment
            var bytes = try #require(try files.readWholeFile(path))
            let place = try #require(
                bytes.indices.first { bytes[$0...].starts(with: sliver.bytes.prefix(40)) }
            )
            bytes[place + 20] ^= 1
            try files.writeFileAtomically(path, bytes)
            try disk.crash()
            #expect {
                try disk.opened.sliver(name)
            } throws: { error in
                guard case NodeStoreError.damaged? = error as? NodeStoreError else { return false }
                return true
            }
            try disk.opened.forget(name)
            #expect(try disk.opened.sliver(name) == nil)
            try disk.opened.store(sliver, as: name)
            #expect(try disk.opened.sliver(name) == sliver)
            disk.store?.close()
        }
    }

    @Test func deletedBlobsGiveTheirRoomBack() async throws {
        let material = try await Material()
        try Scratch.with { scratch in
            let disk = try Disk(scratch.path + "/node", network: material.network)
            let files = LinuxFileSystem()
            for round in 0..<40 {
                for pair in 0..<10 {
                    let name = material.name(5, pair, .primary)
                    let sliver = material.blobs[5].pair(name.pair).primary
                    try disk.opened.store(sliver, as: name)
                }
                try disk.opened.deleteData(of: material.blobs[5].blobID)
                if round == 20 { try disk.reopen() }
            }
            #expect(try files.list(disk.path + "/slivers").count <= 3)
            disk.store?.close()
        }
    }
}
