internal import BlobModel
internal import ErasureCoding
internal import SystemIO

/// A plain file that is encoded without being read into memory as a whole.
struct BlobFile {
    private let path: String
    private let file: any File
    let length: Int

    /// Opens a file that can be a blob.
    init(_ path: String, _ parameters: EncodingParameters) throws {
        self.path = path
        length = try CommandFiles.blobLength(path, parameters)
        do {
            file = try CommandFiles.files.open(path, .read)
        } catch {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        }
    }

    /// Threads of all cores but the caller's.
    static var workers: Workers {
        let helpers = Processor.count - 1
        return Workers(BlockingPool(threads: helpers, name: "encode"), helpers: helpers)
    }

    /// The metadata that the file has as a blob; blocks.
    func metadata(
        _ parameters: EncodingParameters,
        progress: (Double) -> Void = { _ in }
    ) throws -> VerifiedBlobMetadata {
        let file = file
        let source = unsafe BlobSource<Unreadable> { (target, offset) throws(Unreadable) in
            let count: Int
            do throws(SystemError) {
                count = try unsafe file.read(into: target, at: offset)
            } catch {
                throw .failed(error)
            }
            guard count == target.count else { throw .shortened }
        }
        let encoding = try BlobEncoding(
            RedStuffCodec(parameters),
            length: UInt64(length),
            workers: Self.workers
        )
        try CommandFiles.checkMemory(UInt64(encoding.memoryNeeded), for: length, parameters)
        do {
            return try encoding.metadata(from: source, progress: progress)
        } catch Unreadable.failed(let error) {
            throw CommandFailure.failed.report("cannot read \(path): \(error)")
        } catch Unreadable.shortened {
            throw CommandFailure.failed.report("\(path) became shorter while it was read")
        }
    }

    private enum Unreadable: Error {
        case failed(SystemError)
        /// Some other program cut it meanwhile.
        case shortened
    }
}
