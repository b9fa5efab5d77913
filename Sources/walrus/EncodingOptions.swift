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

    /// The length of a blob that can be encoded: a plain file, not too long.
    static func blobLength(_ path: String, _ parameters: EncodingParameters) throws -> Int {
        do {
            guard let status = try files.status(path) else {
                throw CommandFailure.failed.report("\(path): there is no such file")
            }
            guard !status.isDirectory else {
                throw CommandFailure.failed.report("\(path) is a directory; name a file")
            }
            guard status.isPlain, try status.size > 0 || isEmpty(path) else {
                throw CommandFailure.failed.report(
                    "\(path) does not say how long it is; copy it to a plain file first"
                )
            }
            guard UInt64(status.size) <= parameters.blobLengthMax else {
                throw CommandFailure.failed.report(
                    """
                    \(path) has \(status.size) bytes; with \(parameters.shardCount) shards a blob \
                    has at most \(parameters.blobLengthMax)
                    """
                )
            }
            return status.size
        } catch let error as SystemError {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        }
    }

    /// Whether a file that says it has no bytes has none: those below /proc have.
    private static func isEmpty(_ path: String) throws(SystemError) -> Bool {
        let file = try files.open(path, .read)
        defer { file.close() }
        var byte: UInt8 = 0
        return try unsafe withUnsafeMutableBytes(of: &byte) { (bytes) throws(SystemError) in
            try unsafe file.read(into: bytes, at: 0) == 0
        }
    }

    /// The bytes of a blob whose slivers the memory of this machine holds.
    static func readBlob(_ path: String, _ parameters: EncodingParameters) throws -> [UInt8] {
        let length = try blobLength(path, parameters)
        try checkMemory(for: length, parameters)
        do {
            guard let bytes = try files.readWholeFile(path, limit: length) else {
                throw CommandFailure.failed.report("\(path): there is no such file")
            }
            return bytes
        } catch let error as SystemError {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        }
    }

    /// What all slivers take, and the blob besides.
    private static func checkMemory(for length: Int, _ parameters: EncodingParameters) throws {
        let shards = parameters.shardCount
        let symbols =
            shards * parameters.sourceColumns
            + parameters.sourceRows * parameters.faultyMax
        let symbolSize = try parameters.symbolSize(of: UInt64(length))
        let needed = length + symbols * symbolSize + shards * shards * 32
        try checkMemory(UInt64(needed), for: length, parameters)
    }

    /// Refuses what this machine has no memory for.
    static func checkMemory(
        _ needed: UInt64,
        for length: Int,
        _ parameters: EncodingParameters
    ) throws {
        let memory = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 1)) * UInt64(getpagesize())
        guard needed < memory else {
            throw CommandFailure.failed.report(
                """
                encoding \(length) bytes for \(parameters.shardCount) shards takes \
                \(needed >> 20) MiB of memory; this machine has \(memory >> 20)
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
