package import BlobModel
internal import Codec

/// Opens a pack whose bytes are all here, as manifests, runs and `recover` have them.
package struct PackReader: Sendable {
    package let header: PackHeader
    package let trailer: PackTrailer
    private let bytes: [UInt8]
    private let sealing: FrameSealing

    /// Opens the trailer and checks that it describes all of `bytes`.
    package init(
        _ bytes: [UInt8],
        volume: VolumeID,
        keys: VolumeKeys
    ) throws(VolumeFormatError) {
        header = try PackHeader(bytes: bytes)
        guard bytes.count >= PackHeader.length + PackFooter.length else {
            throw .corrupt("a pack that ends early")
        }
        let footer = try PackFooter(bytes: Array(bytes.suffix(PackFooter.length)))
        let trailerEnd = bytes.count - PackFooter.length
        let framesEnd = trailerEnd - Int(footer.storedLength)
        guard framesEnd >= PackHeader.length else { throw .corrupt("a pack that ends early") }
        trailer = try Self.openTrailer(
            bytes[framesEnd..<trailerEnd],
            framesEnd: UInt64(framesEnd),
            header: header,
            footer: footer,
            volume: volume,
            keys: keys
        )
        self.bytes = bytes
        sealing = FrameSealing(header: header, volume: volume, keys: keys)
    }

    static func trailerData(
        _ header: PackHeader,
        _ footer: PackFooter,
        _ volume: VolumeID
    ) -> [UInt8] {
        Array("WFST".utf8) + volume.bytes + header.bytes + footer.bytes
    }

    /// Opens a trailer that was fetched by itself; it begins at `framesEnd` of the pack.
    package static func openTrailer(
        _ stored: ArraySlice<UInt8>,
        framesEnd: UInt64,
        header: PackHeader,
        footer: PackFooter,
        volume: VolumeID,
        keys: VolumeKeys
    ) throws(VolumeFormatError) -> PackTrailer {
        guard stored.count == Int(footer.storedLength) else {
            throw .corrupt("the length of a trailer")
        }
        let packed = try AEAD.open(
            stored,
            key: keys.packKey(.trailer, kind: header.kind, salt: header.salt),
            nonce: 0,
            authenticating: trailerData(header, footer, volume),
            what: "the trailer of pack \(header.id)"
        )
        let body = try Compressor.expand(
            packed,
            codec: footer.codec,
            to: Int(footer.plainLength)
        )
        return try decoding { () throws(CodecError) in
            try PackTrailer(body: body, framesEnd: framesEnd)
        }
    }

    /// The plaintext of a chunk of this pack.
    package func open(_ chunk: PackTrailer.Chunk) throws(VolumeFormatError) -> [UInt8] {
        try open(chunk.id, chunk.layout)
    }

    package func open(
        _ id: ChunkID,
        _ layout: ChunkLayout
    ) throws(VolumeFormatError) -> [UInt8] {
        var plaintext: [UInt8] = []
        plaintext.reserveCapacity(Int(layout.length))
        for index in layout.frames.indices {
            let range = layout.storedRange(ofFrames: index..<index + 1)
            guard range.upperBound <= UInt64(bytes.count) else {
                throw .corrupt("a frame outside its pack")
            }
            let stored = bytes[Int(range.lowerBound)..<Int(range.upperBound)]
            plaintext += try sealing.open(stored, of: id, layout: layout, index: index)
        }
        return plaintext
    }
}
