internal import ArgumentParser
internal import BlobModel
internal import Foundation

/// `walrus blob-id`.
struct BlobIDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blob-id",
        abstract: "Compute the id that a file has as a blob.",
        discussion: """
            Nothing is sent anywhere. The id depends on the content and on the number of shards of \
            the network. The file is read piece by piece: a long one takes no more memory than \
            about 600 MiB at 1000 shards, and all cores work on it.

              walrus blob-id --n-shards 10 notes.txt
              walrus blob-id --json notes.txt
            """
    )

    @OptionGroup var encoding: EncodingOptions

    @Flag(help: "Print a JSON object: blobId, unencodedLength, encodingType, file.")
    var json = false

    @Argument(help: "The file.", completion: .file())
    var file: String

    private struct Output: Encodable {
        let blobId: String
        let unencodedLength: UInt64
        let encodingType: String
        let file: String
    }

    func run() throws {
        let parameters = try encoding.parameters()
        let blob = try BlobFile(file, parameters)
        var bar = ProgressBar("hashing")
        let metadata = try blob.metadata(parameters) { bar.update($0) }
        bar.finish()
        let type = metadata.metadata.encodingType
        guard json else {
            print("Blob ID: \(metadata.blobID)")
            print("Unencoded size: \(metadata.unencodedLength) bytes")
            print("Encoding type: \(type.displayName)")
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let output = Output(
            blobId: metadata.blobID.description,
            unencodedLength: metadata.unencodedLength,
            encodingType: type.jsonName,
            file: file
        )
        print(String(decoding: try encoder.encode(output), as: UTF8.self))
    }
}
