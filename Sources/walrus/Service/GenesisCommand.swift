internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import SystemIO

/// `walrus genesis`.
struct GenesisCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genesis",
        abstract: "Write the genesis of a new network on several machines.",
        discussion: """
            Every operator makes a key file and hands out what `walrus key show --json` prints of \
            it; no secret leaves its machine. The plan is a JSON file that puts these together:

              {"name": "mynet",
               "ledger": {"networkKey": "…", "protocolKey": "…", "account": "0x…"},
               "nodes": [{"name": "a", "address": "a.example:9185", "networkKey": "…",
                          "protocolKey": "…", "account": "0x…", "stake": 0}]}

              walrus genesis --plan plan.json --n-shards 10 --out genesis.bcs

            Shards are dealt to the nodes in runs as even as can be. It prints the network's id, \
            which is the hash of the file and everybody's root of trust.

            Exit codes: 0 done; 1 the plan makes no network, or a file failed; 64 used wrongly.
            """
    )

    @Option(help: "The plan, JSON.", completion: .file())
    var plan: String

    @Option(name: .customLong("n-shards"), help: "How many shards; as many as nodes unless given.")
    var shardCount: Int?

    @Option(
        name: .customLong("epoch-duration"),
        help: """
            How long an epoch lasts: 90s, 30m, 1440m. Unless given, epochs end when `walrus epoch \
            advance` says so.
            """
    )
    var epochDuration: Patience?

    @Option(help: "The file to write; one that exists stays as it is.", completion: .file())
    var out: String

    struct Plan: Decodable {
        struct Service: Decodable {
            let networkKey: String
            let protocolKey: String
            let account: String
        }

        struct Node: Decodable {
            let name: String
            let address: String
            let networkKey: String
            let protocolKey: String
            let account: String
            let stake: Frost?
        }

        let name: String
        let ledger: Service
        let nodes: [Node]
    }

    func run() throws {
        try Output.reportingFailures {
            let files = CommandFiles.files
            do {
                guard try !files.exists(out) else {
                    throw ServiceFailure("\(out) exists already; it is not overwritten")
                }
                guard let bytes = try files.readWholeFile(plan, limit: 16 << 20) else {
                    throw ServiceFailure("there is no file \(plan)")
                }
                let genesis = try makeGenesis(try decode(bytes))
                try files.writeFileAtomically(out, genesis.bcsBytes)
                print(genesis.networkID)
            } catch let error as SystemError {
                throw ServiceFailure("\(error)")
            }
        }
    }

    private func decode(_ bytes: [UInt8]) throws -> Plan {
        do {
            return try JSONDecoder().decode(Plan.self, from: Data(bytes))
        } catch {
            throw ServiceFailure("\(plan) is no plan: \(error)")
        }
    }

    private func makeGenesis(_ plan: Plan) throws -> Genesis {
        let shards = shardCount ?? plan.nodes.count
        guard !plan.nodes.isEmpty, shards >= plan.nodes.count, shards <= Committee.shardsMax
        else { throw ServiceFailure("\(shards) shards cannot be dealt to the plan's nodes") }
        let dealt = Genesis.evenShards(count: shards, nodes: plan.nodes.count)
        var nodes: [GenesisNode] = []
        for (node, shards) in zip(plan.nodes, dealt) {
            nodes.append(
                GenesisNode(
                    name: node.name,
                    account: try Self.address(node.account),
                    protocolKey: try Self.key(node.protocolKey),
                    networkKey: try Self.key(node.networkKey),
                    address: "https://" + node.address,
                    stake: node.stake ?? 0,
                    shards: shards
                )
            )
        }
        do {
            return try Genesis(
                name: plan.name,
                salt: LinuxEntropy().bytes(count: 32),
                startMilliseconds: LinuxTimeSource().nowMilliseconds,
                ledgerNetworkKey: try Self.key(plan.ledger.networkKey),
                blockKey: try Self.key(plan.ledger.protocolKey),
                administrator: try Self.address(plan.ledger.account),
                rules: GenesisRules(
                    epochDurationMilliseconds: UInt64(
                        (epochDuration?.duration ?? .zero) / .milliseconds(1)
                    )
                ),
                nodes: nodes,
                accounts: []
            )
        } catch let error as CodecError {
            throw ServiceFailure("the plan makes no network: \(error)")
        }
    }

    private static func key(_ text: String) throws -> PublicKey {
        // Whatever is wrong with the text, it is no key.
        guard let bytes = try? Hex.decode(text), bytes.count == 32 else {
            throw ServiceFailure("\(text) is no public key; one has 64 hexadecimal digits")
        }
        return PublicKey(bytes: bytes)
    }

    private static func address(_ text: String) throws -> Address {
        // Whatever is wrong with the text, it is no account.
        guard text.hasPrefix("0x"), let bytes = try? Hex.decode(String(text.dropFirst(2))),
            bytes.count == 32
        else { throw ServiceFailure("\(text) is no account; one is 0x and 64 digits") }
        return Address(bytes: bytes)
    }
}
