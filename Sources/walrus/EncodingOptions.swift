internal import ArgumentParser
internal import BlobModel
internal import Glibc
internal import SystemIO

/// The committee that a blob is encoded for.
struct EncodingOptions: ParsableArguments {
    @Option(
        name: .customLong("n-shards"),
        help: "The number of shards of the network (4 to 49155; the public networks have 1000)."
    )
    var shardCount = 1000

    func validate() throws {
        do {
            _ = try EncodingParameters(shardCount: shardCount)
        } catch {
            throw ValidationError(
                "There is no encoding for \(shardCount) shards; 4 to 49155 have one."
            )
        }
    }

    /// - Precondition: Validated.
    func parameters() throws -> EncodingParameters {
        try EncodingParameters(shardCount: shardCount)
    }
}

/// Files as the commands read and write them.
enum CommandFiles {
    static let files = LinuxFileSystem()

    /// The bytes of a blob that can be encoded: a plain file, not too long, and small enough for
    /// the memory of this machine.
    static func readBlob(
        _ path: String,
        _ parameters: EncodingParameters,
        keepsSlivers: Bool
    ) throws -> [UInt8] {
        do {
            guard let status = try files.status(path) else {
                throw CommandFailure.failed.report("\(path): there is no such file")
            }
            guard !status.isDirectory else {
                throw CommandFailure.failed.report("\(path) is a directory; name a file")
            }
            let length = UInt64(status.size)
            guard length <= parameters.blobLengthMax else {
                throw CommandFailure.failed.report(
                    """
                    \(path) has \(length) bytes; with \(parameters.shardCount) shards a blob has \
                    at most \(parameters.blobLengthMax)
                    """
                )
            }
            try checkMemory(for: length, parameters, keepsSlivers: keepsSlivers)
            guard let bytes = try files.readWholeFile(path, limit: status.size) else {
                throw CommandFailure.failed.report("\(path): there is no such file")
            }
            return bytes
        } catch let error as SystemError {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        }
    }

    private static func checkMemory(
        for length: UInt64,
        _ parameters: EncodingParameters,
        keepsSlivers: Bool
    ) throws {
        let shards = UInt64(parameters.shardCount)
        let rows = keepsSlivers ? shards : UInt64(parameters.sourceRows)
        let symbols =
            rows * UInt64(parameters.sourceColumns)
            + UInt64(parameters.sourceRows * parameters.faultyMax)
        let symbolSize = UInt64(try parameters.symbolSize(of: length))
        let needed = length + symbols * symbolSize + shards * shards * 32
        let memory = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 1)) * UInt64(getpagesize())
        guard needed < memory else {
            throw CommandFailure.failed.report(
                """
                encoding \(length) bytes for \(shards) shards takes \(needed >> 20) MiB of memory; \
                this machine has \(memory >> 20)
                """
            )
        }
    }

    /// Writes a file that others may read, in place of one that has its name.
    static func write(_ bytes: [UInt8], to path: String) throws {
        do {
            let file = try files.open(path, .createIfMissing, permissions: 0o644)
            defer { file.close() }
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
        } catch {
            throw CommandFailure.failed.report("cannot write \(path): \(error)")
        }
    }
}
