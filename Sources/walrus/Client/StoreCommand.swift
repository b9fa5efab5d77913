internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import SystemIO

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
            used wrongly.
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
                let outcome = try await store.store(
                    bytes,
                    epochs: epochs,
                    deletable: !permanent
                )
                bar.finish()
                results.append(StoreOutput(outcome, path: file, epochs: epochs))
                if !options.json { results[index].print() }
            }
            if options.json { try Output.printJSON(results) }
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

    struct Result: Encodable {
        var newlyCreated: NewlyCreated?
        var alreadyCertified: AlreadyCertified?
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

    func print() {
        if let known = blobStoreResult.alreadyCertified {
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
