internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import ErasureCoding
internal import Ledger
internal import LocalNetwork

/// `walrus blob-status`.
struct BlobStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blob-status",
        abstract: "Say what the ledger knows of a blob.",
        discussion: """
              walrus blob-status --blob-id BLOB_ID
              walrus blob-status --file notes.txt --json

            Exit codes: 0 the ledger answered, whatever it said; 1 it did not; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions

    @Option(name: .customLong("blob-id"), parsing: .unconditional, help: "The blob's id.")
    var blob: String?

    @Option(help: "A file, whose id is computed.", completion: .file())
    var file: String?

    func validate() throws {
        guard (blob == nil) != (file == nil) else {
            throw ValidationError("Name either a blob with --blob-id or a file with --file.")
        }
    }

    private struct Output: Encodable {
        let blobId: String
        let file: String?
        let status: BlobStatusOutput
    }

    func run() async throws {
        try await options.run { network in
            let id: BlobID
            if let blob {
                id = try BlobArgument.parse(blob)
            } else {
                let parameters = network.access.client.parameters
                let bytes = try CommandFiles.readBlob(
                    file ?? "",
                    parameters,
                    keepsSlivers: false
                )
                id = try RedStuffEncoder(parameters).metadata(of: bytes).blobID
            }
            let status = BlobStatusOutput(try await network.access.ledger.status(of: id))
            if options.json {
                try walrus.Output.printJSON(
                    Output(blobId: id.description, file: file, status: status)
                )
            } else {
                print("\(id): \(status.text)")
            }
        }
    }
}

/// The status of a blob as the ledger has it, in the reference's shape without the event.
enum BlobStatusOutput: Encodable {
    struct Counts: Encodable {
        let count_deletable_total: Int
        let count_deletable_certified: Int
    }

    struct Permanent: Encodable {
        let endEpoch: Epoch
        let isCertified: Bool
        let deletableCounts: Counts
        let initialCertifiedEpoch: Epoch?
    }

    struct Deletable: Encodable {
        let initialCertifiedEpoch: Epoch?
        let deletableCounts: Counts
    }

    case nonexistent
    case invalid(since: Epoch)
    case permanent(Permanent)
    case deletable(Deletable, end: Epoch)

    private enum CodingKeys: String, CodingKey { case invalid, permanent, deletable }

    init(_ record: BlobStatusRecord) {
        if let since = record.invalidSince {
            self = .invalid(since: since)
            return
        }
        var permanent: [(end: Epoch, certified: Epoch?)] = []
        var deletable: [(end: Epoch, certified: Epoch?)] = []
        for holding in record.holdings {
            switch holding {
            case .blob(let blob) where blob.deletable: deletable.append((blob.end, blob.certified))
            case .blob(let blob): permanent.append((blob.end, blob.certified))
            case .pooled(let blob, let end): deletable.append((end, blob.certified))
            }
        }
        permanent.removeAll { $0.end <= record.currentEpoch }
        deletable.removeAll { $0.end <= record.currentEpoch }
        let first = (permanent + deletable).compactMap(\.certified).min()
        let counts = Counts(
            count_deletable_total: deletable.count,
            count_deletable_certified: deletable.filter { $0.certified != nil }.count
        )
        let certified = permanent.filter { $0.certified != nil }
        if let best = (certified.isEmpty ? permanent : certified).max(by: { $0.end < $1.end }) {
            self = .permanent(
                Permanent(
                    endEpoch: best.end,
                    isCertified: best.certified != nil,
                    deletableCounts: counts,
                    initialCertifiedEpoch: first
                )
            )
        } else if let end = deletable.map(\.end).max() {
            self = .deletable(
                Deletable(initialCertifiedEpoch: first, deletableCounts: counts),
                end: end
            )
        } else {
            self = .nonexistent
        }
    }

    func encode(to encoder: any Encoder) throws {
        if case .nonexistent = self {
            var container = encoder.singleValueContainer()
            return try container.encode("nonexistent")
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .nonexistent: break
        case .invalid(let since): try container.encode(["sinceEpoch": since], forKey: .invalid)
        case .permanent(let status): try container.encode(status, forKey: .permanent)
        case .deletable(let status, _): try container.encode(status, forKey: .deletable)
        }
    }

    var text: String {
        switch self {
        case .nonexistent: "not on this network"
        case .invalid(let since): "invalid since epoch \(since): it was encoded inconsistently"
        case .permanent(let status):
            "permanent, \(status.isCertified ? "certified" : "registered"), "
                + "until epoch \(status.endEpoch)"
        case .deletable(let status, let end):
            "deletable, \(status.initialCertifiedEpoch == nil ? "registered" : "certified"), "
                + "until epoch \(end)"
        }
    }
}
