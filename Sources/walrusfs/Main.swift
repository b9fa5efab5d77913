internal import ArgumentParser
internal import Glibc
internal import SystemIO
internal import Volume

/// `walrusfs`, for people: volumes, mounts and their keys.
@main
struct WalrusFS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walrusfs",
        abstract: "An ordinary directory on a decentralised network.",
        discussion: """
            A volume is a filesystem whose contents live, encrypted and erasure-coded, on a
            network of storage nodes. Mounted, it is a directory like any other; what you write
            is safe on this disk at once, and on the network a little later ('walrusfs sync'
            waits for that).

            The shortest start makes a volume on a network of its own, in your home:

              walrusfs mount ~/walrus
              cp -a ~/Documents ~/walrus/
              walrusfs sync ~/walrus
              walrusfs key export default > key      (keep this safe: it is the volume)

            Local state is kept in $\(Home.variable), by default /var/lib/walrusfs for root and
            ~/.local/share/walrusfs for others.

            Exit status:
            \(CommandStatus.table)
            """,
        version: "walrusfs 0.1",
        subcommands: [
            CreateCommand.self, AttachCommand.self, MountCommand.self, UmountCommand.self,
            StatusCommand.self, SyncCommand.self, KeyCommand.self, FsckCommand.self,
            RescueCommand.self, GarbageCommand.self, AdoptCommand.self,
        ]
    )

    static func main() async {
        ProcessSetup.prepare()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Terminal.printError("walrusfs: \(failure)")
            Glibc.exit(failure.status.rawValue)
        } catch {
            // fsck(8) has its own.
            if CommandLine.arguments.dropFirst().first == FsckCommand.configuration.commandName,
                exitCode(for: error) == .validationFailure
            {
                Terminal.printError(fullMessage(for: error))
                Glibc.exit(FsckReport.usageError)
            }
            exit(withError: error)
        }
    }
}
