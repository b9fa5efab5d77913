internal import BlobModel
internal import Codec
internal import Ledger
internal import SystemIO

/// Where a devnet keeps what (`Docs/Formats/devnet.md`).
struct DevnetLayout {
    let directory: String
    let nodeCount: Int

    var genesis: String { directory + "/genesis.bcs" }
    var lock: String { directory + "/lock" }
    var report: String { directory + "/devnet.json" }
    var ledgerDirectory: String { directory + "/ledger" }

    func key(of service: String) -> String { directory + "/keys/\(service).key" }
    func log(of service: String) -> String { directory + "/logs/\(service).log" }
    func nodeDirectory(_ index: Int) -> String { directory + "/" + Self.nodeName(index) }

    static func nodeName(_ index: Int) -> String {
        index < 10 ? "node-0\(index)" : "node-\(index)"
    }

    static let ledgerName = "ledger"

    var nodeNames: [String] { (0..<nodeCount).map(Self.nodeName) }
}

/// What a devnet is made of, on the first start.
struct DevnetFounding {
    let layout: DevnetLayout
    let shardCount: Int
    /// The ledger's port, then the nodes'.
    let ports: [UInt16]
    /// How long the holder of a volume's lease has to answer a claim.
    let patience: Duration
    /// How long an epoch lasts; zero for one that does not end by itself.
    let epoch: Duration

    private var files: LinuxFileSystem { CommandFiles.files }

    /// Writes keys and, last, the genesis: with it the network exists.
    func found() throws -> Genesis {
        precondition(ports.count == layout.nodeCount + 1)
        let ledger = try key(of: DevnetLayout.ledgerName)
        let nodes = try layout.nodeNames.map { try key(of: $0) }
        let shards = Genesis.evenShards(count: shardCount, nodes: layout.nodeCount)
        let genesis = try Genesis(
            name: "devnet",
            salt: LinuxEntropy().bytes(count: 32),
            startMilliseconds: LinuxTimeSource().nowMilliseconds,
            ledgerNetworkKey: ledger.network.publicKey,
            blockKey: ledger.voice.publicKey,
            administrator: Address(of: ledger.account.publicKey),
            rules: GenesisRules(
                epochDurationMilliseconds: UInt64(epoch / .milliseconds(1)),
                patienceMilliseconds: UInt64(patience / .milliseconds(1))
            ),
            nodes: nodes.enumerated().map { index, keys in
                GenesisNode(
                    name: DevnetLayout.nodeName(index),
                    account: Address(of: keys.account.publicKey),
                    protocolKey: keys.voice.publicKey,
                    networkKey: keys.network.publicKey,
                    address: "https://127.0.0.1:\(ports[index + 1])",
                    stake: 0,
                    shards: shards[index]
                )
            },
            accounts: []
        )
        try files.writeFileAtomically(ledgerPort, Array("\(ports[0])\n".utf8))
        try files.writeFileAtomically(layout.genesis, genesis.bcsBytes)
        return genesis
    }

    private var ledgerPort: String { layout.directory + "/ledger.port" }

    /// A key that an interrupted founding left is as good as a new one.
    private func key(of service: String) throws -> ServiceKeys {
        let path = layout.key(of: service)
        return try KeyFile.loadIfPresent(path) ?? KeyFile.create(path)
    }

    /// The port on which the ledger of a devnet that exists is expected.
    static func ledgerPort(of layout: DevnetLayout) throws -> UInt16 {
        let path = layout.directory + "/ledger.port"
        guard let bytes = try CommandFiles.files.readWholeFile(path, limit: 16),
            let port = UInt16(String(decoding: bytes, as: UTF8.self).filter { $0 != "\n" })
        else { throw ServiceFailure("\(path) is missing or damaged") }
        return port
    }
}
