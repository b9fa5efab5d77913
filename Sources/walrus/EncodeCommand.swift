internal import ArgumentParser
internal import BlobModel
internal import Codec
internal import ErasureCoding

/// `walrus encode`.
struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Encode a file into the slivers that a network would store.",
        discussion: """
            Writes primary-00000.bin … and secondary-00000.bin …, one pair for each shard, and \
            metadata.bcs. Slivers of an earlier encoding in the same directory are replaced. Any \
            third of the primary or two thirds of the secondary slivers give the file back:

              walrus encode --n-shards 10 --out slivers photo.jpg
              rm slivers/primary-0000[0-5].bin
              walrus decode --n-shards 10 --from slivers --out photo-again.jpg
            """
    )

    @OptionGroup var encoding: EncodingOptions

    @Option(help: "The directory to write to; made if missing.", completion: .directory)
    var out: String

    @Argument(help: "The file to encode.", completion: .file())
    var file: String

    func run() throws {
        let parameters = try encoding.parameters()
        let blob = try CommandFiles.readBlob(file, parameters)
        let encoder = RedStuffEncoder(parameters, workers: BlobFile.workers)
        var bar = ProgressBar("encoding")
        let encoded = try encoder.encode(blob) { bar.update($0) }
        bar.finish()
        let directory = SliverFiles(path: out)
        try directory.prepare()
        bar = ProgressBar("writing slivers")
        for number in 0..<UInt16(parameters.shardCount) {
            let index = SliverIndex(number)
            for axis in SliverAxis.allCases {
                try CommandFiles.write(
                    encoded.sliver(axis, index).bytes,
                    to: directory.path(of: SliverFiles.name(axis, index))
                )
            }
            bar.update(Double(number) / Double(parameters.shardCount))
        }
        bar.finish()
        // Last, so that a directory with metadata is a whole one.
        try CommandFiles.write(
            encoded.metadata.withID.bcsBytes,
            to: directory.path(of: SliverFiles.metadataName)
        )
        print(
            """
            \(encoded.blobID): \(blob.count) bytes as \(parameters.shardCount) sliver pairs in \
            \(out), symbols of \(encoded.metadata.symbolSize) bytes
            """
        )
    }
}
