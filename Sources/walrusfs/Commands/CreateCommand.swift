internal import ArgumentParser
internal import BlobModel

/// `walrusfs create`.
struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a volume on a network.",
        discussion: """
            A network is 'embedded:DIR?nodes=10' (ledger and storage nodes in one directory, made
            if missing, run by whoever mounts) or 'walrus://HOST:PORT/?genesis=ID'. Without
            --network the volume is made on the embedded network 'networks/default' of this
            machine. 'none' makes a volume that stays on this machine: no copy of it is anywhere.

              walrusfs create photos
              walrusfs create --network 'embedded:/srv/net?nodes=10' photos
              walrusfs create --network 'walrus://10.0.0.1:9000/?genesis=…' photos
            """
    )

    @Option(help: "The network's URL, or 'none'.")
    var network: String?

    @Argument(help: "A name for the volume on this machine.")
    var volume: String

    func run() async throws {
        let home = Home()
        let url = try NetworkChoice.parse(network) ?? home.defaultNetwork
        let chosen = network == "none" ? nil : url
        try await VolumeMaker(home: home).create(volume, network: chosen)
        print("Made the volume '\(volume)' on \(chosen.map { "\($0)" } ?? "this machine alone").")
        print("Mount it:       walrusfs mount \(volume) DIRECTORY")
        if chosen != nil {
            print("Keep its key:   walrusfs key export \(volume) > \(volume).key")
        }
    }
}

/// `walrusfs key`.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "The key of a volume.",
        subcommands: [Export.self]
    )

    /// `walrusfs key export`.
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Print the key that brings the volume back on any machine.",
            discussion: """
                Whoever has the key can read, change and remove the volume: keep it like a
                password, on another machine than this one. With --read-only it is a key that reads
                the volume, also what comes later, and can neither change it nor pay for it; a
                machine that is attached with it follows the volume.

                  walrusfs key export photos > photos.key
                  walrusfs key export --read-only photos > photos-reader.key
                """
        )

        @Flag(help: "A key to read with, and no more.")
        var readOnly = false

        @Argument(help: "The volume.")
        var volume: String

        func run() throws {
            print(try VolumeMaker(home: Home()).exportKey(of: volume, isReader: readOnly).text)
        }
    }
}

/// What `--network` may say.
enum NetworkChoice {
    /// Nil for 'none' or nothing.
    ///
    /// Directories become absolute.
    static func parse(_ text: String?) throws(CommandFailure) -> NetworkURL? {
        guard let text, text != "none" else { return nil }
        do throws(NetworkURLError) {
            switch try NetworkURL(text: text) {
            case .embedded(let directory, let nodes):
                return .embedded(directory: Home.absolute(directory), nodes: nodes)
            case let remote:
                return remote
            }
        } catch {
            throw CommandFailure(error)
        }
    }
}
