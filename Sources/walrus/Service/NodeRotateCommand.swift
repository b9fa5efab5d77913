internal import ArgumentParser
internal import BlobModel
internal import Ledger
internal import LocalNetwork

/// `walrus node rotate`.
struct NodeRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give a running node other network and protocol keys.",
        discussion: """
            Writes the next key file (FILE.1, FILE.2 …) beside the node's, and tells the ledger \
            of its keys, signed by the node's account, which stays. Run it where the node runs: \
            it finds the file by itself. Until clients have heard of it they reach the node by \
            its old network key; the new protocol key counts from the next epoch on that is \
            settled after this. A command that was cut off is finished by the next.

              walrus node rotate --key node.key --network URL

            Keep the older files while `walrus node standing` names their keys, and FILE, which \
            has the account, for ever.

            Exit codes: 0 the ledger knows; 1 it does not; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var node: NodeKeyOptions

    private struct Rotated: Encodable {
        let nodeId: String
        let networkKey: String
        let protocolKey: String
    }

    func run() async throws {
        try await options.run { network in
            let ring = try KeyRing(node.key)
            let record = try await network.node(ring)
            let next = try await next(record, ring, network)
            let domain = try await network.access.ledger.info().signingDomain
            let statement = PossessionStatement(
                account: Address(of: ring.base.account.publicKey),
                protocolKey: next.voice.publicKey
            )
            _ = try await VolatileSender.execute(
                [
                    .rotateProtocolKey(
                        record.id,
                        next.voice.publicKey,
                        proof: statement.signed(by: next.voice, in: domain)
                    ),
                    .updateNode(
                        record.id,
                        address: record.address,
                        networkKey: next.network.publicKey
                    ),
                ],
                by: ring.base.account,
                network
            )
            let rotated = Rotated(
                nodeId: record.id.description,
                networkKey: next.network.publicKey.description,
                protocolKey: next.voice.publicKey.description
            )
            if options.json { return try Output.printJSON(rotated) }
            print(
                """
                network key   \(rotated.networkKey)
                protocol key  \(rotated.protocolKey), from the next epoch on that is settled
                """
            )
        }
    }

    /// New keys, or those that were made and that the ledger has not heard of.
    private func next(
        _ record: NodeRecord,
        _ ring: KeyRing,
        _ network: CommandNetwork
    ) async throws -> ServiceKeys {
        let newest = ring.newest
        let standing = try await network.access.ledger.standing(of: record.id)
        let voice = standing.nextProtocolKey ?? record.protocolKey
        let isKnown =
            record.networkKey == newest.network.publicKey
            && voice == newest.voice.publicKey
        return isKnown || !ring.hasRotated ? try ring.rotate() : newest
    }
}
