internal import ArgumentParser
internal import BlobModel
internal import Ledger
internal import LocalNetwork

/// `walrus node vote`.
struct NodeVoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vote",
        abstract: "Say what a node asks for storage, and how much it offers.",
        discussion: """
            Counts from the next epoch on that is settled after it, by the node's shards. Each \
            price becomes the lowest that nodes with a quorum of shards ask at most; the \
            capacity the highest that nodes with a quorum offer at least, each in proportion to \
            its shards. What is not named stays as the node voted before, or as it is now.

              walrus node vote --key node.key --storage-price 100000 --write-price 20000
              walrus node vote --key node.key --capacity 250000000000

            Exit codes: 0 the ledger has the vote; 1 it has not; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var node: NodeKeyOptions

    @Option(
        name: .customLong("storage-price"),
        help: "FROST for a MiB of encoded size and epoch."
    )
    var storagePrice: Frost?

    @Option(
        name: .customLong("write-price"),
        help: "FROST for a MiB of encoded size, once, when a blob is registered."
    )
    var writePrice: Frost?

    @Option(help: "Encoded bytes that the node offers.")
    var capacity: UInt64?

    func validate() throws {
        guard storagePrice != nil || writePrice != nil || capacity != nil else {
            throw ValidationError("Name --storage-price, --write-price or --capacity.")
        }
    }

    func run() async throws {
        try await options.run { network in
            let ring = try KeyRing(node.key)
            let record = try await network.node(ring)
            var vote = try await Self.vote(of: record.id, network)
            vote.storagePrice = storagePrice ?? vote.storagePrice
            vote.writePrice = writePrice ?? vote.writePrice
            vote.capacity = capacity ?? vote.capacity
            _ = try await VolatileSender.execute(
                [.vote(record.id, vote)],
                by: ring.base.account,
                network
            )
            let output = NodeVote(vote)
            if options.json { return try Output.printJSON(output) }
            print("the vote of node \(record.id): \(output)")
        }
    }

    /// What the node has voted for, or what is now: its share of the capacity is by its shards.
    private static func vote(
        of node: NodeID,
        _ network: CommandNetwork
    ) async throws -> EpochParameters {
        let ledger = network.access.ledger
        if let vote = try await ledger.standing(of: node).vote { return vote }
        let rules = try await ledger.info().rules
        let committee = try await ledger.committee()
        let weight = committee.index(of: node).map { committee.members[$0].weight } ?? 0
        let share = UInt128(rules.capacity) * UInt128(weight) / UInt128(committee.shardCount)
        return EpochParameters(
            storagePrice: rules.storagePrice,
            writePrice: rules.writePrice,
            // A part of what fits 64 bits.
            capacity: UInt64(clamping: share)
        )
    }
}

/// A vote, as commands show it.
struct NodeVote: Encodable, CustomStringConvertible {
    let storagePrice: Frost
    let writePrice: Frost
    let capacity: UInt64

    init(_ vote: EpochParameters) {
        storagePrice = vote.storagePrice
        writePrice = vote.writePrice
        capacity = vote.capacity
    }

    var description: String {
        "storage \(storagePrice), writing \(writePrice) FROST a MiB, \(capacity) bytes"
    }
}
