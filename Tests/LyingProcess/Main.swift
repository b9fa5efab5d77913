internal import BlobClient
internal import BlobModel
internal import Codec
internal import Glibc
internal import Ledger
internal import Logging
internal import StorageNode
internal import SystemIO
internal import TestNetwork
internal import Transport

/// A storage node in a process of its own that lies: it has a node's key and directory, follows the
/// real ledger and is spoken to through the real API.
///
/// `lying-node GENESIS-FILE NETWORK-URL KIND KEY-FILE DIRECTORY LISTEN` serves until it is killed;
/// `misencode SKIPPED-NODE` and `slander BLOB KEY-FILE…` in the place of the rest do what
/// ``Mallory`` does.
@main
enum LyingProcess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async {
        do {
            try await run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            print("lying-node: \(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws {
        guard arguments.count >= 4,
            case .remote(let hosts, _) = try NetworkURL(text: arguments[1])
        else { throw Failure(description: "too few arguments") }
        let genesis = try Genesis(bcsBytes: try read(arguments[0]))
        let ledger = HTTPLedger(
            genesis: genesis,
            endpoints: hosts.map { .tcp(host: $0.host, port: $0.port) }
        )
        let mallory = Mallory(genesis: genesis, ledger: ledger)
        switch arguments[2] {
        case "misencode":
            guard let skipped = Int(arguments[3]) else { throw Failure(description: "no node") }
            try await mallory.storeMisencoded(skipping: skipped)
        case "slander":
            try await mallory.slander(
                try BlobID(text: arguments[3]),
                with: try arguments.dropFirst(4).map(keys)
            )
        case let kind:
            guard arguments.count == 6, let kind = LyingKind(rawValue: kind),
                let endpoint = Endpoint(text: arguments[5])
            else { throw Failure(description: "wrong arguments") }
            try await serve(kind, try keys(arguments[3]), arguments[4], endpoint, genesis, ledger)
        }
    }

    private static func keys(_ path: String) throws -> ServiceKeys {
        let text = String(decoding: try read(path), as: UTF8.self)
        return ServiceKeys(seed: try SeedText.decode(text))
    }

    private static func serve(
        _ kind: LyingKind,
        _ keys: ServiceKeys,
        _ directory: String,
        _ endpoint: Endpoint,
        _ genesis: Genesis,
        _ ledger: HTTPLedger
    ) async throws {
        let node = try open(directory, keys, genesis)
        let parameters = try EncodingParameters(shardCount: genesis.shardCount)
        let liar = Liar(
            kind,
            key: keys.voice,
            domain: SigningDomain(network: genesis.networkID, incarnation: 0),
            time: LinuxTimeSource()
        )
        let api = StorageNodeAPI(
            node: liar.facing(nil, node),
            parameters: parameters,
            time: LinuxTimeSource(),
            pool: BlockingPool(threads: 1, name: "verify")
        )
        try await HTTPServer.serve(
            Router(api.routes),
            at: endpoint,
            identity: try TLSIdentity(key: keys.network),
            logger: Logger(label: "liar") { StreamLogHandler.standardError(label: $0) }
        ) { _ in
            print("ready")
            fflush(nil)
            // What it has not stored it does not recover.
            await node.follow(ledger)
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let bytes = try LinuxFileSystem().readWholeFile(path, limit: 1 << 20) else {
            throw Failure(description: "no file \(path)")
        }
        return bytes
    }

    private static func open(
        _ path: String,
        _ keys: ServiceKeys,
        _ genesis: Genesis
    ) throws -> StorageNode {
        let committee = try genesis.committee()
        let key = keys.voice.publicKey
        guard let member = committee.members.first(where: { $0.protocolKey == key }) else {
            throw Failure(description: "the key is no node's")
        }
        let files = LinuxFileSystem()
        let identity = NodeIdentity(
            network: genesis.networkID,
            node: member.node,
            generation: try NodeGeneration.current(of: path, files: files)
        )
        let directory = try NodeDirectory.open(path, identity, files: files)
        return try StorageNode(
            configuration: NodeConfiguration(
                genesis: genesis,
                node: member.node,
                protocolKey: keys.voice
            ),
            store: try DiskNodeStore.open(directory, entropy: LinuxEntropy()),
            pool: BlockingPool(threads: 2, name: "store"),
            time: LinuxTimeSource()
        )
    }
}
