internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Codec
internal import Foundation
internal import LocalNetwork

/// `walrus read`.
struct ReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Read a blob from the network.",
        discussion: """
            Every byte is verified before it is written. Without --out it goes to standard output.

              walrus read --network "$NETWORK" BLOB_ID --out notes.txt
              walrus read BLOB_ID | tar -t

            Every part of a blob that is read is compared with the blob's id. With
            --strict-consistency-check the whole encoding is, which costs as much as storing it: \
            then no node can ever give anybody else other bytes, or none.

            Exit codes: 0 done; 1 the network has no such blob, or too few nodes answer; 64 used \
            wrongly; 65 the blob is damaged, or was encoded inconsistently.
            """
    )

    @OptionGroup var options: NetworkOptions

    @Option(help: "The file to write.", completion: .file())
    var out: String?

    @Flag(
        name: .customLong("strict-consistency-check"),
        help: "Encode what was read again, and compare all of it with the blob's id."
    )
    var isStrict = false

    @Argument(help: "The blob's id: 43 characters.")
    var blob: String

    private struct InFile: Encodable {
        let blobId: String
        let out: String
    }

    private struct Inline: Encodable {
        let blobId: String
        let blob: String
    }

    func run() async throws {
        let id = try BlobArgument.parse(blob)
        try await options.run { network in
            let bytes = try await read(id, network.access.client)
            if let out {
                try CommandFiles.write(bytes, to: out)
                if options.json {
                    try Output.printJSON(InFile(blobId: id.description, out: out))
                } else {
                    print("\(id): \(bytes.count) bytes in \(out)")
                }
            } else if options.json {
                try Output.printJSON(
                    Inline(blobId: id.description, blob: Base64.encodeStandard(bytes))
                )
            } else {
                try FileHandle.standardOutput.write(contentsOf: Data(bytes))
            }
        }
    }
}

extension ReadCommand {
    private func read(_ id: BlobID, _ client: BlobClient) async throws -> [UInt8] {
        if isStrict { return try await client.readStrictly(id) }
        let length = try await client.metadata(of: id).unencodedLength
        return try await client.read(id, range: 0..<length, authentication: .store)
    }
}

/// A blob id on a command line.
enum BlobArgument {
    /// Puts ids that start with a dash behind `--`, so that they are not taken for flags.
    ///
    /// One blob in 64 has such an id. Where it is an option's value it stays: the option takes
    /// whatever follows it.
    static func shield(_ arguments: [String]) -> [String] {
        var options: [String] = []
        var ids: [String] = []
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { return options + ["--"] + ids + arguments[(index + 1)...] }
            let isValue = index > 0 && arguments[index - 1] == "--blob-id"
            // Anything else that starts with a dash is a flag.
            if argument.hasPrefix("-"), !isValue, (try? BlobID(text: argument)) != nil {
                ids.append(argument)
            } else {
                options.append(argument)
            }
        }
        return ids.isEmpty ? options : options + ["--"] + ids
    }

    static func parse(_ text: String) throws -> BlobID {
        // Whatever is wrong with the text, it names no blob.
        guard let blob = try? BlobID(text: text) else {
            throw ValidationError(
                "\(text) is no blob id; one has 43 characters, as `walrus blob-id` prints it."
            )
        }
        return blob
    }
}
