package import BlobModel
internal import Crypto

/// A pack that is finished and sealed.
package struct SealedPack: Sendable {
    package let header: PackHeader
    package let trailer: PackTrailer
    package let bytes: [UInt8]
}

/// Seals chunks one after another into a pack.
///
/// Not `Sendable`: one task fills it. The salt must have been drawn for it alone.
package final class PackBuilder {
    package let header: PackHeader
    private let volume: VolumeID
    private let keys: VolumeKeys
    private let sealing: FrameSealing
    private let compressor = Compressor()
    private var bytes: [UInt8]
    private var chunks: [PackTrailer.Chunk] = []
    private var slices: [SliceChunk] = []
    private var frameNext: UInt32 = 0

    package init(header: PackHeader, volume: VolumeID, keys: VolumeKeys, reserving: Int = 0) {
        self.header = header
        self.volume = volume
        self.keys = keys
        sealing = FrameSealing(header: header, volume: volume, keys: keys)
        bytes = []
        bytes.reserveCapacity(reserving)
        bytes.append(contentsOf: header.bytes)
    }

    /// Bytes so far, without the trailer.
    package var count: Int { bytes.count }
    package var isEmpty: Bool { chunks.isEmpty }
    package var chunkCount: Int { chunks.count }

    /// Whether the finished pack stays within `limit` with one more chunk and so many ranges of
    /// slices, however badly they compress.
    package func hasRoom(forChunkOf length: Int, slices count: Int, limit: Int) -> Bool {
        let frames = ChunkLayout.frameCount(of: UInt32(length))
        let frameTotal = Int(frameNext) + frames
        // Beside its lists' lengths: id, length, count and frames of a chunk.
        let trailer =
            16 + (chunks.count + 1) * 38 + frameTotal * 4
            + (slices.count + count) * SliceChunk.encodedSize
        let sealed = length + frames * StoredFrame.tagLength
        let rest = trailer + StoredFrame.tagLength + PackFooter.length
        return bytes.count + sealed + rest <= limit
    }

    /// Seals a chunk.
    ///
    /// - Precondition: It has 1 byte to 4 MiB and `id` is its name.
    @discardableResult
    package func append(_ id: ChunkID, _ plaintext: UnsafeRawBufferPointer) -> ChunkLayout {
        precondition(plaintext.count > 0 && plaintext.count <= ChunkLayout.lengthMax)
        precondition(chunks.count < PackTrailer.chunksMax)
        let offset = UInt64(bytes.count)
        let first = frameNext
        let size = StoredFrame.plainLengthMax
        var frames: [StoredFrame] = []
        for (index, start) in stride(from: 0, to: plaintext.count, by: size).enumerated() {
            let end = min(start + size, plaintext.count)
            let part = unsafe UnsafeRawBufferPointer(rebasing: plaintext[start..<end])
            let frame = unsafe sealing.seal(
                part,
                of: id,
                index: index,
                isLast: end == plaintext.count,
                number: frameNext,
                with: compressor,
                to: &bytes
            )
            frames.append(frame)
            frameNext += 1
        }
        precondition(bytes.count <= PackHeader.packLengthMax)
        let layout = ChunkLayout(
            offset: offset,
            firstFrame: first,
            length: UInt32(plaintext.count),
            frames: frames
        )
        chunks.append(PackTrailer.Chunk(id: id, layout: layout))
        return layout
    }

    @discardableResult
    package func append(_ id: ChunkID, _ plaintext: [UInt8]) -> ChunkLayout {
        unsafe plaintext.withUnsafeBytes { bytes in unsafe append(id, bytes) }
    }

    /// Says in the trailer that a range of a slice lies in one of the chunks.
    package func record(_ slice: SliceChunk) { slices.append(slice) }

    /// Seals the trailer; the builder is not used again.
    package func finish() -> SealedPack {
        let trailer = PackTrailer(chunks: chunks, slices: slices)
        let body = trailer.body
        precondition(body.count <= PackTrailer.plainLengthMax)
        let (packed, codec) = unsafe body.withUnsafeBytes { bytes in
            unsafe compressor.compress(bytes)
        }
        let footer = PackFooter(
            storedLength: UInt32(packed.count + StoredFrame.tagLength),
            plainLength: UInt32(body.count),
            codec: codec
        )
        AEAD.seal(
            packed,
            key: keys.packKey(.trailer, kind: header.kind, salt: header.salt),
            nonce: 0,
            authenticating: PackReader.trailerData(header, footer, volume),
            to: &bytes
        )
        bytes.append(contentsOf: footer.bytes)
        defer { bytes = [] }
        return SealedPack(header: header, trailer: trailer, bytes: bytes)
    }
}
