internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import Foundation

/// `walrus key`.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make and look at the key files of services and accounts.",
        subcommands: [New.self, Show.self]
    )

    /// What a key file stands for, without the secret.
    struct Description: Encodable {
        let file: String
        let networkKey: String
        let protocolKey: String
        let account: String

        init(_ keys: ServiceKeys, file: String) {
            self.file = file
            networkKey = keys.network.publicKey.description
            protocolKey = keys.voice.publicKey.description
            account = Address(of: keys.account.publicKey).description
        }

        func print(json: Bool) throws {
            if json { return try Output.printJSON(self) }
            Swift.print(
                """
                file          \(file)
                network key   \(networkKey)
                protocol key  \(protocolKey)
                account       \(account)
                """
            )
        }
    }

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "new",
            abstract: "Make a key file, readable by its owner only.",
            discussion: "Whoever has the file is the service or account; keep a copy elsewhere."
        )

        @Flag(help: "Print JSON.") var json = false
        @Argument(help: "The file to make.", completion: .file()) var file: String

        func run() throws {
            try Output.reportingFailures {
                try Description(KeyFile.create(file), file: file).print(json: json)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print the public keys and the account of a key file."
        )

        @Flag(help: "Print JSON.") var json = false
        @Argument(help: "The key file.", completion: .file()) var file: String

        func run() throws {
            try Output.reportingFailures {
                try Description(KeyFile.load(file), file: file).print(json: json)
            }
        }
    }
}

/// How commands answer.
enum Output {
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func reportingFailures(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let failure as ServiceFailure {
            throw CommandFailure.failed.report("\(failure)")
        }
    }
}
