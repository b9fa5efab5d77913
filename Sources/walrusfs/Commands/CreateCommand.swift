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

/// `walrusfs attach`.
struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Bring a volume to this machine, from its key.",
        discussion: """
            Needs nothing but the key that 'walrusfs key export' printed, and the network. What
            is read are names and places; contents come when they are asked for.

              walrusfs attach --key-file key photos
              walrusfs attach --network 'walrus://10.0.0.1:9000/?genesis=…' --key-file key photos
            """
    )

    @Option(help: "The network's URL, if not the one that the key names.")
    var network: String?

    @Option(help: "A file with the volume's key.")
    var keyFile: String

    @Argument(help: "A name for the volume on this machine.")
    var volume: String

    func run() async throws {
        let key = try VolumeMaker.readKey(keyFile)
        try await VolumeMaker(home: Home())
            .attach(volume, key: key, network: try NetworkChoice.parse(network))
        print("Attached the volume '\(volume)'. Mount it:  walrusfs mount \(volume) DIRECTORY")
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
                password, on another machine than this one.

                  walrusfs key export photos > photos.key
                """
        )

        @Argument(help: "The volume.")
        var volume: String

        func run() throws {
            print(try VolumeMaker(home: Home()).exportKey(of: volume).text)
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
