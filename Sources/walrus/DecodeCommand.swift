internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import SystemIO

/// `walrus decode`.
struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Rebuild a file from the slivers that are left of it.",
        discussion: """
            Reads what `walrus encode` wrote. Every sliver is compared with metadata.bcs before it \
            is used, so damaged and foreign ones do no harm as long as enough others are left. \
            When too few are, nothing is written, and each damaged sliver is named.

            Exit codes: 0 done; 1 slivers are missing; 64 used wrongly; 65 slivers or metadata are \
            damaged, so that the file can not be rebuilt.
            """
    )

    @OptionGroup var encoding: EncodingOptions

    @Option(name: .customLong("from"), help: "The directory of slivers.", completion: .directory)
    var source: String

    @Option(help: "The file to write.", completion: .file())
    var out: String

    @Flag(
        name: .customLong("strict-consistency-check"),
        help: "Encode the result again and compare everything."
    )
    var isStrict = false

    @Flag(
        name: .customLong("skip-consistency-check"),
        help: "Trust that whoever encoded the file did so rightly."
    )
    var isUnchecked = false

    func validate() throws {
        if isStrict && isUnchecked {
            throw ValidationError("Choose one of strict and skipped consistency checks.")
        }
    }

    func run() throws {
        let parameters = try encoding.parameters()
        let directory = SliverFiles(path: source)
        let metadata = try readMetadata(directory, parameters)
        let codec = RedStuffCodec(parameters)
        var search = SliverSearch(directory, SliverVerifier(codec, metadata))
        let slivers = try search.collect()
        let check: ConsistencyCheck = isStrict ? .strict : isUnchecked ? .skip : .standard
        do {
            let decoder = RedStuffDecoder(codec, metadata, workers: BlobFile.workers)
            let blob = try decoder.decode(slivers, check: check)
            try CommandFiles.write(blob, to: out)
            print("\(metadata.blobID): \(blob.count) bytes from \(slivers.count) slivers in \(out)")
        } catch let error as BlobDecodingError {
            throw report(error, search.damaged)
        }
    }

    private func readMetadata(
        _ directory: SliverFiles,
        _ parameters: EncodingParameters
    ) throws -> VerifiedBlobMetadata {
        let path = directory.path(of: SliverFiles.metadataName)
        let bytes: [UInt8]
        do {
            // Each pair of hashes takes 66 bytes, besides an id and a few numbers.
            let limit = 66 * BlobMetadata.hashesMax + 64
            guard let read = try CommandFiles.files.readWholeFile(path, limit: limit) else {
                throw CommandFailure.failed.report(
                    "\(path) is missing; without it no sliver can be verified"
                )
            }
            bytes = read
        } catch let error as SystemError {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        }
        do {
            let claimed = try BlobMetadataWithID(bcsBytes: bytes)
            return try claimed.verify(parameters)
        } catch BlobMetadataError.wrongHashCount(let count, let expected) {
            throw CommandFailure.failed.report(
                "\(path) is for \(count) shards, not \(expected); use --n-shards \(count)"
            )
        } catch {
            throw CommandFailure.damaged.report("\(path) is damaged: \(error)")
        }
    }

    private func report(_ error: BlobDecodingError, _ damaged: [String]) -> ExitCode {
        switch error {
        case .notEnoughSlivers(let rows, let rowsNeeded, let columns, let columnsNeeded):
            for line in damaged { Terminal.writeError("walrus: \(line)\n") }
            let failure: CommandFailure = damaged.isEmpty ? .failed : .damaged
            return failure.report(
                """
                too few slivers: \(rows) of \(rowsNeeded) primary and \(columns) of \
                \(columnsNeeded) secondary slivers that are needed are there and verify, \
                \(damaged.count) are damaged; nothing was written
                """
            )
        case .inconsistent(let blob):
            return CommandFailure.damaged.report(
                """
                blob \(blob) is inconsistent: its slivers verify, but whoever encoded it did so \
                wrongly; nothing was written
                """
            )
        }
    }
}

/// Looks through a directory for slivers that verify.
private struct SliverSearch {
    private let directory: SliverFiles
    private let verifier: SliverVerifier
    /// What is wrong with each sliver that was looked at in vain.
    private(set) var damaged: [String] = []

    init(_ directory: SliverFiles, _ verifier: SliverVerifier) {
        self.directory = directory
        self.verifier = verifier
    }

    /// Enough verified slivers of one axis, or all that there are.
    mutating func collect() throws -> [VerifiedSliver] {
        let present = try directory.slivers()
        var all: [VerifiedSliver] = []
        var bar = ProgressBar("verifying slivers")
        defer { bar.finish() }
        for axis in SliverAxis.allCases {
            let needed = verifier.metadata.parameters.sliversNeeded(of: axis)
            var found: [VerifiedSliver] = []
            for (_, index) in present.filter({ $0.axis == axis }) {
                guard found.count < needed else { break }
                if let sliver = try read(axis, index) { found.append(sliver) }
                bar.update(Double(found.count) / Double(needed))
            }
            if found.count == needed { return found }
            all += found
        }
        return all
    }

    private mutating func read(_ axis: SliverAxis, _ index: SliverIndex) throws -> VerifiedSliver? {
        let path = directory.path(of: SliverFiles.name(axis, index))
        let metadata = verifier.metadata
        let length = metadata.sliverLength(axis)
        do {
            guard let status = try CommandFiles.files.status(path) else { return nil }
            guard status.size == length, !status.isDirectory else {
                damaged.append("\(path) has \(status.size) bytes, not \(length)")
                return nil
            }
            guard let bytes = try CommandFiles.files.readWholeFile(path, limit: length) else {
                return nil
            }
            return try verifier.verify(
                Sliver(
                    axis: axis,
                    index: index,
                    symbolSize: UInt16(metadata.symbolSize),
                    bytes: bytes
                )
            )
        } catch let error as SliverVerificationError {
            damaged.append("\(path): \(Self.text(error))")
        } catch let error as SystemError {
            damaged.append("\(path) can not be read: \(error)")
        }
        return nil
    }

    private static func text(_ error: SliverVerificationError) -> String {
        switch error {
        case .indexTooLarge(let index, let shards):
            "there is no sliver \(index) among \(shards) shards"
        case .wrongLength(let length, let expected):
            "it has \(length) bytes, not \(expected)"
        case .wrongSymbolSize(let size, let expected):
            "its symbols have \(size) bytes, not \(expected)"
        case .rootMismatch:
            "its content is not what the metadata describes"
        }
    }
}
