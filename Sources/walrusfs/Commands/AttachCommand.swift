internal import ArgumentParser
internal import BlobModel

/// `walrusfs attach`.
struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Bring a volume to this machine, from its key.",
        discussion: """
            Needs nothing but the key that 'walrusfs key export' printed, and the network. What
            is read are names and places; contents come when they are asked for.

            With --follower the volume is only ever read here, as others publish it (see 'walrusfs
            mount --follow'); with a key that only reads it is so by itself. Without a key,
            --follower takes a state directory that was copied from another machine, which is
            refused otherwise, and makes it one that follows. What its original had not published
            stays in it, and is not shown.

              walrusfs attach --key-file key photos
              walrusfs attach --network 'walrus://10.0.0.1:9000/?genesis=…' --key-file key photos
              walrusfs attach --follower --key-file reader.key photos
            """
    )

    @Option(help: "The network's URL, if not the one that the key names.")
    var network: String?

    @Option(help: "A file with the volume's key.")
    var keyFile: String?

    @Flag(help: "Only to follow what others write.")
    var follower = false

    @Argument(help: "A name for the volume on this machine.")
    var volume: String

    func validate() throws {
        if keyFile == nil, !follower { throw ValidationError("give a key with --key-file") }
        if keyFile == nil, network != nil {
            throw ValidationError("a copied state directory knows its network")
        }
    }

    func run() async throws {
        let maker = VolumeMaker(home: Home())
        guard let keyFile else {
            try maker.adoptFollower(volume)
            return tell(isFollower: true)
        }
        let key = try VolumeMaker.readKey(keyFile)
        let url = try NetworkChoice.parse(network)
        var isFollower = follower
        if case .reader = key.access { isFollower = true }
        if isFollower {
            try await maker.attachFollower(volume, key: key, network: url)
        } else {
            try await maker.attach(volume, key: key, network: url)
        }
        tell(isFollower: isFollower)
    }

    private func tell(isFollower: Bool) {
        print("Attached the volume '\(volume)'\(isFollower ? ", to follow it" : "").")
        print("Mount it:  walrusfs mount \(volume) DIRECTORY")
    }
}
