internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import LocalNetwork
internal import SystemIO
internal import Transport

/// `walrus blob-status`.
struct BlobStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blob-status",
        abstract: "Say what the storage nodes know of a blob.",
        discussion: """
              walrus blob-status --blob-id BLOB_ID
              walrus blob-status --file notes.txt --json

            Every node is asked. What is printed is what so many of them agree on that one of them
            must be right, or what the ledger confirms; that there is no such blob must be a
            quorum's word. The event is the transaction that made the status what it is; it is left
            out when so few nodes tell it that all of them may be wrong.

            Exit codes: 0 the nodes answered, whatever they said; 1 too few did, or they do not
            agree; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions

    @Option(name: .customLong("blob-id"), parsing: .unconditional, help: "The blob's id.")
    var blob: String?

    @Option(help: "A file, whose id is computed.", completion: .file())
    var file: String?

    @Option(help: "How long nodes may take: 500ms, 10s, 2m.")
    var timeout = Patience(duration: .seconds(10))

    func validate() throws {
        guard (blob == nil) != (file == nil) else {
            throw ValidationError("Name either a blob with --blob-id or a file with --file.")
        }
    }

    private struct Output: Encodable {
        let blobId: String
        let file: String?
        let status: WireBlobStatus
    }

    func run() async throws {
        try await options.run { network in
            let id: BlobID
            if let blob {
                id = try BlobArgument.parse(blob)
            } else {
                let parameters = network.access.client.parameters
                let file = try BlobFile(file ?? "", parameters)
                // Encoding blocks, so not on a thread of Swift's.
                let pool = BlockingPool(threads: 1, name: "encode")
                id = try await pool.run { try file.metadata(parameters).blobID }
            }
            let believed = try await network.access.client.status(
                of: id,
                patience: timeout.duration
            )
            if options.json {
                try walrus.Output.printJSON(
                    Output(
                        blobId: id.description,
                        file: file,
                        status: WireBlobStatus(
                            believed.status,
                            tellsEvent: believed.isEventBelieved
                        )
                    )
                )
            } else {
                print("\(id): \(believed.text)")
            }
        }
    }
}

/// A duration on the command line.
struct Patience: ExpressibleByArgument {
    let duration: Duration

    init(duration: Duration) { self.duration = duration }

    /// Takes digits and `ms`, `s` or `m`, up to a day.
    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), (1...86_400_000).contains(count) else { return nil }
        switch argument.dropFirst(digits.count) {
        case "ms": duration = .milliseconds(count)
        case "s" where count <= 86_400: duration = .seconds(count)
        case "m" where count <= 1440: duration = .seconds(count * 60)
        default: return nil
        }
    }

    var defaultValueDescription: String { "\(duration.components.seconds)s" }
}

extension BelievedBlobStatus {
    /// The status in words.
    fileprivate var text: String {
        switch status {
        case .nonexistent: return "not on this network"
        case .invalid(let event):
            let since = isEventBelieved ? " since \(event.text)" : ""
            return "invalid\(since): it was encoded inconsistently"
        case .permanent(let end, let isCertified, let event, _, _):
            let kind = isCertified ? "certified" : "registered"
            let told = isEventBelieved ? " (\(event.text))" : ""
            return "permanent, \(kind), until epoch \(end)\(told)"
        case .deletable(let counts, let epoch):
            return "deletable, "
                + (epoch.map { "certified since epoch \($0)" } ?? "registered")
                + ", \(counts.total) objects, \(counts.certified) of them certified"
        }
    }
}

extension StatusEvent {
    fileprivate var text: String { "event \(index) of transaction \(transaction)" }
}
