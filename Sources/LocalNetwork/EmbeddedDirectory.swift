// What lies in an embedded network's directory: `Docs/Formats/embedded-network.md` is normative.

package import BlobModel
internal import Codec
internal import Foundation
package import Ledger
internal import LedgerService
internal import StorageNode
package import SystemIO

/// The fixed part of an embedded network: its genesis and its keys.
package struct EmbeddedDirectory: Sendable {
    package let path: String
    package let genesis: Genesis
    private let seed: [UInt8]

    private static let format =
        #"{"kind":"walrus-embedded-network","minReader":1,"version":1}"# + "\n"
    private static let genesisLengthMax = 16 << 20
    package static let nodesMin = 4

    package var nodeCount: Int { genesis.nodes.count }
    /// How many nodes may be down.
    package var faultyMax: Int { (nodeCount - 1) / 3 }

    var lockPath: String { path + "/lock" }
    var ledgerPath: String { path + "/ledger" }
    var socketsPath: String { path + "/sockets" }

    package func nodePath(_ index: Int) -> String { path + "/" + Self.nodeName(index) }

    func nodeIdentity(_ index: Int, generation: Int) -> NodeIdentity {
        NodeIdentity(
            network: genesis.networkID,
            node: nodeID(index),
            generation: generation
        )
    }

    package func nodeID(_ index: Int) -> NodeID {
        Genesis.nodeID(network: genesis.networkID, index: index)
    }

    var ledgerKeys: ServiceKeys { Self.keys(of: "ledger", seed) }

    func nodeKeys(_ index: Int) -> ServiceKeys { Self.keys(of: Self.nodeName(index), seed) }

    private static func nodeName(_ index: Int) -> String {
        "node-" + (index < 10 ? "0\(index)" : "\(index)")
    }

    private static func keys(of role: String, _ seed: [UInt8]) -> ServiceKeys {
        ServiceKeys(
            seed: Blake2b256.hash(Array(role.utf8) + [0] + seed, kind: "embedded-key")
        )
    }

    /// Makes a network of `nodes` nodes with one shard each.
    ///
    /// Blocks.
    package static func create(
        _ path: String,
        nodes: Int,
        files: any FileSystem,
        time: any TimeSource,
        entropy: any Entropy
    ) throws(EmbeddedNetworkError) {
        guard nodes >= nodesMin else { throw .tooFewNodes(nodes) }
        let seed = entropy.bytes(count: 32)
        let genesis = try makeGenesis(
            nodes: nodes,
            seed: seed,
            salt: entropy.bytes(count: 32),
            milliseconds: time.nowMilliseconds,
            path
        )
        let isEmpty: Bool
        do throws(SystemError) {
            try files.makeDirectories(path)
            isEmpty = try files.list(path).isEmpty
        } catch {
            throw .disk(error)
        }
        guard isEmpty else { throw .exists(path) }
        do throws(SystemError) {
            try files.writeFileAtomically(
                path + "/network.key",
                Array(SeedText.encode(seed).utf8)
            )
        } catch {
            throw .disk(error)
        }
        for index in 0..<nodes {
            let identity = NodeIdentity(
                network: genesis.networkID,
                node: Genesis.nodeID(network: genesis.networkID, index: index)
            )
            do throws(NodeDirectoryError) {
                try NodeDirectory.create(
                    path + "/" + nodeName(index),
                    identity,
                    files: files
                )
            } catch {
                throw .damaged(path, "\(error)")
            }
        }
        do throws(SystemError) {
            try files.makeDirectories(path + "/sockets")
            try files.writeFileAtomically(path + "/genesis.bcs", genesis.bcsBytes)
            // Last: a directory without it is one that was never finished.
            try files.writeFileAtomically(path + "/format.json", Array(format.utf8))
        } catch {
            throw .disk(error)
        }
    }

    private static func makeGenesis(
        nodes: Int,
        seed: [UInt8],
        salt: [UInt8],
        milliseconds: UInt64,
        _ path: String
    ) throws(EmbeddedNetworkError) -> Genesis {
        let ledger = keys(of: "ledger", seed)
        let shards = Genesis.evenShards(count: nodes, nodes: nodes)
        do throws(CodecError) {
            return try Genesis(
                name: "embedded",
                salt: salt,
                startMilliseconds: milliseconds,
                ledgerNetworkKey: ledger.network.publicKey,
                blockKey: ledger.voice.publicKey,
                administrator: Address(of: ledger.voice.publicKey),
                rules: GenesisRules(epochsAheadMax: 1000),
                nodes: (0..<nodes).map { index in
                    let keys = keys(of: nodeName(index), seed)
                    return GenesisNode(
                        name: nodeName(index),
                        account: Address(of: keys.account.publicKey),
                        protocolKey: keys.voice.publicKey,
                        networkKey: keys.network.publicKey,
                        address: "embedded:" + nodeName(index),
                        stake: 0,
                        shards: shards[index]
                    )
                },
                accounts: []
            )
        } catch {
            throw .foreign(path, "\(nodes) nodes: \(error)")
        }
    }

    /// Reads what is there and checks that it belongs together.
    ///
    /// Blocks.
    package static func open(
        _ path: String,
        files: any FileSystem
    ) throws(EmbeddedNetworkError) -> EmbeddedDirectory {
        func read(
            _ name: String,
            limit: Int
        ) throws(EmbeddedNetworkError) -> [UInt8]? {
            do throws(SystemError) {
                return try files.readWholeFile(path + "/" + name, limit: limit)
            } catch {
                throw .disk(error)
            }
        }
        guard let format = try read("format.json", limit: 4096) else { throw .missing(path) }
        try check(format: format, path)
        guard let genesisBytes = try read("genesis.bcs", limit: genesisLengthMax) else {
            throw .damaged(path, "genesis.bcs is missing")
        }
        guard let key = try read("network.key", limit: 4096) else {
            throw .damaged(path, "network.key is missing")
        }
        do throws(CodecError) {
            let genesis = try Genesis(bcsBytes: genesisBytes)
            let seed = try SeedText.decode(String(decoding: key, as: UTF8.self))
            guard keys(of: "ledger", seed).voice.publicKey == genesis.blockKey else {
                throw .invalidValue("network.key is another network's")
            }
            return EmbeddedDirectory(path: path, genesis: genesis, seed: seed)
        } catch {
            throw .damaged(path, "\(error)")
        }
    }

    private struct Format: Decodable {
        let kind: String
        let minReader: Int
    }

    private static func check(
        format bytes: [UInt8],
        _ path: String
    ) throws(EmbeddedNetworkError) {
        // What does not parse is no format of ours, however it fails.
        guard let format = try? JSONDecoder().decode(Format.self, from: Data(bytes)) else {
            throw .damaged(path, "format.json can not be read")
        }
        guard format.kind == "walrus-embedded-network" else {
            throw .foreign(path, "it holds a \(format.kind)")
        }
        guard format.minReader <= 1 else {
            throw .foreign(path, "it needs version \(format.minReader) of this program")
        }
    }
}
