internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Transport

/// `walrus store`.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Store files on the network.",
        discussion: """
            Each file becomes a blob, stored until the end of the epochs that are paid for. The \
            same file again, also after a crash, is found and paid once.

              walrus store --network "$NETWORK" notes.txt photo.jpg
              walrus store --json --epochs 5 --permanent notes.txt

            Exit codes: 0 all stored; 1 one could not be, and those after it were not tried; 64 \
            used wrongly; 65 the network has marked the blob of one of them as invalid, and the \
            others are stored.
            """,
        aliases: ["write"]
    )

    @OptionGroup var options: NetworkOptions
    @OptionGroup var account: AccountOptions

    @Option(help: "For how many epochs, this one included.")
    var epochs: UInt32 = 1

    @Flag(help: "Give up the right to delete the blob before its time.")
    var permanent = false

    @Argument(help: "The files.", completion: .file())
    var files: [String]

    func validate() throws {
        guard epochs >= 1 else { throw ValidationError("Blobs live for at least one epoch.") }
        guard !files.isEmpty else { throw ValidationError("Name a file to store.") }
    }

    func run() async throws {
        try await options.run { network in
            let store = PlainBlobStore(
                client: network.access.client,
                sender: try account.sender(network)
            )
            var results: [StoreOutput] = []
            for (index, file) in files.enumerated() {
                let bytes = try CommandFiles.readBlob(file, network.access.client.parameters)
                var bar = ProgressBar("storing \(file)")
                bar.update(Double(index) / Double(files.count))
                let result = try await store.result(bytes, file, self, network)
                bar.finish()
                results.append(result)
                if !options.json { result.print() }
            }
            if options.json { try Output.printJSON(results) }
            if results.contains(where: \.isInvalid) {
                throw CommandFailure.damaged.report("not everything is stored")
            }
        }
    }
}

extension PlainBlobStore {
    /// Stores a file, or says that its blob was marked as invalid.
    fileprivate func result(
        _ bytes: [UInt8],
        _ file: String,
        _ command: StoreCommand,
        _ network: CommandNetwork
    ) async throws -> StoreOutput {
        do {
            let outcome = try await store(
                bytes,
                epochs: command.epochs,
                deletable: !command.permanent
            )
            return StoreOutput(outcome, path: file, epochs: command.epochs)
        } catch BlobStoreError.inconsistent(let blob) {
            let believed = try await network.access.client.status(of: blob, patience: .seconds(10))
            return StoreOutput(invalid: blob, believed, path: file)
        }
    }
}

/// What the reference's command prints of a stored file.
struct StoreOutput: Encodable {
    struct Storage: Encodable {
        let id: String
        let startEpoch: Epoch
        let endEpoch: Epoch
        let storageSize: UInt64
    }

    struct BlobObject: Encodable {
        let id: String
        let registeredEpoch: Epoch
        let blobId: String
        let size: UInt64
        let encodingType: String
        let certifiedEpoch: Epoch?
        let storage: Storage
        let deletable: Bool
    }

    struct Operation: Encodable {
        struct FromScratch: Encodable {
            let encodedLength: UInt64
            let epochsAhead: UInt32
        }
        let registerFromScratch: FromScratch
    }

    struct NewlyCreated: Encodable {
        let blobObject: BlobObject
        let resourceOperation: Operation
        let cost: Frost
    }

    struct AlreadyCertified: Encodable {
        let blobId: String
        let object: String
        let endEpoch: Epoch
    }

    struct MarkedInvalid: Encodable {
        let blobId: String
        /// Left out when so few nodes tell it that all of them may be wrong.
        let event: WireStatusEvent?
    }

    struct Result: Encodable {
        var newlyCreated: NewlyCreated?
        var alreadyCertified: AlreadyCertified?
        var markedInvalid: MarkedInvalid?
    }

    let blobStoreResult: Result
    let path: String

    init(_ outcome: PlainBlobStore.Outcome, path: String, epochs: UInt32) {
        let blob = outcome.blob
        self.path = path
        guard !outcome.wasCertified else {
            blobStoreResult = Result(
                alreadyCertified: AlreadyCertified(
                    blobId: blob.blob.description,
                    object: blob.id.description,
                    endEpoch: blob.end
                )
            )
            return
        }
        blobStoreResult = Result(
            newlyCreated: NewlyCreated(
                blobObject: BlobObject(
                    id: blob.id.description,
                    registeredEpoch: blob.registered,
                    blobId: blob.blob.description,
                    size: blob.description.length,
                    encodingType: EncodingType.redStuff.jsonName,
                    certifiedEpoch: blob.certified,
                    storage: Storage(
                        id: blob.storage.id.description,
                        startEpoch: blob.storage.start,
                        endEpoch: blob.storage.end,
                        storageSize: blob.storage.size
                    ),
                    deletable: blob.deletable
                ),
                resourceOperation: Operation(
                    registerFromScratch: .init(
                        encodedLength: outcome.encodedLength,
                        epochsAhead: epochs
                    )
                ),
                cost: 0
            )
        )
    }

    init(invalid blob: BlobID, _ believed: BelievedBlobStatus, path: String) {
        self.path = path
        var event: WireStatusEvent?
        if believed.isEventBelieved, case .invalid(let known) = believed.status {
            event = WireStatusEvent(known)
        }
        blobStoreResult = Result(
            markedInvalid: MarkedInvalid(blobId: blob.description, event: event)
        )
    }

    var isInvalid: Bool { blobStoreResult.markedInvalid != nil }

    func print() {
        if let invalid = blobStoreResult.markedInvalid {
            Swift.print("\(path): \(invalid.blobId), which the network has marked as invalid")
        } else if let known = blobStoreResult.alreadyCertified {
            Swift.print("\(path): \(known.blobId), stored before, until epoch \(known.endEpoch)")
        } else if let new = blobStoreResult.newlyCreated {
            Swift.print(
                """
                \(path): \(new.blobObject.blobId), \(new.blobObject.size) bytes, until epoch \
                \(new.blobObject.storage.endEpoch)
                """
            )
        }
    }
}
