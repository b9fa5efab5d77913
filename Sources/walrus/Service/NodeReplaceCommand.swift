internal import ArgumentParser
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import StorageNode
internal import SystemIO

/// `walrus node replace`.
struct NodeReplaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Begin a new, empty disk for a node whose old one is lost.",
        discussion: """
            Makes an empty directory in the place of the old one, of the node's next generation. \
            When the node runs again it recovers from the others what belongs there: about the \
            bytes of its own slivers, never whole blobs. An old disk that comes back is refused.

              walrus node replace ~/.walrusfs/network/node-03      (of an embedded network)
              walrus node replace DEVNET/node-03                  (of a devnet)
              walrus node replace /srv/node --key node.key --genesis genesis.bcs

            The node must not be running. What was in the directory is renamed, and never removed. \
            A node can be replaced safely while all others but f - 1 are whole; \
            `walrus node status` says which are.

            Exit codes: 0 done; 1 not; 64 used wrongly.
            """
    )

    @Argument(help: "The node's directory.", completion: CompletionKind.directory)
    var directory: String

    @Option(help: "The node's key file, if it is not found beside.", completion: .file())
    var key: String?

    @Option(help: "The network's genesis, if it is not found beside.", completion: .file())
    var genesis: String?

    func run() async throws {
        do {
            let files = CommandFiles.files
            let (network, node) = try identity()
            let replaced = try NodeDirectory.replace(
                directory,
                network: network,
                node: node,
                files: files
            )
            print("\(directory) is empty and of generation \(replaced.generation) now.")
            if let old = replaced.old {
                print("What was there is in \(old); remove it once the node is whole again.")
            }
            print("The node recovers when it runs; `walrus node status` says how far it is.")
        } catch {
            throw CommandFailure.failed.report("\(error)")
        }
    }

    /// Whose directory it is: by what is in it, or what is beside it, or by key and genesis.
    private func identity() throws -> (NetworkID, NodeID) {
        let files = CommandFiles.files
        if let genesis, let key {
            return try Self.member(try GenesisFile.load(genesis), try KeyFile.load(key), key)
        }
        // A damaged description is as good as none: the directory is to be replaced.
        if let found = try? NodeDirectory.identity(of: directory, files: files) {
            return (found.network, found.node)
        }
        let path = try Self.absolute(directory)
        let parent = SystemIO.directory(of: path)
        if let network = try? EmbeddedDirectory.open(parent, files: files) {
            for index in 0..<network.nodeCount where network.nodePath(index) == path {
                return (network.genesis.networkID, network.nodeID(index))
            }
            throw ServiceFailure("the network in \(parent) has no node in \(path)")
        }
        let name = path.dropFirst(parent.count).drop { $0 == "/" }
        let keyPath = "\(parent)/keys/\(name).key"
        let genesisPath = parent + "/genesis.bcs"
        if try files.exists(keyPath), try files.exists(genesisPath) {
            return try Self.member(
                try GenesisFile.load(genesisPath),
                try KeyFile.load(keyPath),
                keyPath
            )
        }
        throw ServiceFailure(
            "\(directory) does not say whose it is; name the node with --key and --genesis"
        )
    }

    private static func member(
        _ genesis: Genesis,
        _ keys: ServiceKeys,
        _ path: String
    ) throws -> (NetworkID, NodeID) {
        let members = try genesis.committee().members
        guard let member = members.first(where: { $0.protocolKey == keys.voice.publicKey }) else {
            throw ServiceFailure("\(path) is not the key of a node of this network")
        }
        return (genesis.networkID, member.node)
    }

    private static func absolute(_ path: String) throws -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path.contains("/") ? path : "./" + path
    }
}
