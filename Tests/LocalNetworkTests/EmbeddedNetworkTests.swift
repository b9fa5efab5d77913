internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import Logging
internal import StorageNode
internal import SystemIO
internal import TestSupport
internal import Testing

@Suite struct EmbeddedNetworkTests {
    private static let files = LinuxFileSystem()
    private static let account = SigningKey(seed: [UInt8](repeating: 7, count: 32))
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func create(_ path: String) throws {
        try EmbeddedDirectory.create(
            path,
            nodes: 10,
            files: files,
            time: LinuxTimeSource(),
            entropy: LinuxEntropy()
        )
    }

    /// Opens the network, runs it while `body` does, and leaves it again.
    private static func with<Result: Sendable>(
        _ path: String,
        _ body: @escaping @Sendable (EmbeddedNetwork) async throws -> Result
    ) async throws -> Result {
        let environment = EmbeddedEnvironment(logger: quiet)
        let network = try await EmbeddedNetwork.open(path, environment)
        let outcome = await withTaskGroup(of: Swift.Result<Result, any Error>?.self) { group in
            group.addTask {
                await network.run()
                return nil
            }
            group.addTask {
                do { return .success(try await body(network)) } catch { return .failure(error) }
            }
            var outcome: Swift.Result<Result, any Error>?
            while let next = await group.next() {
                if let next {
                    outcome = next
                    group.cancelAll()
                }
            }
            return outcome
        }
        await network.close()
        return try #require(outcome).get()
    }

    private static func makeClient(_ network: EmbeddedNetwork) async throws -> BlobClient {
        try await BlobClient.make(
            ledger: network.ledger,
            environment: ClientEnvironment(
                time: LinuxTimeSource(),
                entropy: LinuxEntropy(),
                compute: BlockingPool(threads: 2),
                spawn: { work in Task { await work() } }
            ),
            connect: network.connect
        )
    }

    private static func sender(_ network: EmbeddedNetwork) -> TransactionSender {
        TransactionSender(
            ledger: network.ledger,
            account: account,
            journal: MemoryTransactionJournal(),
            time: LinuxTimeSource(),
            entropy: LinuxEntropy()
        )
    }

    private static func store(
        _ bytes: [UInt8],
        in network: EmbeddedNetwork,
        named name: UInt8 = 1
    ) async throws -> BlobID {
        let sender = sender(network)
        let volume = try await VolumeRegistrar(sender: sender).create(
            nameHash: [UInt8](repeating: name, count: 32),
            capacity: 1 << 40
        )
        let blobs = NativeBlobStore(
            client: try await makeClient(network),
            pool: volume.pool,
            sender: sender
        )
        return try await blobs.store(bytes).blob
    }

    private static func read(_ blob: BlobID, _ network: EmbeddedNetwork) async throws -> [UInt8] {
        let client = try await makeClient(network)
        let length = try await client.metadata(of: blob).unencodedLength
        return try await client.read(blob, range: 0..<length, authentication: .store)
    }

    /// A folder that is removed when the test ends; tests here are asynchronous.
    private static func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = "/tmp/walrus-\(LinuxEntropy().uint64())"
        defer { _ = try? Tool.run("rm", ["-rf", path]) }
        try await body(path)
    }

    private static let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

    @Test func blobsOutliveThreeNodesAndTheLedger() async throws {
        try await Self.withFolder { path in
            try Self.create(path)
            let blob = try await Self.with(path) { try await Self.store(Self.bytes, in: $0) }
            try Tool.script("rm -r \(path)/node-01 \(path)/node-05 \(path)/node-08 \(path)/ledger")
            try await Self.with(path) { network in
                #expect(network.nodesDown.count == 3)
                #expect(try await Self.read(blob, network) == Self.bytes)
                // Writes go on, too.
                let other = try await Self.store([1, 2, 3], in: network, named: 2)
                #expect(try await Self.read(other, network) == [1, 2, 3])
            }
            // A directory that is gone is not made again.
            #expect(try !Self.files.exists(path + "/node-01"))
        }
    }

    @Test func aReplacedNodeRecoversAndThenCarriesItsShare() async throws {
        try await Self.withFolder { path in
            try Self.create(path)
            var blobs: [BlobID] = []
            blobs.append(
                try await Self.with(path) { try await Self.store(Self.bytes, in: $0) }
            )
            let genesis = try EmbeddedDirectory.open(path, files: Self.files).genesis
            try Tool.script("rm -r \(path)/node-03")
            let replaced = try NodeDirectory.replace(
                path + "/node-03",
                network: genesis.networkID,
                node: Genesis.nodeID(network: genesis.networkID, index: 3),
                files: Self.files
            )
            #expect(replaced.generation == 1)
            let stored = blobs
            try await Self.with(path) { network in
                #expect(network.nodesDown.isEmpty)
                let member = try #require(
                    genesis.committee().members.first {
                        $0.node == Genesis.nodeID(network: genesis.networkID, index: 3)
                    }
                )
                let node = network.connect(member)
                let parameters = try EncodingParameters(shardCount: 10)
                for blob in stored {
                    let pair = parameters.pair(on: ShardIndex(member.shards[0]), of: blob)
                    let name = SliverName(blob: blob, pair: pair, axis: .primary)
                    while try await node.sliverStatus(name) != .stored {
                        try await LinuxTimeSource().sleep(for: .milliseconds(20))
                    }
                }
                while try await node.health().status != .active {
                    try await LinuxTimeSource().sleep(for: .milliseconds(20))
                }
            }
            // Three others may go now, and it is one of those that are left.
            try Tool.script("rm -r \(path)/node-00 \(path)/node-01 \(path)/node-02")
            try await Self.with(path) { network in
                #expect(try await Self.read(stored[0], network) == Self.bytes)
                let other = try await Self.store([5, 6], in: network, named: 4)
                #expect(try await Self.read(other, network) == [5, 6])
            }
        }
    }

    /// Without another start of the host.
    @Test(.timeLimit(.minutes(2)))
    func aNodeThatComesBackWhileTheHostRunsIsTaken() async throws {
        try await Self.withFolder { path in
            try Self.create(path)
            let before = try await Self.with(path) { try await Self.store(Self.bytes, in: $0) }
            let genesis = try EmbeddedDirectory.open(path, files: Self.files).genesis
            let id = Genesis.nodeID(network: genesis.networkID, index: 3)
            // One disk is lost, another is not mounted.
            try Tool.script("rm -r \(path)/node-03; mv \(path)/node-05 \(path)/unmounted")
            try await Self.with(path) { network in
                #expect(network.nodesDown.count == 2)
                let after = try await Self.store([1, 2, 3], in: network, named: 2)
                _ = try NodeDirectory.replace(
                    path + "/node-03",
                    network: genesis.networkID,
                    node: id,
                    files: Self.files
                )
                try Tool.script("mv \(path)/unmounted \(path)/node-05")
                while !network.nodesDown.isEmpty {
                    try await LinuxTimeSource().sleep(for: .milliseconds(20))
                }
                let parameters = try EncodingParameters(shardCount: 10)
                for index in [3, 5] {
                    let member = try genesis.committee().members[index]
                    let node = network.connect(member)
                    for blob in [before, after] {
                        let pair = parameters.pair(on: ShardIndex(member.shards[0]), of: blob)
                        let name = SliverName(blob: blob, pair: pair, axis: .primary)
                        while try await node.sliverStatus(name) != .stored {
                            try await LinuxTimeSource().sleep(for: .milliseconds(20))
                        }
                    }
                }
            }
        }
    }

    @Test func aGuestUsesTheHostAndThenTakesItsPlace() async throws {
        try await Self.withFolder { path in
            try Self.create(path)
            let (blob, stores) = AsyncStream<BlobID>.makeStream()
            let (reads, guest) = AsyncStream<Void>.makeStream()
            async let host: Void = Self.with(path) { network in
                #expect(network.isHost)
                stores.yield(try await Self.store(Self.bytes, in: network))
                // Leaves once a guest has read, or has failed to.
                for await _ in reads { break }
            }
            defer { guest.finish() }
            var blobs = blob.makeAsyncIterator()
            let stored = try #require(await blobs.next())
            try await Self.with(path) { network in
                #expect(!network.isHost)
                #expect(try await Self.read(stored, network) == Self.bytes)
                guest.finish()
                while !network.isHost {
                    try await LinuxTimeSource().sleep(for: .milliseconds(50))
                }
                #expect(network.isHost)
                #expect(try await Self.read(stored, network) == Self.bytes)
                let other = try await Self.store([9, 9], in: network, named: 3)
                #expect(try await Self.read(other, network) == [9, 9])
            }
            try await host
        }
    }

    @Test func whatIsNoNetworkIsRefused() async throws {
        try await Self.withFolder { path in
            let environment = EmbeddedEnvironment(logger: Self.quiet)
            await #expect(throws: EmbeddedNetworkError.missing(path)) {
                _ = try await EmbeddedNetwork.open(path, environment)
            }
            #expect(try !Self.files.exists(path))
            try Self.create(path)
            #expect(throws: EmbeddedNetworkError.exists(path)) { try Self.create(path) }
            #expect(throws: EmbeddedNetworkError.tooFewNodes(3)) {
                try EmbeddedDirectory.create(
                    path + "/x",
                    nodes: 3,
                    files: Self.files,
                    time: LinuxTimeSource(),
                    entropy: LinuxEntropy()
                )
            }
            try Tool.script("echo '{\"kind\":\"other\",\"minReader\":1}' > \(path)/format.json")
            await #expect(throws: EmbeddedNetworkError.self) {
                _ = try await EmbeddedNetwork.open(path, environment)
            }
        }
    }

    @Test func tooManyMissingNodesAreNamed() async throws {
        try await Self.withFolder { path in
            try Self.create(path)
            try Tool.script(
                "cd \(path); rm -r node-00 node-01 node-02 node-03 node-04 node-05 node-06"
            )
            let error = await #expect(throws: EmbeddedNetworkError.self) {
                _ = try await EmbeddedNetwork.open(path, EmbeddedEnvironment(logger: Self.quiet))
            }
            #expect(error == .tooFewAvailable(path: path, available: 3, needed: 4))
        }
    }
}
