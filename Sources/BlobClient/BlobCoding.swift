internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import SystemIO

/// The codes of one committee, run where they may take long.
struct BlobCoding: Sendable {
    let parameters: EncodingParameters
    private let codec: RedStuffCodec
    private let compute: BlockingPool

    init(_ parameters: EncodingParameters, compute: BlockingPool) {
        self.parameters = parameters
        codec = RedStuffCodec(parameters)
        self.compute = compute
    }

    func encode(_ blob: [UInt8]) async throws(EncodingParametersError) -> EncodedBlob {
        // Threads of the pool that have nothing else to do help.
        let encoder = RedStuffEncoder(codec, workers: Workers(compute))
        return try await compute.run { () throws(EncodingParametersError) -> EncodedBlob in
            try encoder.encode(blob)
        }
    }

    /// The id of a blob; nil for one that is too long to have any.
    func blobID(of blob: [UInt8]) async -> BlobID? {
        let encoder = RedStuffEncoder(codec, workers: Workers(compute))
        return await compute.run { try? encoder.metadata(of: blob).blobID }
    }

    /// The sliver that `bytes` are said to be; nil when they are not.
    func verify(
        _ bytes: [UInt8],
        _ axis: SliverAxis,
        _ index: SliverIndex,
        _ metadata: VerifiedBlobMetadata
    ) async -> VerifiedSliver? {
        let codec = codec
        return await compute.run {
            // The peer hears of no reason; the log says who sent what is not this sliver.
            guard let sliver = try? Sliver(axis: axis, dataBytes: bytes), sliver.index == index
            else { return nil }
            return try? SliverVerifier(codec, metadata).verify(sliver)
        }
    }

    /// The range that has to be asked for to rebuild `range` of a primary sliver.
    ///
    /// - Precondition: `range` is inside the sliver and not empty.
    func codingRange(covering range: Range<Int>, _ metadata: VerifiedBlobMetadata) -> Range<Int> {
        do {
            return try RedStuffDecoder(codec, metadata).codingRange(covering: range)
        } catch {
            preconditionFailure("A part of a blob is inside its row: \(error)")
        }
    }

    /// `range` of a primary sliver, from that of others; nil when they are too few or unfit.
    func rebuild(
        _ target: SliverIndex,
        range: Range<Int>,
        from parts: [(sliver: SliverIndex, bytes: [UInt8])],
        _ metadata: VerifiedBlobMetadata
    ) async -> [UInt8]? {
        let codec = codec
        return await compute.run {
            // Lengths and indexes were checked when the parts came; what is left is their count.
            try? RedStuffDecoder(codec, metadata).reconstruct(target, range: range, from: parts)
        }
    }

    /// Whole primary slivers from others, on all threads; nil when those are too few or unfit.
    func rebuild(
        _ targets: [SliverIndex],
        from parts: [(sliver: SliverIndex, bytes: [UInt8])],
        _ metadata: VerifiedBlobMetadata
    ) async -> [[UInt8]]? {
        let decoder = RedStuffDecoder(codec, metadata, workers: Workers(compute))
        return await compute.run {
            // Lengths and indexes were checked when the parts came; what is left is their count.
            try? decoder.reconstructRows(targets, from: parts)
        }
    }

    /// Whether `bytes` are primary sliver `index` of the blob.
    func isRow(
        _ bytes: [UInt8],
        _ index: SliverIndex,
        of metadata: VerifiedBlobMetadata
    ) async -> Bool {
        let codec = codec
        return await compute.run {
            let sliver = Sliver(
                axis: .primary,
                index: index,
                symbolSize: UInt16(metadata.symbolSize),
                bytes: bytes
            )
            // Any error says no.
            return (try? SliverVerifier(codec, metadata).verify(sliver)) != nil
        }
    }
}
