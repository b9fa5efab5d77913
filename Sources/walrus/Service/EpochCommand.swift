internal import ArgumentParser
internal import BlobModel
internal import Ledger
internal import LocalNetwork

/// `walrus epoch`: what an administrator does where epochs have no duration.
struct EpochCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "epoch",
        abstract: "Settle the next epoch, or begin it.",
        discussion: """
            Where epochs have a duration, the ledger's daemon does this when the time has come; \
            where they have none, only the administrator does. An epoch begins when the shards of \
            the one before have all come to their nodes.

              walrus epoch advance --administrator ledger.key

            Exit codes: 0 done; 1 not done; 64 used wrongly.
            """,
        subcommands: [Advance.self, Select.self]
    )

    struct Signing: ParsableArguments {
        @OptionGroup var options: NetworkOptions

        @Option(help: "The key file of the network's administrator.", completion: .file())
        var administrator: String

        func run(_ command: (Epoch) -> Command) async throws {
            try await options.run { network in
                let keys = try KeyFile.load(administrator)
                let epoch = try await network.access.ledger.info().epoch
                _ = try await VolatileSender.execute([command(epoch)], by: keys.account, network)
                let state = try await network.access.ledger.epochState()
                let now = state.committee.epoch
                if options.json { return try Output.printJSON(["currentEpoch": now]) }
                print("epoch \(now)\(state.change == nil ? "" : ", shards are on their way")")
            }
        }
    }

    struct Advance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "advance",
            abstract: "End this epoch, and begin the next."
        )

        @OptionGroup var signing: Signing

        func run() async throws { try await signing.run { .advanceEpoch(from: $0) } }
    }

    struct Select: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "select",
            abstract: "Settle committee and prices of the next epoch."
        )

        @OptionGroup var signing: Signing

        func run() async throws { try await signing.run { .selectCommittee(from: $0) } }
    }
}
