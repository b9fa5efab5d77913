internal import ArgumentParser
internal import SystemIO

/// The command that deals with the network and its blobs.
///
/// Exit codes are the same for every subcommand: 0 done, 1 failed, 64 used wrongly, 65 the data is
/// damaged.
@main
struct Walrus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walrus",
        abstract: "Store, read and examine blobs on a decentralised, erasure-coded network.",
        discussion: """
            A blob is encoded into slivers, two for each shard of the network; a third of them \
            gives it back. Its id is a hash of its content, so the same bytes have the same id \
            everywhere.

            Exit codes: 0 done; 1 failed; 64 used wrongly; 65 the data is damaged.
            """,
        subcommands: [
            StoreCommand.self, ReadCommand.self, BlobStatusCommand.self, InfoCommand.self,
            BlobIDCommand.self, EncodeCommand.self, DecodeCommand.self, DevnetCommand.self,
            LedgerCommand.self, NodeCommand.self, KeyCommand.self, GenesisCommand.self,
            EpochCommand.self, HealthCommand.self,
        ]
    )

    static func main() async {
        ProcessSetup.prepare()
        await main(BlobArgument.shield(Array(CommandLine.arguments.dropFirst())))
    }
}
