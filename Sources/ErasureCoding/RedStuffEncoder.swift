package import BlobModel

/// Encodes blobs for one committee.
///
/// With ``Workers`` it uses several threads, and blocks the one that calls.
package struct RedStuffEncoder: Sendable {
    private let codec: RedStuffCodec
    private let workers: Workers

    package init(_ codec: RedStuffCodec, workers: Workers = .none) {
        self.codec = codec
        self.workers = workers
    }

    package init(_ parameters: EncodingParameters, workers: Workers = .none) {
        self.init(RedStuffCodec(parameters), workers: workers)
    }

    /// All slivers and the metadata of `blob`.
    ///
    /// Takes about three and a half times the blob's length in memory, besides the blob; the
    /// slivers themselves take four and a half.
    package func encode(
        _ blob: [UInt8],
        progress: (Double) -> Void = { _ in }
    ) throws(EncodingParametersError) -> EncodedBlob {
        let encoding = try BlobEncoding(codec, length: UInt64(blob.count), workers: workers)
        return encoding.encode(from: BlobSource(blob), progress: progress)
    }

    /// The metadata of `blob`, and so its id.
    ///
    /// Takes about one and a half times the blob's length in memory, besides the blob, and never
    /// more than ``BlobEncoding`` says.
    package func metadata(
        of blob: [UInt8],
        progress: (Double) -> Void = { _ in }
    ) throws(EncodingParametersError) -> VerifiedBlobMetadata {
        let encoding = try BlobEncoding(codec, length: UInt64(blob.count), workers: workers)
        return encoding.metadata(from: BlobSource(blob), progress: progress)
    }
}
